"""Quality by people's corrections: joined, unbiased, covered, and honest about how it came."""

from __future__ import annotations

import math

import numpy as np
import pytest

from handler.records.feedback import Feedback
from scripts.monitor.quality.corrected import (
    MIN_CORRECTIONS,
    corrections_to_halve,
    estimate,
    mean_with_predictions,
)
from scripts.monitor.result import Estimate
from scripts.records.observe import observe_records
from tests.scripts.monitor.quality.corrections import (
    Traffic,
    correct,
    listing,
    make_record,
    simulate,
)


def holds(figure: Estimate, truth: float) -> bool:
    assert figure.low is not None
    assert figure.high is not None
    return figure.low <= truth <= figure.high


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return simulate(400, recall=0.8, false_boxes=1.0)


def test_no_feedback_is_no_quality(traffic: Traffic) -> None:
    assert estimate({}, []) is None
    assert estimate(traffic.records, []) is None
    assert estimate(traffic.records, [correct("another", count=3)]) is None
    comment_only = correct("p00000")
    assert estimate(traffic.records, [comment_only]) is None


def test_a_few_corrections_are_refused_in_words(traffic: Traffic) -> None:
    quality = estimate(traffic.records, traffic.corrections(["p00000", "p00001"]))
    assert quality is not None
    assert quality.corrections == 2
    for figure in (quality.count_bias, quality.ap50, quality.precision, quality.recall):
        assert (figure.value, figure.low, figure.high) == (None, None, None)
        assert figure.reason is not None
        assert f"{MIN_CORRECTIONS - 2} more" in figure.reason


def test_the_latest_correction_holds(traffic: Traffic) -> None:
    early = [correct(f"p{n:05d}", count=0, time="2026-11-23T05:00:00.000Z") for n in range(20)]
    late = [
        correct(f"p{n:05d}", traffic.truth[f"p{n:05d}"], time="2026-11-23T06:00:00.000Z")
        for n in range(20)
    ]
    assert estimate(traffic.records, [*late, *early]) == estimate(traffic.records, late)


def test_counts_alone_give_the_count_and_no_boxes(traffic: Traffic) -> None:
    counted = [correct(each, count=len(boxes)) for each, boxes in list(traffic.truth.items())[:20]]
    by_class = [
        correct(each, counts={"red": len(boxes), "green": 0})
        for each, boxes in list(traffic.truth.items())[:20]
    ]
    quality = estimate(traffic.records, counted)
    assert quality is not None
    assert quality.count_bias.value is not None
    assert quality.ap50.value is None
    assert "with boxes" in (quality.ap50.reason or "")
    assert estimate(traffic.records, by_class) == quality


def test_figures_by_hand() -> None:
    # Each picture: two objects; one found, one missed, one false box.
    right, missed, false = [0, 0, 50, 50], [100, 100, 150, 150], [300, 300, 350, 350]
    records = {
        f"p{n}": make_record(f"p{n}", listing([right, false], [0.9, 0.8])) for n in range(10)
    }
    quality = estimate(records, [correct(each, listing([right, missed])) for each in records])
    assert quality is not None
    assert quality.precision.value == 0.5
    assert quality.recall.value == 0.5
    assert quality.ap50.value == pytest.approx(51 / 101)  # precision 1 up to recall 0.5
    assert quality.count_bias.value == 0.0  # and known, as every picture is corrected
    assert (quality.count_bias.low, quality.count_bias.high) == (0.0, 0.0)


def test_the_models_own_threshold_decides_not_the_requests() -> None:
    boxes = [[0, 0, 50, 50], [100, 100, 150, 150]]
    detections, near_misses = listing(boxes[:1], [0.9]), listing(boxes[1:], [0.6])
    lower = {
        f"p{n}": make_record(f"p{n}", detections, near_misses, asked=0.8, own=0.5)
        for n in range(10)
    }
    own = {f"p{n}": make_record(f"p{n}", [*detections, *near_misses]) for n in range(10)}
    feedback = [correct(each, listing(boxes)) for each in own]
    assert estimate(lower, feedback) == estimate(own, feedback)


def test_another_class_is_no_match() -> None:
    box = [[0, 0, 50, 50]]
    records = {f"p{n}": make_record(f"p{n}", listing(box, [0.9])) for n in range(10)}
    quality = estimate(records, [correct(each, listing(box, label="green")) for each in records])
    assert quality is not None
    assert quality.precision.value == 0.0
    assert quality.ap50.value == 0.0


