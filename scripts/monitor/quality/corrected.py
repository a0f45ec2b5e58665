"""How good the model still is, from the few pictures that people corrected.

The count bias is prediction-powered (Angelopoulos et al. 2023, "Prediction-powered inference", with
the power tuning of PPI++): the model's counts of all pictures of the window, plus what the
corrected ones show of its errors. The window is the population, so its own mean count is known and
no error of it enters. Precision, recall and AP50 are of the corrected pictures that have boxes.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handler.records.feedback import Feedback
from handler.records.record import PredictionRecord
from scripts.accuracy.average_precision import average_precision_in_order
from scripts.accuracy.matching import match
from scripts.monitor.quality.candidates import Candidates, read_boxes, read_candidates
from scripts.monitor.quality.intervals import (
    effective_number,
    jackknife_fraction,
    refuse,
    squared_error,
    t_factor,
)
from scripts.monitor.result import Estimate, Quality
from scripts.records.observations import Observations

MIN_CORRECTIONS = 8  # below, an interval says nothing
MIN_TUNED = 40  # below, the errors are taken as they are: a slope would follow chance
MAX_FORECAST = 100_000  # corrections


@dataclass(frozen=True, eq=False)
class CorrectedPicture:
    """A prediction and what a person saw. weight: 1 / the chance of being chosen. boxes: None where
    only a count was given."""

    candidates: Candidates
    true_count: int
    weight: float
    boxes: NDArray[np.float64] | None
    labels: tuple[str, ...]

    @property
    def error(self) -> int:
        """Predicted minus true."""
        return self.candidates.count - self.true_count


@dataclass(frozen=True)
class LabelledSample:
    """feedback: of each labelled picture. chances: by prediction_id. unchanged: how many pictures
    have just the pre-labels, which are right, or were not looked at. unlabelled: how many chosen
    pictures have no labels."""

    feedback: tuple[Feedback, ...]
    chances: Mapping[str, float]
    unchanged: int
    unlabelled: int = 0


def estimate(
    records: Mapping[str, PredictionRecord],
    feedback: Sequence[Feedback],
    window: Observations | None = None,
    *,
    chances: Mapping[str, float] | None = None,
    coverage: float = 0.9,
    seed: int = 0,
) -> Quality | None:
    """The quality by people's corrections, None where no correction is of these records.

    records: by prediction_id, at least those that feedback names. window: all records whose quality
    is asked for; None for `records` themselves. chances: by prediction_id, the known probability
    with which a picture was chosen to be corrected (`monitor sample` writes them); then only these
    pictures count, weighted by it. Without them the corrected pictures are taken as a random
    sample, and the answer says what that is worth.
    """
    pictures = _join(records, feedback, chances)
    if not pictures:
        return None
    counts = _window_counts(records, window)
    rng = np.random.default_rng(seed)
    with_boxes = [each for each in pictures if each.boxes is not None]
    precision, recall, ap50 = _box_figures(with_boxes, coverage, rng)
    weights = np.array([each.weight for each in pictures])
    bias, mean_error = _count_figures(pictures, counts, coverage)
    sentences = [
        _say_count(pictures, mean_error, coverage),
        _forecast(len(pictures), len(counts), coverage, is_weighted=bool(np.ptp(weights))),
        _say_choice(chances, feedback, records),
    ]
    return Quality(
        source="corrected",
        ap50=ap50,
        precision=precision,
        recall=recall,
        count_bias=bias,
        corrections=len(pictures),
        sentence=" ".join(filter(None, sentences)),
    )


def _join(
    records: Mapping[str, PredictionRecord],
    feedback: Sequence[Feedback],
    chances: Mapping[str, float] | None,
) -> list[CorrectedPicture]:
    """The latest correction of each prediction, in the order of their ids."""
    latest: dict[str, Feedback] = {}
    for each in sorted(feedback, key=lambda item: (item.time, item.feedback_id)):
        latest[each.prediction_id] = each
    pictures = []
    for prediction_id, correction in sorted(latest.items()):
        record = records.get(prediction_id)
        chance = 1.0 if chances is None else chances.get(prediction_id, 0.0)
        if record is None or record.outcome != "ok" or not 0 < chance <= 1:
            continue
        with contextlib.suppress(KeyError, TypeError, ValueError):  # damaged in the bucket
            if picture := _correct(record, correction, 1 / chance):
                pictures.append(picture)
    return pictures


def _correct(
    record: PredictionRecord, correction: Feedback, weight: float
) -> CorrectedPicture | None:
    """The two as one, None where the correction has only a comment. Raises KeyError, TypeError or
    ValueError where one of them is no JSON of ours."""
    candidates = read_candidates(record)
    if correction.detections is not None:
        boxes, labels = read_boxes(correction.detections)
        return CorrectedPicture(candidates, len(labels), weight, boxes, labels)
    count = correction.count
    if count is None and correction.counts is not None:
        count = sum(correction.counts.values())
    return None if count is None else CorrectedPicture(candidates, int(count), weight, None, ())


def _window_counts(
    records: Mapping[str, PredictionRecord], window: Observations | None
) -> NDArray[np.float64]:
    """Detections of each prediction of the window."""
    if window is None:
        predictions = [each for each in records.values() if each.outcome == "ok"]
        return np.array([read_candidates(each).count for each in predictions], np.float64)
    counts = window.facts["detections"][window.is_prediction].astype(np.float64)
    return counts[np.isfinite(counts)]


def _count_figures(
    pictures: Sequence[CorrectedPicture], counts: NDArray[np.float64], coverage: float
) -> tuple[Estimate, Estimate]:
    """Count bias, and mean count error (predicted minus true) of a picture."""
    if len(pictures) < MIN_CORRECTIONS:
        reason = (
            f"{len(pictures)} corrections; {MIN_CORRECTIONS - len(pictures)} more make an interval"
        )
        return refuse(reason, coverage), refuse(reason, coverage)
    predicted = np.array([each.candidates.count for each in pictures], np.float64)
    true = np.array([each.true_count for each in pictures], np.float64)
    weights = np.array([each.weight for each in pictures])
    population = max(len(counts), len(pictures))
    known_mean = (
        float(counts.mean()) if len(counts) else float(np.average(predicted, None, weights))
    )
    mean, error = mean_with_predictions(true, predicted, weights, known_mean, population)
    reach = t_factor(coverage, round(effective_number(weights)) - 1) * error
    # What was seen is there, whatever the interval of the rest.
    low, high = max(mean - reach, float(true.sum()) / population), mean + reach
    mean_error = Estimate(known_mean - mean, known_mean - high, known_mean - low, coverage)
    if low <= 0 or mean <= 0:
        reason = "too few objects in the corrected pictures to relate an error to"
        return refuse(reason, coverage), mean_error
    bias = Estimate(known_mean / mean - 1, known_mean / high - 1, known_mean / low - 1, coverage)
    return bias, mean_error


def mean_with_predictions(
    true: NDArray[np.float64],
    predicted: NDArray[np.float64],
    weights: NDArray[np.float64],
    known_mean: float,
    population: int,
) -> tuple[float, float]:
    """The mean of the true values over a population, and its standard error.

    true, predicted, weights: (n,), of the pictures whose truth is known. known_mean: of the
    predictions over all `population` pictures. With s = 1 below MIN_TUNED, else the slope of PPI++
    that makes the error smallest, the mean is s * known_mean + mean(true - s * predicted); weighted
    as by Hájek (1971).
    """
    count, shares = len(true), weights / weights.sum()
    slope = 1.0
    if effective_number(weights) >= MIN_TUNED:
        centred = predicted - shares @ predicted
        spread = float(shares @ centred**2)
        if spread > 0:
            slope = float(shares @ (centred * (true - shares @ true))) / spread
    rest = true - slope * predicted
    mean_rest = float(shares @ rest)
    variance = squared_error(rest - mean_rest, shares)
    if not np.ptp(weights):
        variance *= 1 - count / population  # sampled without putting back
    return slope * known_mean + mean_rest, math.sqrt(max(variance, 0.0))


def _box_figures(
    pictures: Sequence[CorrectedPicture], coverage: float, rng: np.random.Generator
) -> tuple[Estimate, Estimate, Estimate]:
    """Precision, recall and AP50 of the pictures that have boxes."""
    missing = MIN_CORRECTIONS - len(pictures)
    if missing > 0:
        reason = f"{len(pictures)} corrections with boxes; {missing} more make an interval"
        return refuse(reason, coverage), refuse(reason, coverage), refuse(reason, coverage)
    matches = [
        match(each.candidates.boxes, each.candidates.labels, each.boxes, each.labels) >= 0
        for each in pictures
        if each.boxes is not None
    ]
    weights = np.array([each.weight for each in pictures])
    objects = np.array([each.true_count for each in pictures], np.float64)
    found = np.array([each.candidates.count for each in pictures], np.float64)
    right = np.array(
        [
            (is_match & each.candidates.is_detection).sum()
            for is_match, each in zip(matches, pictures, strict=True)
        ],
        np.float64,
    )

    def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> Estimate:
        def figure(rows: NDArray[np.int64]) -> float:
            total = float(weights[rows] @ whole[rows])
            return float(weights[rows] @ part[rows]) / total if total else 0.0

        return jackknife_fraction(figure, len(pictures), float(whole.sum()), coverage, rng)

    ap50 = _mean_average_precision(pictures, matches, weights)
    nothing = "no objects in the corrected pictures"
    return (
        ratio(right, found)
        if found.sum()
        else refuse("no detections in the corrected pictures", coverage),
        ratio(right, objects) if objects.sum() else refuse(nothing, coverage),
        jackknife_fraction(ap50, len(pictures), float(objects.sum()), coverage, rng)
        if objects.sum()
        else refuse(nothing, coverage),
    )


def _mean_average_precision(
    pictures: Sequence[CorrectedPicture],
    matches: Sequence[NDArray[np.bool_]],
    weights: NDArray[np.float64],
) -> Callable[[NDArray[np.int64]], float]:
    """A function that gives AP50, the mean of the classes that are there, of some pictures."""
    scores = np.concatenate([each.candidates.scores for each in pictures])
    found = np.array([name for each in pictures for name in each.candidates.labels], object)
    picture_of = np.repeat(np.arange(len(pictures)), [len(each.candidates) for each in pictures])
    is_match = np.concatenate(matches)
    order = np.argsort(-scores, kind="stable")
    classes = []
    for name in sorted({label for each in pictures for label in each.labels}):
        of_class = order[found[order] == name]
        objects = np.array([each.labels.count(name) for each in pictures])
        classes.append((is_match[of_class], picture_of[of_class], objects))

    def figure(rows: NDArray[np.int64]) -> float:
        weight = np.zeros(len(pictures))
        weight[rows] = weights[rows]
        values = [
            average_precision_in_order(is_match, weight[picture_of], float(weight @ objects))
            for is_match, picture_of, objects in classes
            if weight @ objects > 0
        ]
        return float(np.mean(values)) if values else 0.0

    return figure


def _say_count(pictures: Sequence[CorrectedPicture], mean_error: Estimate, coverage: float) -> str:
    count = len(pictures)
    noun = "correction" if count == 1 else "corrections"
    if mean_error.value is None or mean_error.low is None or mean_error.high is None:
        return f"{count} {noun}: too few for an interval."
    said, low, high = (
        f"{value:+.1f}".replace("-", "−")
        for value in (mean_error.value, mean_error.low, mean_error.high)
    )
    return (
        f"By {count} {noun} the model's count is wrong by {said} objects a picture on average "
        f"({low} to {high} at {100 * coverage:.0f} %)."
    )


def _forecast(count: int, population: int, coverage: float, *, is_weighted: bool) -> str:
    """What more corrections would bring, as if their errors spread as those known."""
    if count < MIN_CORRECTIONS:
        return ""
    more = corrections_to_halve(count, math.inf if is_weighted else population, coverage)
    if more is None:
        return "No number of further corrections in this window halves the interval."
    return f"{more:,} more would halve the interval of the count."


def corrections_to_halve(count: int, population: float, coverage: float) -> int | None:
    """How many more corrections make the interval half as wide; None where the population has
    too few. An error falls with the root of their number, t with its freedom."""
    if count >= population:
        return None

    def width(number: int) -> float:
        return t_factor(coverage, number - 1) * math.sqrt(max(0, 1 / number - 1 / population))

    goal = width(count) / 2
    low, high = count, int(min(population, 4 * count + 8, MAX_FORECAST))
    if width(high) > goal:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if width(middle) <= goal else (middle, high)
    return high - count


def _say_choice(
    chances: Mapping[str, float] | None,
    feedback: Sequence[Feedback],
    records: Mapping[str, PredictionRecord],
) -> str:
    if chances is None:
        return (
            "People correct what they see to be wrong: unless these pictures were chosen at "
            "random, the figures are of the corrected pictures, not of the window. "
            "scripts/run monitor sample chooses with known chances."
        )
    others = {each.prediction_id for each in feedback} & records.keys() - chances.keys()
    left_out = f" {len(others)} corrections of other pictures are left out." if others else ""
    return (
        "Each picture is weighted by its chance of being chosen from the kept ones; these stand "
        f"for the window, unless CAPTURE=uncertain chose them.{left_out}"
    )
