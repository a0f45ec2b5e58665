"""A model's version is its own, apart from the code's: one version means one model, for ever.

Records, reports and the monitor's reference know a model by its name and version. So a version that
already means another file, in a release's record or in the bundle in place, is not used again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from handler.bundle.manifest import Manifest
from scripts.deployment.gate.comparison import ModelId
from scripts.tool import ToolError

_SEMANTIC = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})")
# Of model.json, what changes answers without another model.onnx.
_BEHAVIOUR = ("classes", "input", "resize", "thresholds", "count_calibration", "training_scale")


@dataclass(frozen=True)
class KnownModel:
    """A model that a version already means, and where that is said, such as `release 7`."""

    model: ModelId
    where: str


@dataclass(frozen=True)
class ChosenVersion:
    """reason: why it is not the bundle's own, None if it is."""

    version: str
    reason: str | None


def is_same_model(live: Manifest, new: Manifest) -> bool:
    """Whether the function would answer the same: the same file, used in the same way. A new
    version alone is no other model."""
    return (live.name, live.sha256) == (new.name, new.sha256) and all(
        getattr(live, field) == getattr(new, field) for field in _BEHAVIOUR
    )


def next_version(version: str, taken: Sequence[str]) -> str:
    """The first patch above `version` and above every taken X.Y.Z of its X.Y.

    Raises ToolError for a version that is no X.Y.Z, with or without something behind it.
    """
    match = _SEMANTIC.match(version)
    if not match:
        raise ToolError(
            f"version {version!r} is taken, and it is no X.Y.Z, so the next one cannot be told; "
            "choose one: --version X.Y.Z"
        )
    major, minor, patch = map(int, match.groups())
    for each in taken:
        other = _SEMANTIC.fullmatch(each)
        if other and (int(other[1]), int(other[2])) == (major, minor):
            patch = max(patch, int(other[3]))
    return f"{major}.{minor}.{patch + 1}"


def choose_version(
    new: Manifest,
    known: Sequence[KnownModel],
    *,
    wanted: str | None = None,
    live: Manifest | None = None,
    in_place: Manifest | None = None,
) -> ChosenVersion:
    """The version to release the bundle as: its own where that is free, else the next one.

    known: models of all releases, and of the bundle in place. wanted: the user's, of --version.
    live: where the live model is the same file with other settings, its version is taken, too.
    in_place: of handler/model. Where that is this model under another version, as after a release
    to dev, it is that version on prod, too.
    Raises ToolError where the wanted one is taken by another model, or is no version.
    """
    of_name = [each for each in known if each.model.name == new.name]
    version = new.version if wanted is None else wanted
    if wanted is not None and not _SEMANTIC.fullmatch(wanted):
        raise ToolError(f"--version {wanted}: expected three numbers, such as 1.2.0")
    taken = next((each for each in of_name if _is_another(each.model, new, version)), None)
    reason = None
    if taken:
        reason = f"{version} is {taken.where}'s, another file ({taken.model.sha256[:12]})"
    elif live and (live.name, live.version) == (new.name, version) and not is_same_model(live, new):
        reason = f"{version} is live with other settings in model.json"
    if reason is None:
        return ChosenVersion(
            version,
            None if version == new.version else f"--version; the bundle's own is {new.version}",
        )
    if wanted is not None:
        free = next_version(wanted, [each.model.version for each in of_name])
        raise ToolError(
            f"--version {wanted}: {reason}. One version means one model; {free} is free"
        )
    if in_place and is_same_model(in_place, new):
        version = in_place.version
        if not any(_is_another(each.model, new, version) for each in of_name):
            return ChosenVersion(version, f"as in handler/model; {reason}")
    return ChosenVersion(
        next_version(new.version, [each.model.version for each in of_name]), reason
    )


def _is_another(known: ModelId, new: Manifest, version: str) -> bool:
    return known.version == version and known.sha256 != new.sha256