def test_all_right_is_no_certainty() -> None:
    box = [[0, 0, 50, 50]]
    records = {f"p{n}": make_record(f"p{n}", listing(box, [0.9])) for n in range(10)}
    quality = estimate(records, [correct(each, listing(box)) for each in records])
    assert quality is not None
    assert quality.precision.value == 1.0
    assert quality.precision.high == 1.0
    assert quality.precision.low is not None
    assert 0.5 < quality.precision.low < 0.9  # by Wilson's formula 0.79 for 10 of 10


def test_damaged_feedback_is_left_out(traffic: Traffic) -> None:
    damaged = Feedback("f", "p00001", "2026", traffic.records["p00001"].model, 1, None, [{}], None)
    assert estimate(traffic.records, [damaged]) is None


@pytest.mark.parametrize("corrections", [8, 20, 45])
@pytest.mark.parametrize("failing", [0.0, 0.1])
def test_intervals_cover(corrections: int, failing: float) -> None:
    """Over 40 draws 90 % intervals hold 36 times; by chance fewer than 31 times in one
    of 100 such tests."""
    traffic = simulate(400, recall=0.8, false_boxes=1.0, failing=failing, seed=1)
    ids = np.array(sorted(traffic.records))
    rng = np.random.default_rng(2)
    everything = estimate(traffic.records, traffic.corrections(ids.tolist()))
    assert everything is not None
    assert everything.count_bias.value == pytest.approx(traffic.count_bias)
    window = observe_records(traffic.records.values())
    held = dict.fromkeys(("count_bias", "precision", "recall"), 0)
    for _ in range(40):
        chosen = rng.choice(ids, corrections, replace=False).tolist()
        quality = estimate(traffic.records, traffic.corrections(chosen), window)
        assert quality is not None
        for name in held:
            truth = getattr(everything, name).value
            held[name] += holds(getattr(quality, name), truth)
    assert min(held.values()) >= 31, held


def test_known_chances_undo_a_choice_of_the_worst() -> None:
    """Pictures on which the model fails are corrected ten times as often: the plain estimate is
    far off, the weighted one is not."""
    traffic = simulate(600, recall=0.85, false_boxes=0.5, failing=0.15, seed=3)
    chance = {
        each: 0.5 if len(record.detections) < len(traffic.truth[each]) - 3 else 0.05
        for each, record in traffic.records.items()
    }
    window = observe_records(traffic.records.values())
    rng = np.random.default_rng(4)
    plain, weighted, held = [], [], 0
    for _ in range(24):
        chosen = [each for each in sorted(chance) if rng.random() < chance[each]]
        given = traffic.corrections(chosen)
        as_random = estimate(traffic.records, given, window)
        known = estimate(traffic.records, given, window, chances=chance)
        assert as_random is not None
        assert known is not None
        plain.append(as_random.count_bias.value)
        weighted.append(known.count_bias.value)
        held += holds(known.count_bias, traffic.count_bias)
    assert abs(np.mean(weighted) - traffic.count_bias) < 0.03
    assert abs(np.mean(plain) - traffic.count_bias) > 0.05
    assert held >= 18


def test_it_says_what_a_choice_is_worth(traffic: Traffic) -> None:
    given = traffic.corrections([f"p{n:05d}" for n in range(20)])
    plain = estimate(traffic.records, given)
    known = estimate(traffic.records, given, chances={f"p{n:05d}": 0.5 for n in range(10)})
    assert plain is not None
    assert known is not None
    assert "unless these pictures were chosen at random" in plain.sentence
    assert known.corrections == 10
    assert "10 corrections of other pictures are left out" in known.sentence


def test_more_corrections_halve_the_interval() -> None:
    assert corrections_to_halve(20, math.inf, 0.9) == 55  # 4 x 20 - 20, less as t falls to 1.67
    assert corrections_to_halve(20, 20, 0.9) is None
    few = corrections_to_halve(20, 100, 0.9)
    assert few is not None
    assert few < 40  # each is a larger part of the window


def test_predictions_narrow_the_interval() -> None:
    """With power tuning, a model that counts half of everything still helps."""
    rng = np.random.default_rng(5)
    true = rng.poisson(40, 200).astype(float)
    predicted = rng.binomial(true.astype(int), 0.5).astype(float)
    weights = np.ones(60)
    _, error = mean_with_predictions(true[:60], predicted[:60], weights, predicted.mean(), 200)
    _, alone = mean_with_predictions(true[:60], np.zeros(60), weights, 0.0, 200)
    assert error < 0.85 * alone
