"""Matches boxes that a model found with boxes that a person drew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MATCH_IOU = 0.5


def box_iou_batch(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every pair of boxes, xyxy: (N, 4) and (M, 4) give float64
    (N, M)."""
    intersection = _intersection(first, second)
    first_area = (first[:, 2:] - first[:, :2]).prod(-1)
    second_area = (second[:, 2:] - second[:, :2]).prod(-1)
    area = first_area[:, None] + second_area[None]
    iou: NDArray[np.float64] = intersection / np.maximum(area - intersection, 1e-9)
    return iou


def box_share_batch(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each first box's area that lies in each second box: (N, 4) and (M, 4), xyxy, give
    float64 (N, M)."""
    area = (first[:, 2:] - first[:, :2]).prod(-1)
    share: NDArray[np.float64] = _intersection(first, second) / np.maximum(area, 1e-9)[:, None]
    return share


def _intersection(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of every pair's intersection: float64 (N, M)."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    area: NDArray[np.float64] = np.clip(bottom_right - top_left, 0, None).prod(-1)
    return area


def match(
    boxes: NDArray[np.float64],
    labels: Sequence[object] | NDArray[np.int64],
    true_boxes: NDArray[np.float64],
    true_labels: Sequence[object] | NDArray[np.int64],
    iou: float = MATCH_IOU,
) -> NDArray[np.int64]:
    """Index of the true box that each box matches: int64 (n,), -1 for none.

    boxes: (n, 4) xyxy, best first. labels: names or class ids. Each takes the box of its class that
    it overlaps most, by IoU >= `iou`, of those that no better one has.
    """
    if not len(boxes) or not len(true_boxes):
        return np.full(len(boxes), -1, np.int64)
    overlaps = box_iou_batch(boxes.astype(np.float64), true_boxes)
    overlaps[np.asarray(labels)[:, None] != np.asarray(true_labels)[None]] = 0
    return match_overlaps(overlaps, iou)


def match_overlaps(overlaps: NDArray[np.float64], minimum: float) -> NDArray[np.int64]:
    """Index of the true box that each box matches: int64 (N,), -1 for none.

    overlaps: (N, M), of each box, best first, with each true box. Each takes the one that it
    overlaps most, by `minimum` or more, of those that no better one has.
    """
    matches = np.full(len(overlaps), -1, np.int64)
    free = overlaps.copy()
    for index, row in enumerate(free):
        if row.max(initial=0) >= minimum:
            matches[index] = row.argmax()
            free[:, matches[index]] = 0
    return matches
