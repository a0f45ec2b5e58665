"""IceVision's model families: their modules, their backbones, and untrained models of them.

No model is built with weights from the network: scripts.model.icevision.published_weights has them
where a training asks for them. Besides IceVision's own EfficientDets there are
small ones for counting on one Lambda core: rows added to effdet's table, which then train, save and
load through IceVision unchanged.
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
from scripts.tool import ToolError

FILL = (124, 116, 104)  # RGB of IceVision's padding

# For long thin objects at any angle: their boxes are square at 45 degrees and 1:5 when upright.
THIN_OBJECT_ANCHORS = dict(
    num_scales=2, anchor_scale=2.0, aspect_ratios=[1.0, 2.0, 0.5, 4.5, 1 / 4.5]
)

SMALL_EFFICIENTDETS = {
    "micro_050": dict(backbone_name="mobilenetv2_050", fpn_channels=48),
    "micro_100": dict(backbone_name="mobilenetv2_100", fpn_channels=48),
    "micro_035": dict(backbone_name="mobilenetv2_035", fpn_channels=48),
    # Half the anchors, for training that gives each box its closest ones.
    "micro_050_fast": dict(backbone_name="mobilenetv2_050", fpn_channels=48, num_scales=1),
}
for _name, _parameters in SMALL_EFFICIENTDETS.items():
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
        **(THIN_OBJECT_ANCHORS | _parameters),
    )

FAMILIES = {
    "ross.efficientdet": models.ross.efficientdet,
    "torchvision.retinanet": models.torchvision.retinanet,
    "torchvision.faster_rcnn": models.torchvision.faster_rcnn,
}
YOLOV5 = "ultralytics.yolov5"
# IceVision offers these backbones, but the families' own defaults cannot run them: they have no
# feature pyramid, and no anchors fit them.
WITHOUT_PYRAMID = ("mobilenet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
                   "resnext101_32x8d")  # fmt: skip


class UnknownModelError(ToolError):
    """A model, backbone or size that is not known here; the text lists those that are."""


def icevision_module(model_name: str) -> ModuleType:
    """IceVision's module for a family such as "ross.efficientdet". Raises UnknownModelError."""
    if model_name == YOLOV5:
        return _yolov5_module()
    if model_name not in FAMILIES:
        known = ", ".join([*FAMILIES, YOLOV5])
        raise UnknownModelError(f"model {model_name!r} is not known; known: {known}")
    return FAMILIES[model_name]


def list_backbones(model_name: str) -> list[str]:
    """The backbones that a family can be built with. Raises UnknownModelError."""
    members = vars(icevision_module(model_name).backbones).items()
    configs = {name: value for name, value in members if isinstance(value, BackboneConfig)}
    small = []
    if model_name == "ross.efficientdet":
        small = list(SMALL_EFFICIENTDETS)
        # IceVision names d6, d7 and d7x, which this effdet has with tf_ before them only.
        table = efficientdet_model_param_dict
        configs = {name: each for name, each in configs.items() if each.model_name in table}
    return small + sorted(set(configs) - set(WITHOUT_PYRAMID))


def efficientdet_config(backbone_name: str) -> EfficientDetBackboneConfig:
    """IceVision's configuration of an EfficientDet, small ones included; its `model_name` is a row
    of effdet's table."""
    if backbone_name in SMALL_EFFICIENTDETS:
        return EfficientDetBackboneConfig(model_name=backbone_name)
    return getattr(models.ross.efficientdet.backbones, backbone_name)


def build_model(
    model_name: str, backbone_name: str, classes: Sequence[str], size: int | tuple[int, int]
) -> nn.Module:
    """Build an untrained IceVision model.

    classes: without background. size: of the input in px, a side or (width, height). Raises
    UnknownModelError for names that neither IceVision nor this file has, and for sizes that the
    model cannot take.
    """
    module = icevision_module(model_name)
    backbones = list_backbones(model_name)
    if backbone_name not in backbones:
        raise UnknownModelError(
            f"backbone {backbone_name!r} is not known to {model_name}; "
            f"known: {', '.join(backbones)}"
        )
    width, height = (size, size) if isinstance(size, int) else size
    class_count = len(classes) + 1  # and the background
    if model_name == "ross.efficientdet":
        backbone = efficientdet_config(backbone_name)
        stride = 2 ** efficientdet_model_param_dict[backbone.model_name].get("max_level", 7)
        _check_multiple(model_name, width, height, stride)
        return module.model(
            backbone=backbone(pretrained=False),
            num_classes=class_count,
            img_size=(height, width),  # effdet's order
            pretrained_backbone=False,
        )
    backbone = getattr(module.backbones, backbone_name)
    if model_name == YOLOV5:
        _check_multiple(model_name, width, height, 64 if backbone_name.endswith("_p6") else 32)
        return module.model(
            backbone=backbone(pretrained=False), num_classes=class_count,
            img_size=max(width, height), device=torch.device("cpu"),
        )  # fmt: skip
    if model_name == "torchvision.retinanet":
        # IceVision shares one such block, and so its weights, among all models of a process.
        backbone = backbone(pretrained=False, extra_blocks=LastLevelP6P7(256, 256))
    else:
        backbone = backbone(pretrained=False)
    return module.model(backbone=backbone, num_classes=class_count)


def _check_multiple(model_name: str, width: int, height: int, stride: int) -> None:
    if width % stride or height % stride:
        raise UnknownModelError(
            f"{model_name} takes sizes that are multiples of {stride} px, not {width} x {height}"
        )


def _yolov5_module() -> ModuleType:
    try:
        return shims.yolov5()
    except ImportError as error:
        raise UnknownModelError(
            f"model {YOLOV5!r} needs the package yolov5-icevision ({error}), which is under the "
            "GPL: `scripts/train-env --yolov5` installs it"
        ) from None
