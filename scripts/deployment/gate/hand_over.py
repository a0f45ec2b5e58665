"""From the gate to the deployment: place the bundle, try it, deploy it; or put the former one back.

What lies in handler/model is what the next deployment ships. So a release that comes to nothing
leaves the former bundle there, and one of which nobody knows says where both are.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.bundle.files import load_bundle
from handler.bundle.manifest import Evaluation, Manifest
from handler.bundle.reader import BundleError
from scripts.deployment.gate.compare import model_id
from scripts.deployment.gate.live import StageReleases
from scripts.deployment.gate.place import Placement
from scripts.deployment.gate.trial import format_trial, try_bundle
from scripts.deployment.gate.versions import ChosenVersion, KnownModel

Deploy = Callable[..., object]  # scripts.deployment.deploy.deploy
ReadStage = Callable[[str], StageReleases]


@dataclass(frozen=True)
class HandOver:
    """A bundle's way to a stage. deploy, read: what reaches beyond this machine."""

    stage: str
    placement: Placement
    deploy: Deploy
    read: ReadStage

    def run(
        self,
        bundle_dir: Path,
        version: ChosenVersion,
        evaluations: Sequence[Evaluation],
        record: Mapping[str, Any],
    ) -> None:
        """Place, try and deploy a bundle, telling each step on stdout.

        evaluations: the gate's, for model.json. record: what the release's record keeps, as
        deploy's keyword arguments. Raises ToolError, BundleError and OSError.
        """
        placement = self.placement
        before = read_in_place(placement)
        manifest = placement.place(bundle_dir, version.version, evaluations)
        is_deploying = False
        try:
            print(f"placed in {short(placement.model_dir)} as {name_version(manifest, version)}")
            print(f"tried: {format_trial(try_bundle(placement.model_dir))}")
            is_deploying = True
            self.deploy(self.stage, **record)
        except Exception:
            self._put_back_unless_live(is_deploying)
            raise
        except BaseException:  # interrupted: CloudFormation may go on with it
            if is_deploying:
                self._tell_kept("what was begun may still be deployed")
            else:
                placement.put_back()
            raise
        placement.forget()
        self._print_next_steps(has_changed=manifest != before)

    def _put_back_unless_live(self, is_deploying: bool) -> None:
        """Put the former bundle back, unless the one in place is what the stage serves by now."""
        if is_deploying:
            in_place = load_bundle(self.placement.model_dir).manifest
            try:
                live = self.read(self.stage).live
            except Exception:  # the deployment's own error is the one to tell
                self._tell_kept("whether the new one is live could not be found out")
                return
            served = (live.model_version, live.model_sha256) if live else None
            if served == (in_place.version, in_place.sha256):
                self._tell_kept("the new one is live")
                return
        self.placement.put_back()
        print(f"the former bundle is back in {short(self.placement.model_dir)}", file=sys.stderr)

    def _tell_kept(self, why: str) -> None:
        if self.placement.kept:
            print(
                f"{short(self.placement.model_dir)} has the new bundle, since {why}; the former "
                f"one is kept in {short(self.placement.kept)}",
                file=sys.stderr,
            )

    def _print_next_steps(self, *, has_changed: bool) -> None:
        bucket = "BUCKET"
        with contextlib.suppress(Exception):  # the release is out, whatever happens here
            store = self.read(self.stage).store
            bucket = store.bucket if store else bucket
        print(f"watch     scripts/run monitor report s3://{bucket} --window 1d")
        print(f"go back   scripts/rollback {self.stage}")
        if has_changed:
            print(
                f"commit    {short(self.placement.model_dir)} has changed; what deploys next from "
                "git would bring the former model back"
            )


def tell_cut_off(placement: Placement) -> None:
    """Mend what an earlier release left when it was cut off, and say so."""
    if placement.mend():
        print(
            f"an earlier release was cut off; {short(placement.model_dir)} is whole",
            file=sys.stderr,
        )
    for kept in sorted(placement.kept_dir.glob("former-*")):
        print(
            f"note: an earlier release did not end; the bundle from before it is in {short(kept)}",
            file=sys.stderr,
        )


def read_in_place(placement: Placement) -> Manifest | None:
    """The manifest of the bundle in place, None for none that can be read."""
    try:
        return load_bundle(placement.model_dir).manifest
    except BundleError:
        return None


def known_in_place(placement: Placement, in_place: Manifest | None) -> list[KnownModel]:
    """The bundle in place has its version, too, whether or not it was ever released."""
    if in_place is None:
        return []
    return [KnownModel(model_id(in_place), f"the bundle in {short(placement.model_dir)}")]


def name_version(manifest: Manifest, version: ChosenVersion) -> str:
    """The model as it is released, and why its version is not the bundle's own."""
    reason = f" ({version.reason})" if version.reason else ""
    return f"{manifest.name} {version.version}{reason}"


def short(path: Path) -> str:
    """A path as seen from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
