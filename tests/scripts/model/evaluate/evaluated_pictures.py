"""Evaluated pictures by hand, without a detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handler.detection.detections import Detections
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

CLASSES = ("cell",)


def evaluated_picture(
    true_boxes: list[list[float]], predicted_boxes: list[list[float]], scores: list[float]
) -> EvaluatedPicture:
    """A picture of 100 x 100 px with cells only; boxes are xyxy."""
    boxes = np.array(true_boxes, np.float64).reshape(-1, 4)
    ground_truth = LabelledPicture(Path("p.png"), boxes, ("cell",) * len(boxes))
    predictions = Detections(
        np.array(predicted_boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.zeros(len(scores), np.int64),
    )
    return EvaluatedPicture(ground_truth, predictions, 100, 100)
