"""Accuracy on a set of pictures: average precision, precision, recall, F1 and count errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.model.classes import are_alike
from scripts.model.dataset import DatasetError
from scripts.model.evaluate.average_precision import MAX_DETECTIONS, compute_average_precision
from scripts.model.evaluate.counting import (
    CountFigures,
    compute_count_figures,
    correlate_counts,
    count_by_class,
    count_pictures,
)
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.matching import count_matches, match_to_ground_truth


@dataclass(frozen=True)
class Figures:
    """A model's accuracy on one dataset.

    objects: labelled ones. precision, recall, f1 and counts are taken at score_threshold. Count
    errors are of each picture: count_error is the mean of |predicted - true| / max(true, 1),
    count_mae of |predicted - true|, count_mae_by_mean the latter by the mean true count, None where
    nothing is labelled; count_bias is (all predicted - all true) / all true. count_correlation: see
    correlate_counts. by_size, by_class: see AveragePrecision; counts_by_class: by class name.
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
    count_mae_by_mean: float | None
    count_correlation: float | None
    counts_by_class: dict[str, CountFigures]


@dataclass(frozen=True)
class ThresholdCurves:
    """Precision, recall, F1 and the mean absolute count error by the mean true count at score
    thresholds, each float64 (T,)."""

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    count_mae_by_mean: np.ndarray


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
        meant = [f"{one!r} looks like {name!r}" for one in unknown for name in classes
                 if are_alike(one, name)]  # fmt: skip
        raise DatasetError(
            f"{dataset_name}: labels {unknown} are none of the model's: {list(classes)}"
            + (f"; {', '.join(meant)}: give them the model's name" if meant else "")
        )
    average_precision = compute_average_precision(pictures, classes, max_detections)
    curves = compute_threshold_curves(pictures, classes)
    matched = sum(
        count_matches(picture.predictions_above(score_threshold), picture.ground_truth, classes)
        for picture in pictures
    )
    found, labelled = count_pictures(pictures, score_threshold)
    counts = compute_count_figures(found, labelled)
    predicted, true = counts.found, counts.labelled
    return Figures(
        dataset=dataset_name,
        pictures=len(pictures),
        objects=true,
        ap50=average_precision.ap50,
        ap=average_precision.ap,
        precision=matched / predicted if predicted else 0.0,
        recall=matched / true if true else 0.0,
        count_error=counts.error,
        count_bias=counts.bias or 0.0,
        score_threshold=score_threshold,
        ap75=average_precision.ap75,
        count_mae=counts.mae,
        f1=2 * matched / (predicted + true) if predicted + true else 0.0,
        best_f1_threshold=float(curves.thresholds[int(curves.f1.argmax())]),
        by_size=average_precision.by_size,
        by_class=average_precision.by_class,
        count_mae_by_mean=counts.mae_by_mean,
        count_correlation=correlate_counts(found, labelled),
        counts_by_class=count_by_class(pictures, classes, score_threshold),
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
        errors += abs(above.sum(0) - picture.true_count)
    return ThresholdCurves(
        thresholds,
        precision=np.where(predicted > 0, matched / np.maximum(predicted, 1), np.nan),
        recall=matched / max(true, 1),
        f1=2 * matched / np.maximum(predicted + true, 1),
        count_mae_by_mean=errors / max(true, 1),
    )
