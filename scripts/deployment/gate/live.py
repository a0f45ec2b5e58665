"""Finds the live model: what the stage's alias serves, from its release in the bucket."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handler.bundle.files import load_bundle
from handler.bundle.manifest import Manifest
from handler.storage.location import write_atomically
from scripts.deployment.aws.account import aws_errors_explained, select
from scripts.deployment.aws.stack import NEVER_WHOLE, read_alias, read_stack
from scripts.deployment.gate.comparison import ModelId
from scripts.deployment.gate.versions import KnownModel
from scripts.deployment.parameters import deploy_region, read_samconfig, stack_name
from scripts.deployment.releases import (
    MODEL_FILES,
    Release,
    ReleaseStore,
    list_releases,
    live_release,
    read_file,
)
from scripts.tool import ToolError


@dataclass(frozen=True)
class StageReleases:
    """What a stage has been given. live: by the alias; None where no stack is there yet. known:
    every model that was ever released on it. store: None without a stack."""

    store: ReleaseStore | None
    live: Release | None
    known: tuple[KnownModel, ...]


@dataclass(frozen=True)
class LiveModel:
    """The live model's files. where: `release 7`, or the folder given with --live."""

    bundle_dir: Path
    manifest: Manifest
    where: str


def read_stage(stage: str) -> StageReleases:
    """The releases of a stage, and which one is live.

    Raises ToolError where AWS cannot be asked, and where a stack serves something that has no
    record.
    """
    try:
        samconfig = read_samconfig()
        select(region=deploy_region(samconfig, stage))
        with aws_errors_explained():
            return _read_stage(stack_name(samconfig, stage))
    except ToolError as error:
        raise ToolError(f"which model is live on {stage} is not known: {error}") from None


def fetch_live_model(stage: StageReleases, folder: Path) -> LiveModel | None:
    """Write the live release's bundle into a folder; None for a stage without one.

    Raises ToolError and BundleError for files that are missing or broken.
    """
    if stage.live is None or stage.store is None:
        return None
    with aws_errors_explained():
        for name in MODEL_FILES:
            write_atomically(folder / name, read_file(stage.store, stage.live.number, name))
    manifest = load_bundle(folder).manifest
    if manifest.sha256 != stage.live.model_sha256:
        raise ToolError(
            f"release {stage.live.number} says that it has a model.onnx of "
            f"{stage.live.model_sha256[:12]}, and its files are of {manifest.sha256[:12]}"
        )
    return LiveModel(folder, manifest, f"release {stage.live.number}")


def read_live_bundle(bundle_dir: Path) -> LiveModel:
    """The live model as the user names it. Raises BundleError."""
    return LiveModel(bundle_dir, load_bundle(bundle_dir).manifest, str(bundle_dir))


def _read_stage(name: str) -> StageReleases:
    stack = read_stack(name)
    if stack is None or stack.status in NEVER_WHOLE or stack.bucket is None:
        return StageReleases(None, None, ())
    store = ReleaseStore(stack.bucket)
    releases = list_releases(store)
    known = tuple(
        KnownModel(
            ModelId(each.model_name, each.model_version, each.model_sha256),
            f"release {each.number}",
        )
        for each in releases
    )
    alias = read_alias(stack.function) if stack.function else None
    if alias is None:
        raise ToolError(f"the stack {name} has no function with the alias live")
    live = live_release(releases, alias.version)
    if live is None:
        raise ToolError(
            f"its alias serves version {alias.version}, which none of the {len(releases)} releases "
            f"in s3://{stack.bucket} has"
        )
    return StageReleases(store, live, known)
