"""A model's name, backbone, classes and size in; the IceVision model out, without the network.

Besides IceVision's own EfficientDets there are small ones for counting on one Lambda core: rows
added to effdet's table, which then train, save and load through IceVision unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import torch
from effdet.config.model_config import efficientdet_model_param_dict
from icevision.all import models
from icevision.backbones import BackboneConfig
from icevision.models.ross.efficientdet.utils import EfficientDetBackboneConfig
from torch import nn
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from scripts.model.icevision import shims

FILL = (124, 116, 104)  # RGB of IceVision's padding

# Long thin objects lying at any angle: their boxes are square at 45 degrees and 1:5 when upright.
THIN = dict(num_scales=2, anchor_scale=2.0, aspect_ratios=[1.0, 2.0, 0.5, 4.5, 1 / 4.5])

SMALL = {
    "micro_050": dict(backbone_name="mobilenetv2_050", fpn_channels=48),
    "micro_100": dict(backbone_name="mobilenetv2_100", fpn_channels=48),
    "micro_035": dict(backbone_name="mobilenetv2_035", fpn_channels=48),
}
for _name, _row in SMALL.items():
    efficientdet_model_param_dict[_name] = dict(
        name=_name,
        image_size=(640, 640),
        min_level=3,
        max_level=5,
        num_levels=3,
        fpn_cell_repeats=3,
        box_class_repeats=3,
        pad_type="",
        act_type="relu6",
        redundant_bias=False,
        head_bn_level_first=True,
        backbone_args=dict(drop_path_rate=0.0),
        url="",
        **THIN,
        **_row,
    )

FAMILIES = {
    "ross.efficientdet": models.ross.efficientdet,
    "torchvision.retinanet": models.torchvision.retinanet,
    "torchvision.faster_rcnn": models.torchvision.faster_rcnn,
}
YOLOV5 = "ultralytics.yolov5"
# Those of a family's backbones that its own defaults can run: no pyramid, no anchors for it.
WITHOUT_PYRAMID = ("mobilenet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
                   "resnext101_32x8d")  # fmt: skip


class UnknownModelError(ValueError):
    """A model, backbone or size that is not known here; the text lists those that are."""


def family(model_name: str) -> ModuleType:
    """IceVision's module for a family such as "ross.efficientdet". Raises UnknownModelError."""
    if model_name == YOLOV5:
        return _yolov5()
    if model_name not in FAMILIES:
        known = ", ".join([*FAMILIES, YOLOV5])
        raise UnknownModelError(f"model {model_name!r} is not known; known: {known}")
    return FAMILIES[model_name]


def backbones(model_name: str) -> list[str]:
    """The backbones that a family can be built with. Raises UnknownModelError."""
    named = vars(family(model_name).backbones).items()
    names = [name for name, value in named if isinstance(value, BackboneConfig)]
    small = list(SMALL) if model_name == "ross.efficientdet" else []
    return small + sorted(set(names) - set(WITHOUT_PYRAMID))


def build(
    model_name: str, backbone_name: str, classes: Sequence[str], size: int | tuple[int, int]
) -> nn.Module:
    """An untrained IceVision model for `classes` (without background) and an input of `size` px, a
    side or (width, height).

    Raises UnknownModelError for names that IceVision and this file lack, and for sizes that the
    model cannot take.
    """
    kind = family(model_name)
    if backbone_name not in backbones(model_name):
        known = ", ".join(backbones(model_name))
        raise UnknownModelError(
            f"backbone {backbone_name!r} is not known to {model_name}; known: {known}"
        )
    width, height = (size, size) if isinstance(size, int) else size
    count = len(classes) + 1  # and the background
    if model_name == "ross.efficientdet":
        small = SMALL.get(backbone_name) and EfficientDetBackboneConfig(model_name=backbone_name)
        chosen = small or getattr(kind.backbones, backbone_name)
        stride = 2 ** efficientdet_model_param_dict[chosen.model_name].get("max_level", 7)
        _multiple(model_name, width, height, stride)
        return kind.model(
            backbone=chosen(pretrained=False),
            num_classes=count,
            img_size=(height, width),  # effdet's order
            pretrained_backbone=False,
        )
    chosen = getattr(kind.backbones, backbone_name)
    if model_name == YOLOV5:
        _multiple(model_name, width, height, 32)
        return kind.model(
            backbone=chosen(pretrained=False), num_classes=count, img_size=max(width, height),
            device=torch.device("cpu"),
        )  # fmt: skip
    if model_name == "torchvision.retinanet":
        # IceVision keeps one such block for all the models of a process, which then share weights
        chosen = chosen(pretrained=False, extra_blocks=LastLevelP6P7(256, 256))
    else:
        chosen = chosen(pretrained=False)
    return kind.model(backbone=chosen, num_classes=count)


def _multiple(model_name: str, width: int, height: int, stride: int) -> None:
    if width % stride or height % stride:
        raise UnknownModelError(
            f"{model_name} takes sizes that are multiples of {stride} px, not {width} x {height}"
        )


def _yolov5() -> ModuleType:
    try:
        return shims.yolov5()
    except ImportError as error:
        raise UnknownModelError(
            f"model {YOLOV5!r} needs the package yolov5-icevision ({error}), which is under the "
            "GPL: `scripts/train-env --yolov5` installs it"
        ) from None
