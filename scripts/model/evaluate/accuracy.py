"""Accuracy on a set of pictures: average precision, precision, recall, F1 and count errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.model.dataset import DatasetError
from scripts.model.evaluate.average_precision import MAX_DETECTIONS, compute_average_precision
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.matching import count_matches, match_to_ground_truth


@dataclass(frozen=True)
class Figures:
    """A model's accuracy on one dataset.

    objects: labelled ones. precision, recall, f1 and counts are taken at score_threshold. Count
    errors are of each picture: count_error is the mean of |predicted - true| / max(true, 1),
    count_mae of |predicted - true|; count_bias is (all predicted - all true) / all true. by_size,
    by_class: see AveragePrecision.
    """

    dataset: str
    pictures: int
    objects: int
    ap50: float
    ap: float
    precision: float
    recall: float
    count_error: float
    count_bias: float
    score_threshold: float
    ap75: float
    count_mae: float
    f1: float
    best_f1_threshold: float
    by_size: dict[str, float | None]
    by_class: dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class ThresholdCurves:
    """Precision, recall, F1 and mean relative count error at score thresholds, each float64
    (T,)."""

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    count_error: np.ndarray


def compute_figures(
    pictures: Sequence[EvaluatedPicture],
    classes: Sequence[str],
    dataset_name: str,
    score_threshold: float,
    max_detections: int = MAX_DETECTIONS,
) -> Figures:
    """All figures of a dataset. AP does not depend on the threshold.

    Raises DatasetError for labels that are none of `classes`.
    """
    labels = {label for picture in pictures for label in picture.ground_truth.labels}
    unknown = sorted(labels - set(classes))
    if unknown:
        raise DatasetError(
            f"{dataset_name}: labels {unknown} are none of the model's: {list(classes)}"
        )
    average_precision = compute_average_precision(pictures, classes, max_detections)
    curves = compute_threshold_curves(pictures, classes)
    matched = predicted = true = 0
    absolute_errors, relative_errors = [], []
    for picture in pictures:
        predictions = picture.predictions_above(score_threshold)
        matched += count_matches(predictions, picture.ground_truth, classes)
        predicted += len(predictions)
        true += picture.true_count
        absolute_errors.append(abs(len(predictions) - picture.true_count))
        relative_errors.append(absolute_errors[-1] / max(picture.true_count, 1))
    return Figures(
        dataset=dataset_name,
        pictures=len(pictures),
        objects=true,
        ap50=average_precision.ap50,
        ap=average_precision.ap,
        precision=matched / predicted if predicted else 0.0,
        recall=matched / true if true else 0.0,
        count_error=float(np.mean(relative_errors)) if relative_errors else 0.0,
        count_bias=(predicted - true) / true if true else 0.0,
        score_threshold=score_threshold,
        ap75=average_precision.ap75,
        count_mae=float(np.mean(absolute_errors)) if absolute_errors else 0.0,
        f1=2 * matched / (predicted + true) if predicted + true else 0.0,
        best_f1_threshold=float(curves.thresholds[int(curves.f1.argmax())]),
        by_size=average_precision.by_size,
        by_class=average_precision.by_class,
    )


def compute_threshold_curves(
    pictures: Sequence[EvaluatedPicture], classes: Sequence[str]
) -> ThresholdCurves:
    """The figures that depend on the score threshold, from 0.05 to 0.95.

    Boxes are matched best first, so that raising the threshold removes matches and changes none.
    """
    thresholds = np.round(np.arange(0.05, 0.951, 0.01), 2)
    matched, predicted, true = np.zeros(len(thresholds)), np.zeros(len(thresholds)), 0
    errors = np.zeros(len(thresholds))
    for picture in pictures:
        above = picture.predictions.scores[:, None] > thresholds
        matches = match_to_ground_truth(picture.predictions, picture.ground_truth, classes)
        matched += (above & (matches >= 0)[:, None]).sum(0)
        predicted += above.sum(0)
        true += picture.true_count
        errors += abs(above.sum(0) - picture.true_count) / max(picture.true_count, 1)
    return ThresholdCurves(
        thresholds,
        precision=np.where(predicted > 0, matched / np.maximum(predicted, 1), np.nan),
        recall=matched / max(true, 1),
        f1=2 * matched / np.maximum(predicted + true, 1),
        count_error=errors / max(len(pictures), 1),
    )


def find_best_count_threshold(pictures: Sequence[EvaluatedPicture]) -> float:
    """The score threshold, in steps of 0.01, with the smallest mean relative count error, smoothed
    over five steps."""
    candidates = np.arange(0.10, 0.91, 0.01)
    errors = []
    for threshold in candidates:
        counts = [(each.predicted_count(threshold), each.true_count) for each in pictures]
        errors.append(np.mean([abs(predicted - true) / max(true, 1) for predicted, true in counts]))
    smooth = np.convolve(np.pad(errors, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return float(round(candidates[int(np.argmin(smooth))], 2))
