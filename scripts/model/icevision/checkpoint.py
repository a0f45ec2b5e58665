"""Save and load IceVision checkpoints, in the form of IceVision's save_icevision_checkpoint.

IceVision's `save_icevision_checkpoint` and `model_from_checkpoint` import mmcv and may download a
backbone, so both directions are implemented here, with the same keys: `{meta, state_dict}`.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from handler.storage.location import write_atomically
from scripts.model.checkpoint_options import CheckpointOverrides
from scripts.model.icevision.families import UnknownModelError, build_model
from scripts.tool import ToolError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What a checkpoint's meta must have, and the option that says it where the meta does not.
OPTION_BY_META_KEY = {
    "model_name": "--model FAMILY:BACKBONE",
    "backbone_name": "--model FAMILY:BACKBONE",
    "classes": "--classes a,b,c or --classes FILE",
    "img_size": "--size SIDE or --size WIDTHxHEIGHT",
}
MMDET_UNSUPPORTED = (
    "its family is mmdet, which needs mmcv-full, and that has no builds for today's Python and "
    "PyTorch. Export it to ONNX where it was trained (mmdeploy, or mmdet's tools/deployment), and "
    "make the bundle with scripts.model.adapt"
)


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint: the IceVision model in eval mode, its meta, and the file's sha256.

    width, height: of the model's input, px. stretched: whether training stretched pictures to that
    size, as IceVision does for a pair of numbers; otherwise they were letterboxed. mean, std: RGB
    in 0..1; IceVision stores none, so they are ImageNet's unless overridden.
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


def save_checkpoint(
    checkpoint_path: Path,
    state_dict: Mapping[str, torch.Tensor],
    *,
    model_name: str,
    backbone_name: str,
    classes: Sequence[str],
    size: int,
    **meta: object,
) -> None:
    """Write a checkpoint atomically.

    state_dict: of the IceVision model built at `size` px. meta: further entries of the checkpoint's
    meta.
    """
    content = {
        "meta": {
            "classes": list(classes),
            "model_name": model_name,
            "backbone_name": backbone_name,
            "img_size": size,
            **meta,
        },
        "state_dict": {key: value.detach().cpu().clone() for key, value in state_dict.items()},
    }
    serialized = io.BytesIO()
    torch.save(content, serialized)
    write_atomically(checkpoint_path, serialized.getvalue())


def load_checkpoint(
    checkpoint_path: Path, overrides: CheckpointOverrides | None = None
) -> Checkpoint:
    """Load a checkpoint, or a bare state dict, without running any code in it.

    Raises ToolError; where the checkpoint lacks something, the text names the option that adds it.
    """
    overrides = overrides or CheckpointOverrides()
    content = _read(checkpoint_path)
    if isinstance(content.get("state_dict"), Mapping):
        state_dict, meta = dict(content["state_dict"]), content.get("meta") or {}
    elif content and all(isinstance(value, torch.Tensor) for value in content.values()):
        state_dict, meta = dict(content), {}  # what torch.save(model.state_dict()) writes
    else:
        raise ToolError(
            f"{checkpoint_path}: no 'state_dict' in it; save with IceVision's "
            "save_icevision_checkpoint"
        )
    if not isinstance(meta, Mapping):
        raise ToolError(
            f"{checkpoint_path}: its 'meta' is a {type(meta).__name__}, not a dictionary"
        )
    settings = _model_settings(checkpoint_path, meta, overrides)
    width, height, stretched = _input_size(checkpoint_path, meta, overrides)
    classes = _class_names(checkpoint_path, settings["classes"])
    # A model wrapped for several GPUs has its weights under "module."; IceVision takes that off.
    state_dict = {key.removeprefix("module."): value for key, value in state_dict.items()}
    model_name, backbone_name = str(settings["model_name"]), str(settings["backbone_name"])
    # IceVision writes names such as "models.ross.efficientdet" just as well.
    model_name = ".".join(model_name.split(".")[-2:])
    if model_name.startswith("mmdet."):
        raise ToolError(f"{checkpoint_path}: {MMDET_UNSUPPORTED}")
    try:
        model = build_model(model_name, backbone_name, classes, (width, height))
    except UnknownModelError as error:
        raise ToolError(
            f"{checkpoint_path}: {error}; --model FAMILY:BACKBONE says another"
        ) from None
    # Anchors depend on the input size alone, so the new model's replace those of the checkpoint.
    own_state_dict = model.state_dict()
    state_dict |= {key: value for key, value in own_state_dict.items() if key == "anchors.boxes"}
    try:
        model.load_state_dict(state_dict)
    except RuntimeError as error:
        raise ToolError(
            f"{checkpoint_path}: its weights do not fit {model_name}:{backbone_name} with "
            f"{len(classes)} class{'es' * (len(classes) != 1)} ({_first_reason(error)}); "
            "see --model and --classes"
        ) from None
    broken = sum(not torch.isfinite(value).all() for value in state_dict.values())
    if broken:
        raise ToolError(
            f"{checkpoint_path}: {broken} of its weights' tensors hold NaN or infinity; "
            "the training diverged"
        )
    return Checkpoint(
        model=model.eval(),
        model_name=model_name,
        backbone_name=backbone_name,
        classes=classes,
        width=width,
        height=height,
        stretched=stretched,
        mean=overrides.mean or IMAGENET_MEAN,
        std=overrides.std or IMAGENET_STD,
        sha256=hashlib.sha256(checkpoint_path.read_bytes()).hexdigest(),
        meta=meta,
    )


def _read(checkpoint_path: Path) -> Mapping:
    """The dictionary that a file holds, loaded with weights_only. Raises ToolError."""
    if checkpoint_path.is_dir():
        raise ToolError(f"{checkpoint_path}: a folder; give the checkpoint file in it")
    if not checkpoint_path.is_file():
        raise ToolError(f"{checkpoint_path}: no such file")
    try:
        content = torch.load(checkpoint_path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ToolError(
            f"{checkpoint_path}: not loaded, it holds more than weights ({_first_reason(error)}); "
            "save it with IceVision's save_icevision_checkpoint"
        ) from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ToolError(
            f"{checkpoint_path}: not a PyTorch checkpoint, or cut short ({_first_reason(error)})"
        ) from None
    if not isinstance(content, Mapping):
        raise ToolError(
            f"{checkpoint_path}: holds a {type(content).__name__}, not a checkpoint; save with "
            "IceVision's save_icevision_checkpoint"
        )
    return content


def _first_reason(error: Exception) -> str:
    """The first informative line of PyTorch's long messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Error(s) in loading")] or lines
    return (lines[0] if lines else type(error).__name__)[:200]


