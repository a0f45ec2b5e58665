"""What became of a deployment: it is called, and taken back if it does not answer, and recorded.

A deployment that failed leaves what was live before. Its record says why, in CloudFormation's words
and in plain ones.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handler.bundle.files import ONNX_FILE, Bundle
from handler.bundle.reader import MANIFEST_FILE
from scripts.deployment.aws import images
from scripts.deployment.aws.account import Account
from scripts.deployment.aws.explain import explain_failures
from scripts.deployment.aws.stack import (
    DETECT,
    Alias,
    Stack,
    read_alias,
    read_stack,
    version_settings,
)
from scripts.deployment.checks import (
    KEYS,
)
from scripts.deployment.releases import (
    PARAMETERS_FILE,
    SBOM_FILE,
    TEMPLATE_FILE,
    Release,
    ReleaseStore,
    Status,
    list_releases,
    live_release,
    next_number,
    previous_good,
    read_file,
    supersede,
    write_release,
)
from scripts.deployment.restore import Situation, go_back, image_uris
from scripts.deployment.smoke import SmokeError, SmokeResult, smoke
from scripts.paths import ROOT
from scripts.tool import ToolError

MODEL = ROOT / "handler" / "model"
SBOM = ROOT / "out" / "sbom" / "detect.cdx.json"  # scripts/build writes it
NOT_FINISHED = "not finished"


class DeployError(ToolError):
    """A deployment that failed; the text says why, and what is live now."""


@dataclass(frozen=True)
class Plan:
    """What is deployed, and to where."""

    stage: str
    name: str
    account: Account
    parameters: Mapping[str, str]
    bundle: Bundle
    comparison: Mapping[str, Any] | None
    allow_worse: str | None
    expected_change: str | None
    time: datetime


def conclude(
    plan: Plan,
    template: Path,
    before: Stack | None,
    since: datetime,
    record: Release | None,
    succeeded: bool,
) -> Release:
    """See what became of the deployment, and write it down."""
    stack = read_stack(plan.name)
    store = ReleaseStore(stack.bucket) if stack and stack.bucket else None
    if not succeeded or stack is None or store is None or stack.function is None:
        why = (explain_failures(stack.id, since) if stack else "") or (
            "sam deploy ended with an error, see above; CloudFormation itself changed nothing"
        )
        if record and store:
            write_release(store, dataclasses.replace(record, note=why.partition("\n")[0][:500]))
        raise DeployError(f"the deployment failed.\n{why}\n{_what_is_live(stack, plan.stage)}")
    releases = list_releases(store)
    function = stack.function
    alias = read_alias(function)
    if alias is None:
        raise DeployError(f"{function} has no alias `live`; is the template this checkout's?")
    if before is not None and stack.changed == before.changed:
        return _conclude_unchanged(plan, template, stack, store, releases, record, alias)
    number = record.number if record else next_number(store)
    uri, digest = images.resolve_digest(function, alias.version)
    release = dataclasses.replace(
        record_of(plan, template, number, "released", ""), image_digest=digest,
        function_version=alias.version, time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )  # fmt: skip
    if uri:
        release = dataclasses.replace(release, image_uri=uri)
    try:
        print(f"smoke     {_smoke(plan, function)}")
    except SmokeError as error:
        raise _take_back(plan, template, stack, store, releases, release, error) from None
    _finish(plan, template, stack, store, releases, release)
    return release


def _smoke(plan: Plan, function: str) -> SmokeResult:
    manifest = plan.bundle.manifest
    return smoke(
        function,
        model=f"{manifest.name} {manifest.version}",
        is_keyed=bool(plan.parameters.get(KEYS)),
    )


def _conclude_unchanged(
    plan: Plan,
    template: Path,
    stack: Stack,
    store: ReleaseStore,
    releases: Sequence[Release],
    record: Release | None,
    alias: Alias,
) -> Release:
    """Where CloudFormation found no change, or somebody declined it."""
    function = str(stack.function)
    releases = [
        release for release in releases if record is None or release.number != record.number
    ]
    if record:
        store.delete_release(record.number)
    live = live_release(releases, alias.version)
    if live is None:
        # Perhaps the command that deployed it was cut off before it could say so.
        cut_off = next((each for each in releases if each.note == NOT_FINISHED), None)
        if cut_off is None or not _is_of(cut_off, store, plan, template):
            raise DeployError(
                f"nothing was deployed. Live is version {alias.version} of {function}, which "
                "no release has; a deployment with any change makes one"
            )
        live = dataclasses.replace(
            cut_off, status="released", note="", function_version=alias.version,
            image_digest=images.resolve_digest(function, alias.version)[1],
        )  # fmt: skip
        print(f"smoke     {_smoke(plan, function)}")
        _finish(plan, template, stack, store, releases, live)
        return live
    print(f"smoke     {_smoke(plan, function)}")
    print(
        "nothing was deployed: nothing differs, or the change set was declined. Release "
        f"{live.number} stays live"
    )
    return live


def _finish(
    plan: Plan,
    template: Path,
    stack: Stack,
    store: ReleaseStore,
    releases: Sequence[Release],
    release: Release,
) -> None:
    write_release(store, release, files_of(plan, template))
    supersede(store, releases, release.number)
    images.keep(release.number, image_uris(_read_template(template)))
    print(
        f"released  {release.number}: {release.model}, version "
        f"{release.function_version} of {stack.function}"
    )
    for name in ("ApiUrl", "Try"):
        if name in stack.outputs:
            print(f"{name:<9} {stack.outputs[name]}")
    settings = version_settings(str(stack.function), release.function_version) or {}
    if settings.get("API_KEY_SHA256", "") != plan.parameters.get(KEYS, ""):
        raise DeployError(
            f"version {release.function_version} is live with other keys than samconfig.toml has: "
            "a key that was removed may still open the API. Deploy again with any change to the "
            "code; does the template still name its version by the parameter Release?"
        )


def _take_back(
    plan: Plan,
    template: Path,
    stack: Stack,
    store: ReleaseStore,
    releases: Sequence[Release],
    release: Release,
    error: SmokeError,
) -> DeployError:
    """Go back to what was live before a release that does not answer; what to raise then."""
    note = str(error).partition("\n")[0][:500]
    failed = dataclasses.replace(release, status="rolled back", note=note)
    write_release(store, failed, files_of(plan, template))
    why = f"the deployed function does not answer as it must.\n{error}"
    good = previous_good(releases, release)
    if good is None:
        write_release(store, dataclasses.replace(failed, status="failed"))
        return DeployError(
            f"{why}\nIt is live all the same, since there is no earlier release. Its log: "
            f"{stack.outputs.get('FunctionLogGroupName', stack.function)}"
        )
    print(f"smoke     {error}\ngoing back to release {good.number}")
    here = Situation.read(plan.stage, stack)
    back = go_back(dataclasses.replace(here, live=failed), good, reason=note)
    return DeployError(
        f"{why}\nRelease {failed.number} was taken back; live is release {back.number}, which is "
        f"{back.restores} again"
    )


def _what_is_live(stack: Stack | None, stage: str) -> str:
    if stack is None:
        return "Nothing is live: there is no stack."
    alias = read_alias(stack.function) if stack.function else None
    if alias is None or stack.bucket is None:
        return (
            f"Nothing is live: stack {stack.name} is {stack.status}. Mend the cause and run "
            f"scripts/deploy {stage} again, which begins anew."
        )
    live = live_release(list_releases(ReleaseStore(stack.bucket)), alias.version)
    which = f"release {live.number} ({live.model})" if live else "unknown"
    shared = f", and shares calls with {', '.join(alias.weights)}" if alias.weights else ""
    return f"Live as before: {which}, version {alias.version}{shared}. The stack is {stack.status}."


def record_of(plan: Plan, template: Path, number: int, status: Status, note: str) -> Release:
    manifest = plan.bundle.manifest
    return Release(
        number=number,
        stage=plan.stage,
        time=f"{plan.time:%Y-%m-%dT%H:%M:%SZ}",
        commit=_commit(),
        image_uri=image_uris(_read_template(template)).get(DETECT, ""),
        image_digest="",
        function_version="",
        model_name=manifest.name,
        model_version=manifest.version,
        model_sha256=manifest.sha256,
        figures={
            each.dataset: {
                "pictures": each.pictures,
                "ap50": each.ap50,
                "count_error": each.count_error,
            }
            for each in manifest.evaluation or ()
        },
        comparison=plan.comparison,
        allow_worse=plan.allow_worse,
        expected_change=plan.expected_change,
        status=status,
        note=note,
    )


def files_of(plan: Plan, template: Path) -> dict[str, bytes]:
    sbom = {SBOM_FILE: SBOM.read_bytes()} if SBOM.exists() else {}
    return {
        TEMPLATE_FILE: template.read_bytes(),
        PARAMETERS_FILE: json.dumps(dict(plan.parameters), indent=2).encode(),
        MANIFEST_FILE: (MODEL / MANIFEST_FILE).read_bytes(),
        ONNX_FILE: plan.bundle.onnx_path.read_bytes(),
        **sbom,
    }


def _is_of(release: Release, store: ReleaseStore, plan: Plan, template: Path) -> bool:
    """Whether an unfinished release is of the same image and parameters as this deployment."""
    recorded = json.loads(read_file(store, release.number, PARAMETERS_FILE))
    uri = image_uris(_read_template(template)).get(DETECT)
    return recorded == dict(plan.parameters) and release.image_uri == uri


def _read_template(template: Path) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(template.read_bytes())
    return read


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
