"""An IceVision model in, a checkpoint file in IceVision's own form out, and back.

`save_icevision_checkpoint` writes `{meta, state_dict, optimizer}`; it and `model_from_checkpoint`
import mmcv and may download a backbone, so both directions are done here, with the same keys.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from scripts.model.icevision import families

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What a checkpoint's meta must have, and the option that says it where it is not there.
ASKED = {
    "model_name": "--model FAMILY:BACKBONE",
    "backbone_name": "--model FAMILY:BACKBONE",
    "classes": "--classes a,b,c or --classes FILE",
    "img_size": "--size SIDE or --size WIDTHxHEIGHT",
}
MMDET = (
    "its family is mmdet, which needs mmcv-full, and that has no builds for today's Python and "
    "PyTorch. Export it to ONNX where it was trained (mmdeploy, or mmdet's tools/deployment), and "
    "make the bundle with scripts.model.adapt"
)


class CheckpointError(ValueError):
    """A file that is not a usable IceVision checkpoint; the text says what is wrong and what to
    do."""


@dataclass(frozen=True)
class Given:
    """What the user says of a checkpoint, before what its meta says; None where nothing was said.

    size: width and height of the model's input, px. mean, std: of RGB in 0..1.
    """

    model_name: str | None = None
    backbone_name: str | None = None
    classes: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read back: the IceVision model in eval mode, its meta, and the file's sha256.

    width, height: of the model's input, px. stretched: whether its training stretched pictures to
    that size, as IceVision does for a pair of numbers; else they were letterboxed. mean, std: of
    RGB in 0..1; IceVision stores none, so ImageNet's unless said.
    """

    model: nn.Module
    model_name: str
    backbone_name: str
    classes: tuple[str, ...]
    width: int
    height: int
    stretched: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    sha256: str
    meta: Mapping[str, object]


def save(
    path: Path,
    state: Mapping[str, torch.Tensor],
    *,
    model_name: str,
    backbone_name: str,
    classes: Sequence[str],
    size: int,
    **meta: object,
) -> None:
    """Write a checkpoint atomically; `state` is the state dict of the IceVision model built at
    `size` px."""
    whole = {
        "meta": {
            "classes": list(classes),
            "model_name": model_name,
            "backbone_name": backbone_name,
            "img_size": size,
            **meta,
        },
        "state_dict": {key: value.detach().cpu().clone() for key, value in state.items()},
    }
    partial = path.with_suffix(".partial")
    torch.save(whole, partial)
    partial.replace(path)


def load(path: Path, given: Given | None = None) -> Checkpoint:
    """Read a checkpoint, or a bare state dict, without running any code in it.

    Raises CheckpointError; what is missing is said with the options that give it.
    """
    given = given or Given()
    whole = _read(path)
    if isinstance(whole.get("state_dict"), Mapping):
        state, meta = dict(whole["state_dict"]), whole.get("meta") or {}
    elif whole and all(isinstance(value, torch.Tensor) for value in whole.values()):
        state, meta = dict(whole), {}  # what torch.save(model.state_dict()) writes
    else:
        raise CheckpointError(
            f"{path}: no 'state_dict' in it; save with IceVision's save_icevision_checkpoint"
        )
    if not isinstance(meta, Mapping):
        raise CheckpointError(f"{path}: its 'meta' is a {type(meta).__name__}, not a dictionary")
    said = _said(path, meta, given)
    width, height, stretched = _size(path, meta, given)
    classes = _classes(path, said["classes"])
    # A model wrapped for several GPUs has its weights under "module."; IceVision takes that off.
    state = {key.removeprefix("module."): value for key, value in state.items()}
    model_name, backbone_name = str(said["model_name"]), str(said["backbone_name"])
    # IceVision writes names such as "models.ross.efficientdet" just as well.
    model_name = ".".join(model_name.split(".")[-2:])
    if model_name.startswith("mmdet."):
        raise CheckpointError(f"{path}: {MMDET}")
    try:
        model = families.build(model_name, backbone_name, classes, (width, height))
    except families.UnknownModelError as error:
        raise CheckpointError(f"{path}: {error}; --model FAMILY:BACKBONE says another") from None
    own = model.state_dict()
    # Anchors follow from the input's size alone; another size has others.
    state |= {key: value for key, value in own.items() if key == "anchors.boxes"}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: its weights do not fit {model_name}:{backbone_name} with {len(classes)} "
            f"class{'es' * (len(classes) != 1)} ({_first_reason(error)}); "
            "see --model and --classes"
        ) from None
    broken = sum(not torch.isfinite(value).all() for value in state.values())
    if broken:
        raise CheckpointError(
            f"{path}: {broken} of its weights' tensors hold NaN or infinity; the training diverged"
        )
    return Checkpoint(
        model=model.eval(),
        model_name=model_name,
        backbone_name=backbone_name,
        classes=classes,
        width=width,
        height=height,
        stretched=stretched,
        mean=given.mean or IMAGENET_MEAN,
        std=given.std or IMAGENET_STD,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        meta=meta,
    )


