"""Make an earlier release live again: by the alias at once, then by the stack.

The alias takes seconds, and CloudFormation does not see it. So the stack is then updated to that
release's template, without a rollout: to "perform a CodeDeploy deployment when the version changes
on an AWS::Lambda::Alias resource", CloudFormation compares templates, and CodeDeploy shifts from
the `currentversion` that it is told; neither looks where the alias leads.

A version is a snapshot, with the keys of its day. Where a key that was removed since would be
valid again, the alias is not moved: the stack alone goes back, with the keys of today.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from scripts.deployment.aws import images
from scripts.deployment.aws.stack import (
    Alias,
    Stack,
    move_alias,
    read_alias,
    read_stack,
    version_settings,
)
from scripts.deployment.aws.update import update
from scripts.deployment.releases import (
    MODEL_FILES,
    PARAMETERS_FILE,
    SBOM_FILE,
    TEMPLATE_FILE,
    Release,
    ReleaseStore,
    list_releases,
    live_release,
    next_number,
    read_file,
    release_key,
    supersede,
    version_name,
    write_release,
)
from scripts.deployment.smoke import smoke, wake
from scripts.tool import ToolError

KEYS = "ApiKeySha256"
# What stays as it is today when a release comes back: who may call and what may be read, where
# going back would open a door; and how long data is kept, where it would delete some.
OF_TODAY = (
    KEYS, "AllowAnonymous", "Authorizer", "JwtIssuer", "JwtAudience", "AllowedOrigins",
    "ReadableBuckets", "KmsKeyArn", "LogRetentionDays", "PredictionRetentionDays",
    "CaptureRetentionDays", "AlarmEmail", "DailyBudget",
)  # fmt: skip
UNSETTLED = "; by the alias alone, the stack is not settled"
NO_ROLLOUT = {"EnableRollout": "false", "ExpectedChange": ""}


@dataclass(frozen=True)
class Situation:
    """What is there, before anything is done. live: None where no record has the live version."""

    stage: str
    stack: Stack
    function: str
    alias: Alias
    store: ReleaseStore
    releases: Sequence[Release]
    live: Release | None

    @classmethod
    def read(cls, stage: str, stack: Stack) -> Situation:
        """Raises ToolError for a stack that has nothing to go back to."""
        alias = read_alias(stack.function) if stack.function else None
        if stack.function is None or stack.bucket is None or alias is None:
            raise ToolError(
                f"stack {stack.name} ({stack.status}) has no function with the alias `live`: there "
                "is nothing to go back to"
            )
        store = ReleaseStore(stack.bucket)
        releases = list_releases(store)
        live = live_release(releases, alias.version)
        return cls(stage, stack, stack.function, alias, store, releases, live)


def go_back(
    here: Situation,
    target: Release,
    *,
    reason: str,
    alias_only: bool = False,
    with_old_keys: bool = False,
) -> Release:
    """Make `target` live instead of what is; the record of that. Raises ToolError."""
    began = time.monotonic()
    template = json.loads(read_file(here.store, target.number, TEMPLATE_FILE))
    for uri in image_uris(template).values():
        images.check_exists(uri, target.image_digest if uri == target.image_uri else "")
    parameters = merged_parameters(here, target)
    refusal = _why_not_by_alias(here, target, with_old_keys=with_old_keys)
    if refusal and alias_only:
        raise ToolError(refusal)
    if not refusal:
        wake(here.function, target.function_version)
        is_keyed = bool(_keys_of(here, target.function_version))
        # Before the alias moves: a version that does not answer either would be no help.
        smoke(here.function, target.function_version, model=target.model, is_keyed=is_keyed)
        move_alias(here.function, target.function_version)
        result = smoke(here.function, model=target.model, is_keyed=is_keyed)
        print(f"alias     {result}; {time.monotonic() - began:.0f} s after the beginning")
    else:
        print(f"alias     not moved: {refusal}")
    note = (
        f"back from {here.live.number if here.live else 'version ' + here.alias.version}: {reason}"
    )
    release = dataclasses.replace(
        target,
        number=next_number(here.store),
        time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        status="failed" if refusal else "released",
        note=note if refusal else note + UNSETTLED,
        function_version="" if refusal else target.function_version,
        comparison=None,
        restores=target.content,
    )
    _write(here, release, target, parameters)
    if not refusal:
        _mark(here, release, reason)
    if alias_only:
        print(
            f"stack     left as it was: scripts/deploy refuses until scripts/rollback {here.stage} "
            "settles it"
        )
        return release
    release = settle(here, release, parameters)
    if refusal:
        _mark(here, release, reason)
    _tell_what_next(here, release)
    return release


def image_uris(template: Mapping[str, object]) -> dict[str, str]:
    """The addresses of a packaged template's images, by the function's logical id."""
    resources = template.get("Resources")
    found = {}
    for name, resource in (resources if isinstance(resources, dict) else {}).items():
        properties = resource.get("Properties") or {}
        code = properties.get("Code")  # of a function that is not SAM's
        uri = properties.get("ImageUri") or (
            code.get("ImageUri") if isinstance(code, dict) else None
        )
        if isinstance(uri, str):
            found[name] = uri
    return found


def settle(here: Situation, release: Release, parameters: Mapping[str, str]) -> Release:
    """Update the stack to a release's template; the release with the version that this published.

    Raises ToolError; the alias then leads to the release's version where it had been moved there.
    """
    stack = read_stack(here.stack.name)
    assert stack is not None
    url = here.store.url(release_key(release.number, TEMPLATE_FILE))
    try:
        update(stack, template_url=url, parameters=parameters)
        alias = read_alias(here.function)
        assert alias is not None
        is_keyed = bool(_keys_of(here, alias.version))
        result = smoke(here.function, model=release.model, is_keyed=is_keyed)
    except ToolError:
        alias = read_alias(here.function)
        wanted = release.function_version
        if wanted and alias and (alias.version != wanted or alias.weights):
            # CloudFormation took the alias back to what it had believed before.
            move_alias(here.function, wanted)
            print(f"alias     version {wanted} again, after the failed update of the stack")
        raise
    print(f"stack     settled; {result}")
    settled = dataclasses.replace(
        release,
        function_version=alias.version,
        status="released",
        note=release.note.removesuffix(UNSETTLED),
    )
    write_release(here.store, settled)
    return settled


def merged_parameters(here: Situation, target: Release) -> dict[str, str]:
    """The release's parameters, but those of today that must not go back, and no rollout."""
    read = json.loads(read_file(here.store, target.number, PARAMETERS_FILE))
    today = {
        name: here.stack.parameters[name] for name in OF_TODAY if name in here.stack.parameters
    }
    merged = {**read, **{name: value for name, value in today.items() if name in read}}
    kept = [name for name in today if read.get(name, today[name]) != today[name]]
    if kept:
        print(f"today's   {', '.join(kept)}: as now, not as in release {target.number}")
    merged |= {name: value for name, value in NO_ROLLOUT.items() if name in read}
    if "Release" in read:
        template = read_file(here.store, target.number, TEMPLATE_FILE)
        merged["Release"] = version_name(template, merged)
    return merged