def _model_settings(
    checkpoint_path: Path, meta: Mapping, overrides: CheckpointOverrides
) -> dict[str, object]:
    """The four values that a model is built from, overrides first. Raises ToolError."""
    by_key = {
        "model_name": overrides.model_name,
        "backbone_name": overrides.backbone_name,
        "classes": overrides.classes,
        "img_size": overrides.size,
    }
    settings = {key: value if value is not None else meta.get(key) for key, value in by_key.items()}
    missing = [key for key, value in settings.items() if value is None or value == []]
    if missing:
        options = list(dict.fromkeys(OPTION_BY_META_KEY[key] for key in missing))
        raise ToolError(
            f"{checkpoint_path}: does not say its {', '.join(missing)}; add {' and '.join(options)}"
        )
    return settings


def _input_size(
    checkpoint_path: Path, meta: Mapping, overrides: CheckpointOverrides
) -> tuple[int, int, bool]:
    """Width, height and whether training stretched pictures to them. Raises ToolError."""
    size = meta.get("img_size")
    if overrides.size:
        # IceVision stretches to a pair; a model trained on squares may serve another shape,
        # letterboxed.
        return *overrides.size, isinstance(size, list | tuple) or (
            size is None and overrides.size[0] != overrides.size[1]
        )
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size, size, False
    if (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(isinstance(side, int) and side > 0 for side in size)
    ):
        # (width, height), as IceVision's transforms take it: they stretch to a pair, even a square.
        return size[0], size[1], True
    raise ToolError(
        f"{checkpoint_path}: its img_size is {size!r}, no size; add --size SIDE or "
        "--size WIDTHxHEIGHT"
    )


def _class_names(checkpoint_path: Path, names: object) -> tuple[str, ...]:
    """The classes without background. Raises ToolError."""
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ToolError(
            f"{checkpoint_path}: its classes are {str(names)[:80]!r}, not a list of names; "
            "add --classes a,b,c"
        )
    classes = tuple(name for name in names if name != "background")  # IceVision's class 0
    if not classes or len(set(classes)) != len(classes):
        raise ToolError(
            f"{checkpoint_path}: its classes are {', '.join(names)[:200] or 'none'}; "
            "each must have a name of its own, add --classes a,b,c"
        )
    return classes
