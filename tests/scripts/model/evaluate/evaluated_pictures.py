"""Evaluated pictures by hand, without a detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handler.detection.detections import Detections
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

CLASSES = ("cell",)


def evaluated_picture(
    true_boxes: list[list[float]],
    predicted_boxes: list[list[float]],
    scores: list[float],
    *,
    labels: Sequence[str] | None = None,
    class_ids: Sequence[int] | None = None,
    name: str = "p.png",
) -> EvaluatedPicture:
    """A picture of 100 x 100 px, of cells unless told otherwise; boxes are xyxy."""
    boxes = np.array(true_boxes, np.float64).reshape(-1, 4)
    ground_truth = LabelledPicture(
        Path(name), boxes, tuple(labels or ("cell",) * len(boxes)), 100, 100
    )
    predictions = Detections(
        np.array(predicted_boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(class_ids or [0] * len(scores), np.int64),
    )
    return EvaluatedPicture(ground_truth, predictions, 100, 100)


def counted_picture(labelled: int, scores: Sequence[float]) -> EvaluatedPicture:
    """A picture of which only the counts matter."""
    place = [0.0, 0.0, 9.0, 9.0]
    return evaluated_picture([place] * labelled, [place] * len(scores), list(scores))
