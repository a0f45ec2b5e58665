"""Labels that look missing: what a model is sure of where nobody drew a box.

A missing label makes a right detection count as wrong, in AP, in precision and in the count. A
person must see whether it is missing: a model may be sure and wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handler.detection.detections import Detections
from scripts.accuracy.matching import box_iou_batch, box_share_batch
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

SURE_SCORE = 0.8
_TOUCHING_IOU = 0.3  # neighbours' boxes overlap as much; more, and a label is there, if a loose one
_COVERED = 0.5  # of a box by a label: a part of what is labelled
_DUPLICATE_IOU = 0.5


@dataclass(frozen=True)
class UnlabelledPicture:
    """A picture with the detections, best first, that no label is near."""

    picture: EvaluatedPicture
    detections: Detections


@dataclass(frozen=True)
class MissingLabels:
    """Of a dataset. pictures: those with most such detections first. sure: how many detections
    score above `score`."""

    score: float
    sure: int
    pictures: tuple[UnlabelledPicture, ...]

    @property
    def boxes(self) -> int:
        """How many labels look missing."""
        return sum(len(each.detections) for each in self.pictures)


def find_missing_labels(
    pictures: Sequence[EvaluatedPicture], score_threshold: float
) -> MissingLabels:
    """The detections above SURE_SCORE and the threshold where nothing of any class is labelled."""
    score = max(SURE_SCORE, score_threshold)
    sure, found = 0, []
    for picture in pictures:
        likely = picture.predictions_above(score)
        sure += len(likely)
        unlabelled = likely.select(_is_unlabelled(likely, picture.ground_truth.boxes))
        unlabelled = unlabelled.select(_is_first(unlabelled))
        if len(unlabelled):
            found.append(UnlabelledPicture(picture, unlabelled))
    found.sort(key=lambda each: -len(each.detections))
    return MissingLabels(score, sure, tuple(found))


def _is_unlabelled(detections: Detections, labelled_boxes: np.ndarray) -> np.ndarray:
    """Bool (N,)."""
    boxes = detections.boxes.astype(np.float64)
    if not len(boxes) or not len(labelled_boxes):
        return np.ones(len(boxes), bool)
    covered = box_share_batch(boxes, labelled_boxes)
    iou = box_iou_batch(boxes, labelled_boxes)
    return (iou.max(1) < _TOUCHING_IOU) & (covered.max(1) < _COVERED)


def _is_first(detections: Detections) -> np.ndarray:
    """Whether no better detection lies at the same place, as of another class: bool (N,)."""
    boxes = detections.boxes.astype(np.float64)
    iou = np.tril(box_iou_batch(boxes, boxes), -1)
    return (iou < _DUPLICATE_IOU).all(1)
