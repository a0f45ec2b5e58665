"""Which kept pictures are chosen: unsure, new and different ones, and some at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from handler.records.record import PredictionRecord
from scripts.monitor.labelling.choose import (
    choose,
    measure_novelty,
    measure_uncertainty,
    read_hashes,
)
from scripts.records.observations import Observations
from scripts.records.observe import observe_records
from tests.scripts.monitor.quality.corrections import listing, make_record


def make(number: int, scores: list[float], **image: object) -> PredictionRecord:
    boxes = [[10 * n, 0, 10 * n + 8, 8] for n in range(len(scores))]
    listed = listing(boxes, sorted(scores, reverse=True))
    detections = [each for each in listed if each["score"] > 0.5]
    record = make_record(f"p{number:04d}", detections, listed[len(detections) :])
    assert record.image is not None
    rng = np.random.default_rng(number)
    values = {"dhash": f"{rng.integers(1, 2**63):016x}", "brightness": 0.5 + 0.01 * rng.normal()}
    return replace(record, image=replace(record.image, **{**values, **image}))


@pytest.fixture(scope="module")
def usual() -> Observations:
    return observe_records([make(number, [0.95, 0.9, 0.1]) for number in range(60)])


def test_of_none_none_is_chosen(usual: Observations) -> None:
    nothing = usual.select(slice(0, 0))
    assert choose(nothing, None, 5) == []
    assert choose(nothing, usual, 5) == []
    assert choose(usual, None, 0) == []


def test_all_are_chosen_where_there_are_no_more(usual: Observations) -> None:
    choices = choose(usual.select(slice(0, 3)), usual, 10)
    assert sorted(each.row for each in choices) == [0, 1, 2]
    assert {each.chance for each in choices} == {1.0}


def test_candidates_at_the_threshold_make_a_picture_uncertain() -> None:
    kept = observe_records([make(1, [0.95, 0.1]), make(2, [0.52, 0.48]), make(3, [0.62])])
    uncertainty = measure_uncertainty(kept)
    assert uncertainty[0] == 0
    assert uncertainty[1] == pytest.approx(2 * (1 - 0.025 / 0.15))  # both bins' middles lie so near
    assert uncertainty[2] == pytest.approx(1 - 0.125 / 0.15)


def test_what_lies_outside_the_reference_is_new(usual: Observations) -> None:
    kept = observe_records([make(100, [0.95, 0.9, 0.1]), make(101, [0.95], brightness=0.1)])
    _, novelty = measure_novelty(kept, usual)
    assert novelty[1] > 2 * novelty[0]


def test_unsure_and_new_pictures_come_first(usual: Observations) -> None:
    odd = [make(200, [0.51, 0.49, 0.5, 0.52]), make(201, [0.95, 0.9, 0.1], brightness=0.02)]
    kept = observe_records([*[make(n, [0.95, 0.9, 0.1]) for n in range(300, 360)], *odd])
    rows = [each.row for each in choose(kept, usual, 8) if each.part == "informative"]
    assert {60, 61} <= set(rows[:3])


def test_near_duplicates_are_chosen_once(usual: Observations) -> None:
    same = "00ff00ff00ff00ff"
    close = "00ff00ff00ff00fe"
    kept = observe_records(
        [make(400 + n, [0.5, 0.51], dhash=(same, close)[n % 2]) for n in range(20)]
        + [make(500 + n, [0.95]) for n in range(20)]
    )
    rows = [each.row for each in choose(kept, usual, 12, random_share=0.0)]
    assert sum(row < 20 for row in rows) == 1
    assert len(rows) == 12 or len(set(rows)) == len(rows)


def test_pictures_without_a_hash_are_no_duplicates(usual: Observations) -> None:
    kept = observe_records([make(n, [0.5], dhash=None) for n in range(10)])
    assert not read_hashes(kept).any()
    assert len(choose(kept, usual, 5, random_share=0.0)) == 5


def test_weights_make_the_mean_of_all_kept_pictures(usual: Observations) -> None:
    """Chosen by uncertainty, their plain mean is far off; weighted by 1 / chance it is unbiased."""
    rng = np.random.default_rng(0)
    kept = observe_records([make(n, [0.5] * int(rng.integers(0, 9))) for n in range(200)])
    truth = kept.score_histogram.sum(1).mean()
    plain, weighted = [], []
    for seed in range(60):
        choices = choose(kept, usual, 40, random_share=0.5, seed=seed)
        values = kept.score_histogram.sum(1)[[each.row for each in choices]]
        weights = 1 / np.array([each.chance for each in choices])
        assert weights.sum() == pytest.approx(len(kept))
        plain.append(values.mean())
        weighted.append(np.average(values, weights=weights))
    assert abs(np.mean(weighted) - truth) < 0.15
    assert abs(np.mean(plain) - truth) > 0.25
