"""What became of each box of a picture: right, found as another class, wrong or missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from handler.detection.detections import Detections
from scripts.accuracy.matching import match
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.matching import match_to_ground_truth


@dataclass(frozen=True)
class PictureOutcome:
    """A picture with the predictions above the threshold.

    matches: int64 (N,), the index of the labelled box of its class that each prediction matches, -1
    for none. confused_with: the same for a labelled box of another class that no prediction
    matches.
    """

    picture: EvaluatedPicture
    predictions: Detections
    matches: np.ndarray
    confused_with: np.ndarray

    @property
    def true_positives(self) -> int:
        return int((self.matches >= 0).sum())

    @property
    def false_positives(self) -> int:
        """Those found as another class are among them, and among the missed."""
        return int((self.matches < 0).sum())

    @property
    def false_negatives(self) -> int:
        return self.picture.true_count - self.true_positives

    @property
    def confusions(self) -> int:
        return int((self.confused_with >= 0).sum())

    @property
    def error(self) -> float:
        """Wrong and missed boxes by labelled ones."""
        return (self.false_positives + self.false_negatives) / max(self.picture.true_count, 1)


def find_outcome(
    picture: EvaluatedPicture, classes: Sequence[str], score_threshold: float
) -> PictureOutcome:
    """Match a picture's predictions to its labelled boxes: first within each class, then those that
    are left across classes, both by IoU >= 0.5."""
    predictions, truth = picture.predictions_above(score_threshold), picture.ground_truth
    matches = match_to_ground_truth(predictions, truth, classes)
    confused_with = np.full(len(predictions), -1, np.int64)
    left = np.flatnonzero(matches < 0)
    missed = np.setdiff1d(np.arange(picture.true_count), matches)
    across = match(
        predictions.boxes[left].astype(np.float64),
        np.zeros(len(left), np.int64),
        truth.boxes[missed],
        np.zeros(len(missed), np.int64),
    )
    confused_with[left[across >= 0]] = missed[across[across >= 0]]
    return PictureOutcome(picture, predictions, matches, confused_with)


def count_confusions(
    outcomes: Iterable[PictureOutcome], classes: Sequence[str]
) -> list[tuple[str, str, int]]:
    """(labelled class, found class, boxes) of each confusion, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        labels = outcome.picture.ground_truth.labels
        for class_id, index in zip(
            outcome.predictions.class_ids, outcome.confused_with, strict=True
        ):
            if index >= 0:
                counts[labels[index], classes[class_id]] += 1
    return [(*names, count) for names, count in counts.most_common()]
