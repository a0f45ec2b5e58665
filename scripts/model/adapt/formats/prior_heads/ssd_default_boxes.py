"""The prior boxes ("default boxes") of SSDs: VGG's of 300 and 512 px, MobileNet's, TensorFlow's.

Liu et al., SSD, 2016; the constants are of ssd.pytorch, lufficc's SSD, torchvision, pytorch-ssd
(qfgaohao) and TensorFlow's object detection API.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.formats.prior_heads.prior_grid import PriorLevel, prior_boxes

Sizes = tuple[tuple[float, float], ...]
DataSet = Literal["voc", "coco"]

VGG_SIDES = (300, 512)

# Cells and steps of the levels, by the input's side, and how many priors a level's cell has.
_VGG_GRIDS = {
    300: ((38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300), (1, 2, 2, 2, 1, 1)),
    512: ((64, 32, 16, 8, 4, 2, 1), (8, 16, 32, 64, 128, 256, 512), (1, 2, 2, 2, 2, 1, 1)),
}
# The sides of the levels' square priors in px, one more than there are levels.
_VGG_SIDES = {
    (300, "voc"): (30, 60, 111, 162, 213, 264, 315),
    (300, "coco"): (21, 45, 99, 153, 207, 261, 315),
    (512, "voc"): (35.84, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.65),
    (512, "coco"): (20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72),
}
_MOBILENET_GRID = ((19, 10, 5, 3, 2, 1), (16, 32, 64, 100, 150, 300))
_MOBILENET_SIDES = (60, 105, 150, 195, 240, 285, 330)
_TENSORFLOW_LEVELS = 6
_TENSORFLOW_RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)  # 0.3333 as its configuration has it


def _sizes(side: float, next_side: float, ratios: Sequence[int]) -> Sizes:
    """The prior sizes of a cell: two squares, then a wide and a tall one for each ratio."""
    between = math.sqrt(side * next_side)
    sizes = [(side, side), (between, between)]
    for ratio in ratios:
        root = math.sqrt(ratio)
        sizes += [(side * root, side / root), (side / root, side * root)]
    return tuple(sizes)


def vgg_priors(
    side: int,
    data_set: DataSet,
    *,
    cuts_centres: bool = True,
    by_size: bool = False,
) -> NDArray[np.float32]:
    """The last cells of stride 32 have their middle beyond 300 px, where it is cut."""
    cells, steps, ratio_counts = _VGG_GRIDS[side]
    levels = [
        PriorLevel(count, count, (step, step), _sizes(*sides, (2, 3)[:ratio_count]))
        for count, step, ratio_count, sides in zip(
            cells, steps, ratio_counts, pairwise(_VGG_SIDES[side, data_set]), strict=True
        )
    ]
    return prior_boxes(levels, largest=(side, side), cuts_centres=cuts_centres, by_size=by_size)


def mobilenet_priors() -> NDArray[np.float32]:
    levels = [
        PriorLevel(count, count, (step, step), _sizes(*sides, (2, 3)))
        for count, step, sides in zip(*_MOBILENET_GRID, pairwise(_MOBILENET_SIDES), strict=True)
    ]
    return prior_boxes(levels, largest=(300, 300))


def ssdlite_priors() -> NDArray[np.float32]:
    """torchvision's ssdlite320_mobilenet_v3_large: scales 0.2 to 0.95, no centre is cut."""
    cells = (20, 10, 5, 3, 2, 1)
    scales = [0.2 + 0.75 * index / (len(cells) - 1) for index in range(len(cells))] + [1.0]
    levels = [
        PriorLevel(
            count,
            count,
            (320 / count, 320 / count),
            _sizes(320 * scale, 320 * next_scale, (2, 3)),
        )
        for count, (scale, next_scale) in zip(cells, pairwise(scales), strict=True)
    ]
    return prior_boxes(levels, largest=(320, 320), cuts_centres=False)


def tensorflow_priors(size: tuple[int, int]) -> NDArray[np.float32]:
    """create_ssd_anchors with the scales 0.2 to 0.95 and a reduced lowest layer."""
    shorter = min(size)
    columns, rows = (math.ceil(side / 16) for side in size)
    scales = [0.2 + 0.75 * index / (_TENSORFLOW_LEVELS - 1) for index in range(_TENSORFLOW_LEVELS)]
    levels = []
    for index, (scale, next_scale) in enumerate(pairwise([*scales, 1.0])):
        shapes = [(scale, ratio) for ratio in _TENSORFLOW_RATIOS]
        shapes.append((math.sqrt(scale * next_scale), 1.0))
        if index == 0:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        sizes = tuple(
            (shorter * side * math.sqrt(ratio), shorter * side / math.sqrt(ratio))
            for side, ratio in shapes
        )
        levels.append(PriorLevel(columns, rows, (size[0] / columns, size[1] / rows), sizes))
        columns, rows = math.ceil(columns / 2), math.ceil(rows / 2)
    return prior_boxes(levels)


def count_priors(size: tuple[int, int]) -> dict[str, int]:
    """How many priors each format has at an input's (width, height)."""
    counts = {"tf-ssd-heads (sigmoid scores)": len(tensorflow_priors(size))}
    if size == (300, 300):
        counts["ssd-mobilenet"] = len(mobilenet_priors())
    if size == (320, 320):
        counts["ssdlite-torchvision"] = len(ssdlite_priors())
    if size in [(side, side) for side in VGG_SIDES]:
        counts["ssd-vgg"] = len(vgg_priors(size[0], "coco"))
    return counts
