"""Gives a model the weights of a file: what fits by name and shape is taken, the rest is said.

A file of another architecture often has some tensors that fit by chance, so that one is refused of
which the backbone's do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scripts.tool import ToolError

MIN_SHARE = 0.9  # of the backbone's kernels, and of those that the file has there
# What names begin with in files of wrapped models, of whole ones, and of backbones alone.
STRIPPED = ("", "module.", "_orig_mod.", "model.", "backbone.", "backbone.body.", "model.backbone.")
# These names came later to torchvision's detectors: conv.weight became conv.0.0.weight, and others.
INSERTED = ("", ".0", ".0.0")
# They depend on the model's input size or count batches; no file has to give them.
NOT_WEIGHTS = ("anchors.boxes", "num_batches_tracked")

LOOKS_LIKE = (
    (r"class_net\.predict", "an EfficientDet of effdet"),
    (r"head\.classification_head\.", "torchvision's RetinaNet"),
    (r"roi_heads\.", "torchvision's Faster R-CNN"),
    (r"(^|\.)bbox_head\.", "a detector of mmdetection"),
    (r"(^|\.)model\.\d+\.(conv|cv1|cv2|m)\.", "a YOLO of ultralytics"),
    (r"(^|\.)(patch_embed|cls_token|encoder\.layers?)\b", "a transformer"),
    (r"(^|\.)layer4\.\d+\.conv3\.", "a ResNet of 50 layers or more"),
    (r"(^|\.)layer4\.\d+\.conv2\.", "a ResNet of 18 or 34 layers"),
    (r"(^|\.)conv_stem\.", "a MobileNet or EfficientNet of timm"),
)  # fmt: skip


@dataclass(frozen=True)
class WeightTransfer:
    """What a model took from a file.

    taken, wanted: tensors taken, and tensors of the model. other_shape: parts of both whose shapes
    differ, as a head's of other classes. without_place: the file's parts that the model lacks.
    untrained: the model's parts that the file lacks.
    """

    source: str
    taken: int
    wanted: int
    other_shape: tuple[str, ...]
    without_place: tuple[str, ...]
    untrained: tuple[str, ...]

    def describe(self) -> str:
        """Lines for the user."""
        lines = [f"weights: {self.taken} of the model's {self.wanted} tensors from {self.source}"]
        if self.other_shape:
            lines.append(f"  begun anew, of another shape there: {_enumerate(self.other_shape)}")
        if self.untrained:
            lines.append(f"  begun anew, not in the file: {_enumerate(self.untrained)}")
        if self.without_place:
            lines.append(f"  left in the file: {_enumerate(self.without_place)}")
        return "\n".join(lines)


def transfer_weights(
    model: nn.Module, weights: Mapping[str, Tensor], model_name: str, source: str
) -> WeightTransfer:
    """Copy what fits into the model, in place.

    model_name, source: the model and the file in words. Raises ToolError for a file of another
    architecture, and for weights that are not finite.
    """
    own = {key: value for key, value in model.state_dict().items() if _is_weight(key)}
    backbone = backbone_prefixes(model)
    names = _find_names(own, weights, backbone)
    given = {own_name: weights[name] for own_name, name in names.items()}
    fitting = {key: value for key, value in given.items() if _fits(own, key, value)}
    _check_backbone(own, given, fitting, backbone, model_name, source, weights)
    broken = [key for key, value in fitting.items() if not torch.isfinite(value).all()]
    if broken:
        raise ToolError(
            f"{source}: {len(broken)} of its tensors hold NaN or infinity, as {broken[0]}"
        )
    model.load_state_dict(fitting, strict=False)
    other_shape = [key for key in given if key in own and key not in fitting]
    return WeightTransfer(
        source=source,
        taken=len(fitting),
        wanted=len(own),
        other_shape=_modules(other_shape),
        without_place=_parts({key: name for key, name in names.items() if key not in own}, own),
        untrained=_parts({key: key for key in own if key not in given}, fitting),
    )


def backbone_prefixes(model: nn.Module) -> tuple[str, ...]:
    """What the names of the backbone's tensors begin with, in an IceVision model."""
    names = [name for name, _ in model.named_modules()]
    for prefix in ("model.backbone", "backbone.body"):  # effdet's, torchvision's
        if prefix in names:
            return (f"{prefix}.",)
    # YOLOv5 numbers its layers; the backbone's end with the pooling of a pyramid (SPPF).
    layers = list(model.get_submodule("model").children())
    last = next(at for at, each in enumerate(layers) if type(each).__name__ == "SPPF")
    return tuple(f"model.{at}." for at in range(last + 1))