def _why_not_by_alias(here: Situation, target: Release, *, with_old_keys: bool) -> str:
    """Why the alias cannot simply be moved to the release's version; empty if it can."""
    version = target.function_version
    settings = version_settings(here.function, version) if version else None
    if settings is None:
        return f"version {version or 'of that release'} does not exist any more"
    _, digest = images.resolve_digest(here.function, version)
    if digest and target.image_digest and digest != target.image_digest:
        return f"version {version} has another image than release {target.number} had"
    then = _digests(settings.get("API_KEY_SHA256", ""))
    today = _digests(here.stack.parameters.get(KEYS, ""))
    if with_old_keys:
        return ""
    if today and not then:
        return (
            f"version {version} is from before there were keys: it would let everybody in. The "
            "stack goes back with today's keys, which takes minutes (--with-old-keys: at once)"
        )
    if revoked := then - today:
        names = ", ".join(key[:8] for key in sorted(revoked))
        return (
            f"{len(revoked)} keys that were removed since ({names}) would be "
            f"valid again with version {version}. The stack goes back with today's "
            "keys, which takes minutes (--with-old-keys: at once)"
        )
    if later := today - then:
        print(
            f"warning   {len(later)} keys are younger than version {version}: it refuses them "
            "until the stack is settled, in minutes"
        )
    return ""


def _keys_of(here: Situation, version: str) -> frozenset[str]:
    settings = version_settings(here.function, version) or {}
    return _digests(settings.get("API_KEY_SHA256", ""))


def _digests(text: str) -> frozenset[str]:
    return frozenset(digest.strip() for digest in text.split(",") if digest.strip())


def _write(
    here: Situation, release: Release, target: Release, parameters: Mapping[str, str]
) -> None:
    files = {
        name: read_file(here.store, target.number, name) for name in (TEMPLATE_FILE, *MODEL_FILES)
    }
    files[PARAMETERS_FILE] = json.dumps(parameters, indent=2).encode()
    if sbom := here.store.get(
        release_key(target.number, SBOM_FILE)
    ):  # releases before it have none
        files[SBOM_FILE] = sbom
    write_release(here.store, release, files, new=True)


def _mark(here: Situation, release: Release, reason: str) -> None:
    """Mark what was live as rolled back, and other ones as superseded."""
    if here.live:
        note = f"{reason} (back to {release.restores} on {release.time})"
        write_release(here.store, dataclasses.replace(here.live, status="rolled back", note=note))
    others = [
        each for each in here.releases if here.live is None or each.number != here.live.number
    ]
    supersede(here.store, others, release.number)


def _tell_what_next(here: Situation, release: Release) -> None:
    print(
        f"released  {release.number}: {release.model} of release "
        f"{release.restores}, version {release.function_version} of {here.function}"
    )
    if here.live and here.live.model_sha256 != release.model_sha256:
        print(
            f"next      this checkout may still have {here.live.model_name} "
            f"{here.live.model_version}, and scripts/deploy refuses it now. To go on from what is "
            f"live: git checkout {release.commit.removesuffix('-dirty')} -- handler/model"
        )
