"""Prior boxes as each publication's code lists them, a loop a dimension: cx, cy, w, h in 0..1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

Boxes = np.ndarray  # float64 [A, 4]

RETINAFACE = ((16, 32), (64, 128), (256, 512))
FACE_DETECTOR_1MB = ((10, 20), (32, 64), (128, 256))
SLIM = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))


def retinaface(width: int, height: int, min_sizes: Sequence[Sequence[int]]) -> Boxes:
    """Pytorch_Retinaface, layers/functions/prior_box.py, with the steps 8, 16, 32 and 64."""
    priors = []
    for step, sizes in zip((8, 16, 32, 64), min_sizes, strict=False):
        for i, j in product(range(math.ceil(height / step)), range(math.ceil(width / step))):
            for side in sizes:
                x, y = (j + 0.5) * step / width, (i + 0.5) * step / height
                priors.append((x, y, side / width, side / height))
    return np.array(priors)


def ultraface(width: int, height: int) -> Boxes:
    """Ultra-Light-Fast-Generic-Face-Detector-1MB, vision/ssd/config/fd_config.py and
    vision/utils/box_utils.py: scale = image_size / shrinkage, all clamped to 0..1."""
    priors = []
    for stride, min_boxes in zip((8, 16, 32, 64), SLIM, strict=True):
        columns, rows = math.ceil(width / stride), math.ceil(height / stride)
        shrinkage = width / columns, height / rows
        scale_w, scale_h = width / shrinkage[0], height / shrinkage[1]
        for j in range(rows):
            for i in range(columns):
                for side in min_boxes:
                    x, y = (i + 0.5) / scale_w, (j + 0.5) / scale_h
                    priors.append((x, y, side / width, side / height))
    return np.clip(np.array(priors), 0, 1)


def faceboxes(width: int, height: int) -> Boxes:
    """FaceBoxes.PyTorch, layers/functions/prior_box.py."""
    priors = []
    for step, min_sizes in ((32, (32, 64, 128)), (64, (256,)), (128, (512,))):
        for i, j in product(range(math.ceil(height / step)), range(math.ceil(width / step))):
            for side in min_sizes:
                shifts = {32: (0, 0.25, 0.5, 0.75), 64: (0, 0.5)}.get(side, (0.5,))
                for y, x in product(shifts, shifts):
                    centre = (j + x) * step / width, (i + y) * step / height
                    priors.append((*centre, side / width, side / height))
    return np.array(priors)


_RATIOS = {"few": (2,), "many": (2, 3)}


def _ssd(
    side: int,
    maps: Sequence[int],
    steps: Sequence[float],
    sizes: Sequence[float],
    ratios: Sequence[str],
    *,
    by_size: bool = False,
    clamped: slice = slice(0, 4),
) -> Boxes:
    """PriorBox of ssd.pytorch and lufficc's SSD, generate_ssd_priors of pytorch-ssd; by_size as
    DefaultBoxes of NVIDIA's DeepLearningExamples. All clamp to 0..1, torchvision sizes only."""
    priors = []
    for k, cells in enumerate(maps):
        least, most = sizes[k] / side, math.sqrt(sizes[k] * sizes[k + 1]) / side
        shapes = [(least, least), (most, most)]
        for ratio in _RATIOS[ratios[k]]:
            shapes.append((least * math.sqrt(ratio), least / math.sqrt(ratio)))
            shapes.append((least / math.sqrt(ratio), least * math.sqrt(ratio)))
        f_k = side / steps[k]
        places = [((j + 0.5) / f_k, (i + 0.5) / f_k) for i in range(cells) for j in range(cells)]
        if by_size:
            priors += [(*place, *shape) for shape in shapes for place in places]
        else:
            priors += [(*place, *shape) for place in places for shape in shapes]
    table = np.array(priors)
    table[:, clamped] = np.clip(table[:, clamped], 0, 1)
    return table


def ssd300(sizes: Sequence[float], *, by_size: bool = False, clamped: slice = slice(0, 4)) -> Boxes:
    """ssd.pytorch's data/config.py, of which sizes are min_sizes and the last of max_sizes;
    torchvision's ssd300_vgg16 has COCO's / 300 as its scales."""
    return _ssd(
        300,
        (38, 19, 10, 5, 3, 1),
        (8, 16, 32, 64, 100, 300),
        sizes,
        ("few", "many", "many", "many", "few", "few"),
        by_size=by_size,
        clamped=clamped,
    )


def ssd512(sizes: Sequence[float]) -> Boxes:
    """lufficc's configs/vgg_ssd512_*.yaml."""
    return _ssd(
        512,
        (64, 32, 16, 8, 4, 2, 1),
        (8, 16, 32, 64, 128, 256, 512),
        sizes,
        ("few", "many", "many", "many", "many", "few", "few"),
    )


def ssd_mobilenet() -> Boxes:
    """pytorch-ssd, vision/ssd/config/mobilenetv1_ssd_config.py."""
    return _ssd(
        300,
        (19, 10, 5, 3, 2, 1),
        (16, 32, 64, 100, 150, 300),
        (60, 105, 150, 195, 240, 285, 330),
        ("many",) * 6,
    )


def ssdlite() -> Boxes:
    """torchvision's DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95) for
    ssdlite320_mobilenet_v3_large; sizes are clamped, centres are not."""
    maps = (20, 10, 5, 3, 2, 1)
    scales = [0.2 + (0.95 - 0.2) * k / 5 for k in range(6)] + [1.0]
    return _ssd(
        320,
        maps,
        [320 / cells for cells in maps],
        [scale * 320 for scale in scales],
        ("many",) * 6,
        clamped=slice(2, 4),
    )


def tensorflow_ssd(width: int, height: int) -> Boxes:
    """object_detection/anchor_generators/multiple_grid_anchor_generator.py, create_ssd_anchors with
    six layers, scales 0.2 to 0.95, and three boxes in the lowest layer."""
    scales = [0.2 + (0.95 - 0.2) * i / 5 for i in range(6)] + [1.0]
    maps = [(math.ceil(height / 16), math.ceil(width / 16))]
    while len(maps) < 6:
        maps.append((math.ceil(maps[-1][0] / 2), math.ceil(maps[-1][1] / 2)))
    shorter = min(width, height)
    priors = []
    for layer, (rows, columns) in enumerate(maps):
        specs = [(scales[layer], ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 0.3333)]
        specs.append((math.sqrt(scales[layer] * scales[layer + 1]), 1.0))
        if layer == 0:
            specs = [(0.1, 1.0), (0.2, 2.0), (0.2, 0.5)]
        for row in range(rows):
            for column in range(columns):
                for scale, ratio in specs:
                    priors.append(
                        (
                            (column + 0.5) / columns,
                            (row + 0.5) / rows,
                            scale * math.sqrt(ratio) * shorter / width,
                            scale / math.sqrt(ratio) * shorter / height,
                        )
                    )
    return np.array(priors)


def decode(offsets: np.ndarray, priors: Boxes, width: int, height: int) -> Boxes:
    """ssd.pytorch, layers/box_utils.py, decode with the variances 0.1 and 0.2: xyxy in px."""
    centre = priors[:, :2] + offsets[:, :2] * 0.1 * priors[:, 2:]
    extent = priors[:, 2:] * np.exp(offsets[:, 2:] * 0.2)
    corners = np.hstack([centre - extent / 2, centre + extent / 2])
    return corners * np.array([width, height] * 2)
