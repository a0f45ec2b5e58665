"""What a model found in a picture, and what a person corrected, as boxes with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.records.record import PredictionRecord

CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, eq=False)
class Candidates:
    """What a model found in one picture, down to its score floor, best first.

    boxes: float64 (n, 4), xyxy in px of the upright original. scores: float64 (n,). labels: n class
    names. is_detection: bool (n,), above the model's own threshold.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: tuple[str, ...]
    is_detection: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def count(self) -> int:
        """Detections above the model's own threshold."""
        return int(self.is_detection.sum())


def read_candidates(record: PredictionRecord) -> Candidates:
    """Detections and near misses of a record; one of prediction/1 tells only the request's own
    threshold, which stands for the model's."""
    listed = [*record.detections, *record.near_misses]
    boxes, labels = read_boxes(listed)
    scores = np.array([each["score"] for each in listed], np.float64)
    own = (record.at_model_threshold or {}).get("score")
    asked = (record.thresholds or {}).get("score")
    if own is None or own == asked:  # at an equal one, rounded scores must not move any
        is_detection = np.arange(len(listed)) < len(record.detections)
    else:
        is_detection = scores > own
    return Candidates(boxes, scores, labels, is_detection)


def read_boxes(listed: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Boxes (n, 4) and class names of detections as JSON lists them."""
    boxes = [[each["box"][corner] for corner in CORNERS] for each in listed]
    return np.array(boxes, np.float64).reshape(-1, 4), tuple(str(each["label"]) for each in listed)
