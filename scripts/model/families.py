"""A model's name, backbone, classes and size in; the IceVision model out, without the network.

Besides IceVision's own EfficientDets there are small ones for counting on one Lambda core: rows
added to effdet's table, which then train, save and load through IceVision unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import scripts.model.icevision_shims  # noqa: F401  (before icevision)
from effdet.config.model_config import efficientdet_model_param_dict
from icevision.all import models
from icevision.models.ross.efficientdet.utils import EfficientDetBackboneConfig
from torch import nn

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

FAMILIES = {"ross.efficientdet": models.ross.efficientdet}


class UnknownModelError(ValueError):
    """A model or backbone name that is not known here; the text lists those that are."""


def family(model_name: str) -> ModuleType:
    """IceVision's module for a family such as "ross.efficientdet". Raises UnknownModelError."""
    if model_name not in FAMILIES:
        raise UnknownModelError(f"model {model_name!r} is not known; known: {', '.join(FAMILIES)}")
    return FAMILIES[model_name]


def build(model_name: str, backbone_name: str, classes: Sequence[str], size: int) -> nn.Module:
    """An untrained IceVision model for `classes` (without background) and a square input of `size`
    px.

    Raises UnknownModelError for names that IceVision and this file lack.
    """
    kind = family(model_name)
    backbone = SMALL.get(backbone_name) and EfficientDetBackboneConfig(model_name=backbone_name)
    backbone = backbone or getattr(kind.backbones, backbone_name, None)
    if backbone is None:
        known = sorted([*SMALL, *(n for n in vars(kind.backbones) if not n.startswith("_"))])
        raise UnknownModelError(
            f"backbone {backbone_name!r} is not known to {model_name}; known: {', '.join(known)}"
        )
    return kind.model(
        backbone=backbone(pretrained=False),
        num_classes=len(classes) + 1,
        img_size=size,
        pretrained_backbone=False,
    )
