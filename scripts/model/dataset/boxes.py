"""Checks and repairs the boxes of one picture, whichever format they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from scripts.model.dataset.labelled import DatasetError, LabelledPicture
from scripts.model.dataset.pictures import read_upright_size

BORDER_TOLERANCE_PX = 2.0  # a box further outside its picture is counted as a correction
MIN_BOX_SIDE_PX = 1.0


def label_picture(
    image_path: Path,
    objects: Iterable[tuple[list[float], str]],
    label_path: Path,
    corrections: Counter[str],
) -> LabelledPicture:
    """The picture with its repaired objects, each a box (xyxy, px) and a class name.

    Swapped corners are put in order, boxes are clipped to the picture, empty and repeated ones
    are left out; `corrections` counts each. Raises DatasetError for boxes without a class name or
    with corners that are not finite.
    """
    width, height = read_upright_size(image_path)
    unique: dict[tuple[tuple[float, ...], str], None] = {}
    for box, label in objects:
        if not label:
            raise DatasetError(f"{label_path}: a box without a class name; give it one")
        corners = np.array(box, np.float64)
        if not np.isfinite(corners).all():
            raise DatasetError(f"{label_path}: a box of {label} with missing or infinite corners")
        ordered = np.concatenate([np.minimum(*corners.reshape(2, 2)), [0, 0]])
        ordered[2:] = np.maximum(*corners.reshape(2, 2))
        if not np.array_equal(ordered, corners):
            corrections["boxes with swapped corners, turned"] += 1
        clipped = ordered.clip(0, [width, height, width, height])
        if np.abs(clipped - ordered).max() > BORDER_TOLERANCE_PX:
            corrections["boxes that stick out of their picture, cut"] += 1
        if (clipped[2:] - clipped[:2]).min() < MIN_BOX_SIDE_PX:
            corrections["boxes under one pixel or outside, left out"] += 1
            continue
        labelled_box = (tuple(map(float, clipped)), label)
        if labelled_box in unique:
            corrections["boxes given twice, left out"] += 1
        unique[labelled_box] = None
    boxes = np.array([box for box, _ in unique], np.float64).reshape(-1, 4)
    return LabelledPicture(image_path, boxes, tuple(label for _, label in unique), width, height)