def _is_weight(key: str) -> bool:
    return not key.endswith(NOT_WEIGHTS)


def _fits(own: Mapping[str, Tensor], key: str, value: Tensor) -> bool:
    return key in own and own[key].shape == value.shape


def _find_names(
    own: Mapping[str, Tensor], weights: Mapping[str, Tensor], backbone: tuple[str, ...]
) -> dict[str, str]:
    """The file's names by the model's, in the way of renaming by which most tensors fit."""
    added = ("", "model.", *(backbone if len(backbone) == 1 else ()))
    best: dict[str, str] = {}
    most = -1
    for stripped in STRIPPED:
        for prefix in added:
            names = {
                _place(f"{prefix}{name.removeprefix(stripped)}", own): name
                for name in weights
                if _is_weight(name)
            }
            fits = sum(_fits(own, key, weights[name]) for key, name in names.items())
            if fits > most:
                best, most = names, fits
    return best


def _place(key: str, own: Mapping[str, Tensor]) -> str:
    """The model's name for a tensor, which torchvision may have put deeper since."""
    module, _, leaf = key.rpartition(".")
    names = (f"{module}{inserted}.{leaf}" for inserted in INSERTED)
    return next((name for name in names if name in own), key)


def _check_backbone(
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    fitting: Mapping[str, Tensor],
    backbone: tuple[str, ...],
    model_name: str,
    source: str,
    weights: Mapping[str, Tensor],
) -> None:
    """Raise ToolError unless nearly all kernels of the backbone fit, on both sides."""
    depth = backbone[0].count(".") + 1  # of the backbone's own parts, such as backbone.body.layer1

    def part_of(key: str) -> list[str]:
        return key.split(".")[:depth]

    kernels = {key for key, value in own.items() if key.startswith(backbone) and value.ndim > 1}
    parts = [part_of(key) for key in kernels]
    theirs = {key for key, value in given.items() if value.ndim > 1 and part_of(key) in parts}
    fit = len(kernels & fitting.keys())
    if fit >= MIN_SHARE * max(len(kernels), len(theirs)):
        return
    more = f", where the file has {len(theirs)}" if len(theirs) > len(kernels) else ""
    raise ToolError(
        f"{source}: not weights of {model_name}: {fit} of the {len(kernels)} kernels of its "
        f"backbone fit by name and shape{more}. It looks like {_describe_file(weights)}"
    )


def _describe_file(weights: Mapping[str, Tensor]) -> str:
    """What the names of a file's tensors say of it."""
    known = [
        what for pattern, what in LOOKS_LIKE if any(re.search(pattern, key) for key in weights)
    ]
    tensors = [(key, list(value.shape)) for key, value in weights.items() if _is_weight(key)]
    first = ", ".join(f"{key} {shape}" for key, shape in tensors[:2])
    what = known[0] if known else "none that is known here"
    return f"{what} ({len(tensors)} tensors: {first}, …)"


def _modules(keys: Iterable[str]) -> tuple[str, ...]:
    """The modules that tensors belong to, each once."""
    return tuple(dict.fromkeys(key.rpartition(".")[0] or key for key in keys))


def _parts(names: Mapping[str, str], others: Iterable[str]) -> tuple[str, ...]:
    """The largest modules that hold the tensors of these keys and none of the others, under the
    names that the mapping gives the keys."""
    held = {
        ".".join(words[:depth])
        for words in (key.split(".") for key in others)
        for depth in range(1, len(words) + 1)
    }
    parts = {}
    for key, name in names.items():
        words = key.split(".")
        depths = range(1, len(words) + 1)
        depth = next((d for d in depths if ".".join(words[:d]) not in held), len(words))
        name_words = name.split(".")
        parts[".".join(name_words[: max(1, len(name_words) - len(words) + depth)])] = None
    return tuple(parts)


def _enumerate(names: tuple[str, ...], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