def _read(path: Path) -> Mapping:
    if path.is_dir():
        raise CheckpointError(f"{path}: a folder; give the checkpoint file in it")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        whole = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: not loaded, it holds more than weights ({_first_reason(error)}); "
            "save it with IceVision's save_icevision_checkpoint"
        ) from None
    except Exception as error:  # a damaged file makes torch raise of every kind
        raise CheckpointError(
            f"{path}: not a PyTorch checkpoint, or cut short ({_first_reason(error)})"
        ) from None
    if not isinstance(whole, Mapping):
        raise CheckpointError(
            f"{path}: holds a {type(whole).__name__}, not a checkpoint; save with IceVision's "
            "save_icevision_checkpoint"
        )
    return whole


def _first_reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Error(s) in loading")] or lines
    return (lines[0] if lines else type(error).__name__)[:200]


def _said(path: Path, meta: Mapping, given: Given) -> dict[str, object]:
    """The four that a model is built from; an option goes before the meta. Raises
    CheckpointError."""
    options = {
        "model_name": given.model_name,
        "backbone_name": given.backbone_name,
        "classes": given.classes,
        "img_size": given.size,
    }
    said = {key: value if value is not None else meta.get(key) for key, value in options.items()}
    missing = [key for key, value in said.items() if value is None or value == []]
    if missing:
        asked = list(dict.fromkeys(ASKED[key] for key in missing))
        raise CheckpointError(
            f"{path}: does not say its {', '.join(missing)}; add {' and '.join(asked)}"
        )
    return said


def _size(path: Path, meta: Mapping, given: Given) -> tuple[int, int, bool]:
    size = meta.get("img_size")
    if given.size:
        # IceVision stretches to a pair; a square training may serve another shape, letterboxed
        return *given.size, isinstance(size, list | tuple) or (
            size is None and given.size[0] != given.size[1]
        )
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size, size, False
    if (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(isinstance(side, int) and side > 0 for side in size)
    ):
        # (width, height), as IceVision's transforms take it: they stretch to a pair, even a square
        return size[0], size[1], True
    raise CheckpointError(
        f"{path}: its img_size is {size!r}, no size; add --size SIDE or --size WIDTHxHEIGHT"
    )


def _classes(path: Path, names: object) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise CheckpointError(
            f"{path}: its classes are {str(names)[:80]!r}, not a list of names; add --classes a,b,c"
        )
    classes = tuple(name for name in names if name != "background")  # IceVision's class 0
    if not classes or len(set(classes)) != len(classes):
        raise CheckpointError(
            f"{path}: its classes are {', '.join(names)[:200] or 'none'}; "
            "each must have a name of its own, add --classes a,b,c"
        )
    return classes
