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


def decode(offsets: np.ndarray, priors: Boxes, width: int, height: int) -> Boxes:
    """ssd.pytorch, layers/box_utils.py, decode with the variances 0.1 and 0.2: xyxy in px."""
    centre = priors[:, :2] + offsets[:, :2] * 0.1 * priors[:, 2:]
    extent = priors[:, 2:] * np.exp(offsets[:, 2:] * 0.2)
    corners = np.hstack([centre - extent / 2, centre + extent / 2])
    return corners * np.array([width, height] * 2)
