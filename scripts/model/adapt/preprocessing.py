"""How a detector's own code turns a picture into the network's input, and the common constants."""

from __future__ import annotations

from dataclasses import dataclass

from handler.detection.letterbox import Fit, Rule
from scripts.model import graph

ZERO_MEAN, UNIT_STD = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB, of 0..1
MMDET_BGR_MEAN, MMDET_BGR_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)  # of 0..255
GREY, BLACK = (114, 114, 114), (0, 0, 0)


@dataclass(frozen=True)
class Preprocessing:
    """(pixel · scale / 255 - mean) / std, then the placement in the input.

    scale: what a pixel of 255 is before mean and std, 1 or 255. mean, std: in the network's channel
    order. fit, fill, rule: as handler.bundle.manifest.Resize has them.
    """

    order: graph.Order
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Fit
    fill: tuple[int, int, int]
    rule: Rule


# Pixels in 0..1 and in 0..255, stretched to the input: the default where a format has no code of
# its own that says otherwise.
STRETCHED_UNIT = Preprocessing("rgb", 1, ZERO_MEAN, UNIT_STD, "stretch", BLACK, "antialias")
STRETCHED_BYTES = Preprocessing("rgb", 255, ZERO_MEAN, UNIT_STD, "stretch", BLACK, "opencv-linear")
