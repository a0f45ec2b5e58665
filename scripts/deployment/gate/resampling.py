"""How much of a change is chance of the pictures: the paired bootstrap.

Pictures are drawn with replacement, as many as there are, and both models' figures are computed of
the same drawn ones (Efron and Tibshirani 1993, chapter 14; Koehn 2004 on paired figures). The
interval holds 90 % of the changes. It says nothing of pictures of another kind, and of fewer than
some twenty pictures it is rather too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from scripts.accuracy.average_precision import average_precision_in_order
from scripts.accuracy.matching import match
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

RESAMPLES = 400
COVERAGE = 0.9
COCO_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


@dataclass(frozen=True, eq=False)
class _ClassCandidates:
    """One class's candidates of all pictures, best first: the picture each is of, int (n,), and
    whether it matches at each of COCO_IOUS, bool (IoU, n). objects: labelled ones by picture."""

    picture: NDArray[np.int64]
    is_match: NDArray[np.bool_]
    objects: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PictureFigures:
    """What the figures of a set of pictures are made of, by picture, so that any choice of pictures
    has its figures: float64 (pictures,) each. matched, predicted: above the score threshold."""

    classes: tuple[_ClassCandidates, ...]
    matched: NDArray[np.float64]
    predicted: NDArray[np.float64]
    objects: NDArray[np.float64]
    count_error: NDArray[np.float64]

    @classmethod
    def of(
        cls, pictures: Sequence[EvaluatedPicture], classes: Sequence[str], score_threshold: float
    ) -> PictureFigures:
        """Of a model's predictions and its classes, which hold every label."""
        matches = [_match(picture, classes) for picture in pictures]
        above = [picture.predictions.scores > score_threshold for picture in pictures]
        predicted = np.array([mask.sum() for mask in above], np.float64)
        objects = np.array([picture.true_count for picture in pictures], np.float64)
        matched = [float(row[0][mask].sum()) for row, mask in zip(matches, above, strict=True)]
        return cls(
            tuple(_candidates(pictures, matches, classes, index) for index in range(len(classes))),
            np.array(matched, np.float64),
            predicted,
            objects,
            abs(predicted - objects) / np.maximum(objects, 1),
        )

    def compute(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """The figures where each picture counts so many times. By their names in Figures."""
        ap50, ap = self._average_precisions(weights)
        predicted, objects = float(self.predicted @ weights), float(self.objects @ weights)
        matched = float(self.matched @ weights)
        return {
            "ap50": ap50,
            "ap": ap,
            "precision": matched / predicted if predicted else 0.0,
            "recall": matched / objects if objects else 0.0,
            "count_error": float(self.count_error @ weights) / max(float(weights.sum()), 1.0),
        }

    def _average_precisions(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """AP50 and AP: means over the classes that have objects in these pictures."""
        rows = []
        for each in self.classes:
            objects = float(each.objects @ weights)
            if objects:
                of_candidates = weights[each.picture]
                rows.append(
                    [average_precision_in_order(m, of_candidates, objects) for m in each.is_match]
                )
        if not rows:
            return 0.0, 0.0
        means = np.mean(rows, axis=0)
        return float(means[0]), float(means.mean())


def resample_changes(
    live: PictureFigures, new: PictureFigures, *, resamples: int = RESAMPLES, seed: int = 0
) -> Mapping[str, tuple[float, float]]:
    """The interval of new - live by figure, of two models on the same pictures in one order."""
    rng = np.random.default_rng(seed)
    count = len(live.objects)
    changes: dict[str, list[float]] = {}
    for _ in tqdm(range(resamples), unit="resample", desc="resampling", disable=None, leave=False):
        weights = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
        of_live, of_new = live.compute(weights), new.compute(weights)
        for name, value in of_new.items():
            changes.setdefault(name, []).append(value - of_live[name])
    tail = (1 - COVERAGE) / 2
    return {
        name: (float(np.quantile(values, tail)), float(np.quantile(values, 1 - tail)))
        for name, values in changes.items()
    }


def _match(picture: EvaluatedPicture, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each prediction matches an object, at each IoU: bool (IoU, n)."""
    truth, predictions = picture.ground_truth, picture.predictions
    true_ids = np.array([classes.index(label) for label in truth.labels], np.int64)
    boxes = predictions.boxes.astype(np.float64)
    return np.array(
        [match(boxes, predictions.class_ids, truth.boxes, true_ids, iou) >= 0 for iou in COCO_IOUS]
    )


def _candidates(
    pictures: Sequence[EvaluatedPicture],
    matches: Sequence[NDArray[np.bool_]],
    classes: Sequence[str],
    class_id: int,
) -> _ClassCandidates:
    scores, numbers, is_match, objects = [], [], [], []
    for number, (picture, row) in enumerate(zip(pictures, matches, strict=True)):
        of_class = picture.predictions.class_ids == class_id
        scores.append(picture.predictions.scores[of_class])
        numbers.append(np.full(int(of_class.sum()), number, np.int64))
        is_match.append(row[:, of_class])
        objects.append(picture.ground_truth.labels.count(classes[class_id]))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return _ClassCandidates(
        np.concatenate(numbers)[order],
        np.concatenate(is_match, axis=1)[:, order],
        np.array(objects, np.float64),
    )
