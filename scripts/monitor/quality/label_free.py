"""How good the model still is on a window, without a single label of it.

The scores say it by the precision that they had on the reference; how wrong they are under each
shift that the reference knows corrects them and makes the interval, which widens with the distance
from all that is known. Beyond it no figure is given: scores are too sure exactly where pictures are
unlike those that the model was made for.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from scripts.monitor.quality.calibration import ScoreCalibration, calibrate
from scripts.monitor.quality.intervals import refuse
from scripts.monitor.quality.known_shifts import (
    FIGURES,
    KnownShifts,
    from_scale,
    learn_shifts,
    to_point,
    to_scale,
)
from scripts.monitor.result import Estimate, Quality
from scripts.records.fingerprint import Scale, compare, measure_scale
from scripts.records.observations import Observations
from scripts.records.reference import LabelledCounts, Reference

MIN_PREDICTIONS = 20  # of a window
MIN_DETECTIONS = 30
MIN_LABELLED = 50  # records of a reference, and objects
MIN_TOLD = 0.75  # of the reference's properties
MAX_WIDTH = 0.5  # of an interval that still says something
_DRAWS = 100
_MAX_DRAWN = 1000  # records in a draw; beyond, the reference's own error is all there is


def estimate(
    reference: Reference, window: Observations, *, coverage: float = 0.9, seed: int = 0
) -> Quality:
    """AP50, precision, recall and count bias of a window, each with an interval or a refusal.

    The interval is for the window's own figures, those that labels of all its pictures would give.
    coverage: of the interval, on shifts as strange as those that the reference knows.
    """
    window = window.select(window.is_prediction)
    reason = _too_little(reference, window)
    if reason or reference.labels is None:
        return _refuse_all(reason, coverage)
    base, labels = reference.observations, reference.labels
    calibration = _calibrate(base.score_histogram.astype(np.float64), labels)
    scale = measure_scale(base)
    known = learn_shifts(reference.signatures, calibration, scale.names, coverage)
    if known is None:
        return _refuse_all(
            "the reference knows no accuracy of changed pictures to judge the scores by; "
            "scripts/run evaluate BUNDLE FOLDER --write-baseline makes one that does",
            coverage,
        )
    fingerprint = compare(scale, scale.transform(base), scale.transform(window))
    told = sum(name in fingerprint.effects for name in known.names)
    if told < MIN_TOLD * len(known.names):
        return _refuse_all(
            f"the window's records tell {told} of the reference's {len(known.names)} properties: "
            "too few to know what changed; records of prediction/2 tell all",
            coverage,
        )
    point = to_point(fingerprint.effects, known.names)
    error, distance = known.error_at(point)
    rng = np.random.default_rng(seed)
    noise, limit = _draw_null(
        base, labels, known, scale, min(len(window), _MAX_DRAWN), coverage, rng
    )
    if distance > max(known.limit, limit):
        return _refuse_all(
            "the window is unlike the reference and every change of it that is known "
            f"({distance:.1f} from the nearest, {known.limit:.1f} is the limit): scores say "
            "nothing there, a few corrected pictures do",
            coverage,
        )
    said = to_scale(
        calibration.accuracy(
            window.score_histogram.sum(0).astype(np.float64),
            float(np.nansum(window.facts["detections"])),
        )
    )
    reach = np.hypot(known.reach(error, distance), noise)
    sentence = "By the scores alone, as on the reference."
    if np.linalg.norm(point) > limit:
        sentence = (
            f"The scores alone say AP50 {from_scale(said)[0]:.2f}; corrected by what the nearest "
            f"known change ({known.nearest(point)}) makes of them."
        )
    return _answer(said + error, reach, coverage, sentence)


def _too_little(reference: Reference, window: Observations) -> str:
    labels = reference.labels
    if labels is None:
        return "the reference has no labels: nobody knows how good the model was on it"
    if len(labels.objects) < MIN_LABELLED or labels.objects.sum() < MIN_LABELLED:
        return (
            f"the reference has {int(labels.objects.sum())} labelled objects in "
            f"{len(labels.objects)} pictures; an estimate needs {MIN_LABELLED} of both"
        )
    if len(window) < MIN_PREDICTIONS:
        return f"{len(window)} predictions; an estimate needs {MIN_PREDICTIONS}"
    detections = np.nansum(window.facts["detections"])
    if detections < MIN_DETECTIONS:
        return f"{detections:.0f} detections; an estimate needs {MIN_DETECTIONS}"
    return ""


def _calibrate(histogram: NDArray[np.float64], labels: LabelledCounts) -> ScoreCalibration:
    """histogram: of the records that the labels are of, (n, SCORE_BINS)."""
    return calibrate(
        histogram.sum(0),
        labels.true_positives.sum(0).astype(np.float64),
        float(labels.objects.sum()),
    )


def _draw_null(
    base: Observations,
    labels: LabelledCounts,
    known: KnownShifts,
    scale: Scale,
    size: int,
    coverage: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], float]:
    """What chance does to windows of this size of the reference's own pictures.

    Returns how far off the scores are, (4,), at this coverage, and the distance from no change that
    no such window exceeds. Each draw is judged by a calibration on other records, drawn as well.
    """
    count = len(base)
    transformed = scale.transform(base)
    means = np.nanmean(transformed, axis=0)
    histogram = base.score_histogram.astype(np.float64)
    errors, distances = np.empty((_DRAWS, len(FIGURES))), np.empty(_DRAWS)
    for draw in range(_DRAWS):
        rows, others = rng.integers(0, count, size), rng.integers(0, count, count)
        calibration = _calibrate(histogram[others], labels.select(others))
        drawn, found = histogram[rows].sum(0), labels.select(rows)
        detections = float(np.nansum(base.facts["detections"][rows]))
        said = to_scale(calibration.accuracy(drawn, detections))
        # The truth is that of these very records: a calibration on them alone, not made to rise.
        right = found.true_positives.sum(0)
        share = np.divide(right, drawn, out=np.zeros(len(right)), where=drawn > 0)
        exact = ScoreCalibration(share, max(right.sum(), 1) / max(found.objects.sum(), 1))
        errors[draw] = np.abs(to_scale(exact.accuracy(drawn, detections)) - said)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of properties that no record of a draw knows
            moved = np.nan_to_num(np.nanmean(transformed[rows], axis=0) - means)
        point = to_point(dict(zip(scale.names, moved.tolist(), strict=True)), known.names)
        distances[draw] = np.linalg.norm(point)
    # The reference's own mean is uncertain, too.
    limit = float(distances.max()) * np.sqrt(1 + size / count)
    return np.quantile(errors, coverage, axis=0), limit


def _answer(
    values: NDArray[np.float64], reach: NDArray[np.float64], coverage: float, sentence: str
) -> Quality:
    middle, low, high = from_scale(values), from_scale(values - reach), from_scale(values + reach)
    figures = []
    for value, least, most in zip(middle, low, high, strict=True):
        if most - least > MAX_WIDTH:
            reason = f"anything from {least:.2f} to {most:.2f} is possible: correct a few pictures"
            figures.append(refuse(reason, coverage))
        else:
            figures.append(Estimate(float(value), float(least), float(most), coverage))
    ap50, precision, recall, count_bias = figures
    return Quality("label-free", ap50, precision, recall, count_bias, sentence=sentence)


def _refuse_all(reason: str, coverage: float) -> Quality:
    refused = refuse(reason, coverage)
    return Quality("label-free", refused, refused, refused, refused)
