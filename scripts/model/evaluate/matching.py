"""Matches predicted boxes to ground truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from handler.detection.detections import Detections
from scripts.model.dataset import LabelledPicture

MATCH_IOU = 0.5


def box_iou_batch(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair of boxes, xyxy: (N, 4) and (M, 4) give float64
    (N, M)."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    intersection = np.clip(bottom_right - top_left, 0, None).prod(-1)
    first_area = (first[:, 2:] - first[:, :2]).prod(-1)
    second_area = (second[:, 2:] - second[:, :2]).prod(-1)
    area = first_area[:, None] + second_area[None]
    return intersection / np.maximum(area - intersection, 1e-9)


def match_to_ground_truth(
    predictions: Detections, ground_truth: LabelledPicture, classes: Sequence[str]
) -> np.ndarray:
    """Index of the ground truth box that each prediction matches: int64 (N,), -1 for none.

    A prediction, best first, matches the box of its class that it overlaps most, by IoU >= 0.5, of
    those that no better prediction has.
    """
    overlaps = box_iou_batch(predictions.boxes.astype(np.float64), ground_truth.boxes)
    true_class_ids = np.array([classes.index(label) for label in ground_truth.labels], np.int64)
    matches = np.full(len(predictions), -1, np.int64)
    for index, (row, class_id) in enumerate(zip(overlaps, predictions.class_ids, strict=True)):
        row = np.where(true_class_ids == class_id, row, 0.0)
        if len(row) and row.max() >= MATCH_IOU:
            matches[index] = row.argmax()
            overlaps[:, row.argmax()] = 0
    return matches


def count_matches(
    predictions: Detections, ground_truth: LabelledPicture, classes: Sequence[str]
) -> int:
    """How many predictions match a ground truth box."""
    return int((match_to_ground_truth(predictions, ground_truth, classes) >= 0).sum())
