"""Matches predicted boxes to ground truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from handler.detection.detections import Detections
from scripts.accuracy.matching import match
from scripts.model.dataset import LabelledPicture


def match_to_ground_truth(
    predictions: Detections, ground_truth: LabelledPicture, classes: Sequence[str]
) -> np.ndarray:
    """Index of the ground truth box that each prediction, best first, matches: int64 (N,), -1 for
    none."""
    true_class_ids = np.array([classes.index(label) for label in ground_truth.labels], np.int64)
    return match(
        predictions.boxes.astype(np.float64),
        predictions.class_ids,
        ground_truth.boxes,
        true_class_ids,
    )


def count_matches(
    predictions: Detections, ground_truth: LabelledPicture, classes: Sequence[str]
) -> int:
    """How many predictions match a ground truth box."""
    return int((match_to_ground_truth(predictions, ground_truth, classes) >= 0).sum())
