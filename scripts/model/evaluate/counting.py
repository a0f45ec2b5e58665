"""How well a model counts: its errors, the score threshold that counts best, and whether to trust
it.

The threshold is chosen by the mean absolute error of a picture's count. Pictures with few labels
rule the mean of relative errors: where one is labelled, a false box costs 100 %, and the threshold
rises until a third of the objects in the others are missed. For the same reason the mean absolute
error is given by the mean count, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

MEASURE = "the mean absolute error of a picture's count"
_THRESHOLDS = np.round(np.arange(0.10, 0.905, 0.01), 2)
_SMOOTHED_STEPS = 5
MIN_PICTURES = 5  # fewer say nothing about how found and labelled counts go together
MIN_SPREAD = 0.1  # of the labelled counts around their median, by their mean: as MIN_PICTURES
MIN_CORRELATION = 0.5
MAX_BIAS = 0.2


@dataclass(frozen=True)
class CountFigures:
    """Found and labelled objects, of one class or of all.

    error: the mean over the pictures of |found - labelled| / max(labelled, 1). mae: the mean of
    |found - labelled|; mae_by_mean: the same by the mean labelled count. bias: (all found - all
    labelled) / all labelled. Both are None where nothing is labelled.
    """

    labelled: int
    found: int
    error: float
    mae: float
    mae_by_mean: float | None
    bias: float | None


@dataclass(frozen=True)
class BestThreshold:
    """The score threshold that counts best by MEASURE, and the counts there."""

    score_threshold: float
    counts: CountFigures


def compute_count_figures(found: np.ndarray, labelled: np.ndarray) -> CountFigures:
    """found, labelled: counts by picture, (n,) each."""
    errors = np.abs(found - labelled)
    total = int(labelled.sum())
    return CountFigures(
        labelled=total,
        found=int(found.sum()),
        error=float(np.mean(errors / np.maximum(labelled, 1))) if len(errors) else 0.0,
        mae=float(np.mean(errors)) if len(errors) else 0.0,
        mae_by_mean=float(errors.sum() / total) if total else None,
        bias=(int(found.sum()) - total) / total if total else None,
    )


def count_by_class(
    pictures: Sequence[EvaluatedPicture], classes: Sequence[str], score_threshold: float
) -> dict[str, CountFigures]:
    """Of every class, in their order."""
    found = np.zeros((len(pictures), len(classes)), np.int64)
    labelled = np.zeros_like(found)
    for number, picture in enumerate(pictures):
        class_ids = picture.predictions_above(score_threshold).class_ids
        found[number] = np.bincount(class_ids, minlength=len(classes))
        labelled[number] = [picture.ground_truth.labels.count(name) for name in classes]
    return {
        name: compute_count_figures(found[:, class_id], labelled[:, class_id])
        for class_id, name in enumerate(classes)
    }


def count_pictures(
    pictures: Sequence[EvaluatedPicture], score_threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Found and labelled objects of all classes, int64 (pictures,) each."""
    found = [each.predicted_count(score_threshold) for each in pictures]
    labelled = [each.true_count for each in pictures]
    return np.array(found, np.int64), np.array(labelled, np.int64)


def find_best_count_threshold(pictures: Sequence[EvaluatedPicture]) -> BestThreshold:
    """The score threshold, in steps of 0.01, at which MEASURE, smoothed over five steps, is
    smallest; the middle one where several in a row are."""
    by_threshold = [count_pictures(pictures, threshold) for threshold in _THRESHOLDS]
    errors = [float(np.abs(found - labelled).sum()) for found, labelled in by_threshold]
    padded = np.pad(errors, _SMOOTHED_STEPS // 2, mode="edge")
    smooth = np.convolve(padded, np.ones(_SMOOTHED_STEPS), mode="valid")
    first = int(np.argmin(smooth))
    others = np.flatnonzero(smooth[first:] > smooth[first] + 1e-9)
    run = int(others[0]) if len(others) else len(smooth) - first
    best = first + (run - 1) // 2
    return BestThreshold(float(_THRESHOLDS[best]), compute_count_figures(*by_threshold[best]))


def correlate_counts(found: np.ndarray, labelled: np.ndarray) -> float | None:
    """Spearman's rank correlation of the counts, from -1 to 1, ties at their mean rank.

    None where it means nothing: of few pictures, or where all have about as many labels. 0 where
    the same is found in every picture.
    """
    if len(found) < MIN_PICTURES or not labelled.sum():
        return None
    if np.mean(np.abs(labelled - np.median(labelled))) < MIN_SPREAD * labelled.mean():
        return None
    if np.ptp(found) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(found), rankdata(labelled))[0, 1])


def doubt_counts(found: np.ndarray, labelled: np.ndarray) -> list[str]:
    """A sentence for each reason not to count by this model at this threshold."""
    correlation, reasons = correlate_counts(found, labelled), []
    if correlation is not None:
        constant = float(np.median(labelled))
        off, constant_off = (float(np.mean(np.abs(each - labelled))) for each in (found, constant))
        if correlation < MIN_CORRELATION:
            reasons.append(
                f"found and labelled counts hardly go together (rank correlation {correlation:.2f} "
                f"over {len(found)} pictures): this model does not count"
            )
        if off >= constant_off:
            reasons.append(
                f"one number for all pictures would count as well: always {constant:g} is off by "
                f"{constant_off:.1f} a picture, the model by {off:.1f}"
            )
    figures = compute_count_figures(found, labelled)
    if figures.bias is not None and figures.bias < -MAX_BIAS:
        reasons.append(
            f"it finds {-figures.bias:.0%} fewer objects than are labelled: the score threshold is "
            "too high (--find-threshold), or the model misses them"
        )
    elif figures.bias is not None and figures.bias > MAX_BIAS:
        reasons.append(
            f"it finds {figures.bias:.0%} more objects than are labelled: the score threshold is "
            "too low (--find-threshold), or labels are missing"
        )
    return reasons
