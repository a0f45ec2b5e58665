"""What counts as other behaviour: significant, and large enough to matter."""

from __future__ import annotations

import dataclasses
import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from handler.records.record import PredictionRecord
from scripts.monitor.canary.behaviour import (
    LAST_LEVEL,
    LOOK_LEVEL,
    LOOKS,
    PROPERTIES,
    RELEASE_LEVEL,
    Behaviour,
    compare_behaviour,
)
from scripts.monitor.canary.traffic import Traffic, find_shift
from scripts.monitor.canary.words import behaviour_text, difference_table, status_words
from scripts.records.observe import observe_records
from tests.scripts.monitor.canary.traffic import (
    NEW,
    OLD,
    Change,
    make_shift,
    one_in_two_rejected,
    twice_as_many,
    unchanged,
    with_detections,
)

START = datetime(2026, 11, 3, 12, 0)


def compare(records: list[PredictionRecord], level: float = LAST_LEVEL) -> Behaviour:
    rows = observe_records(records)
    shift = find_shift(Traffic(rows, timedelta(), 0, 0), NEW, OLD)
    assert shift is not None
    return compare_behaviour(shift, level=level)


def scaled(factor: float) -> Change:
    def change(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
        return with_detections(
            record, [{**each, "score": each["score"] * factor} for each in record.detections]
        )

    return change


def relabelled(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    return with_detections(record, [{**each, "label": "bead"} for each in record.detections])


def wider(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    boxes = []
    for each in record.detections:
        box = each["box"]
        boxes.append(
            {**each, "box": {**box, "xmax": box["xmax"] + 0.5 * (box["xmax"] - box["xmin"])}}
        )
    return with_detections(record, boxes)  # fmt: skip


def near_missing(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    return dataclasses.replace(record, near_misses=record.near_misses * 4)


def noisier(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    return dataclasses.replace(
        record, below_floor={"count": 48, "score_sum": 1.7, "from_score": 0.01}
    )


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (twice_as_many, {"objects a picture", "objects on a typical picture"}),
        (one_in_two_rejected, {"share of rejected requests"}),
        (scaled(0.8), {"mean score"}),
        (wider, {"area of a box"}),
        (near_missing, {"share of near misses"}),
        (noisier, {"candidates below the score floor"}),
    ],
    ids=["counts", "rejected", "scores", "boxes", "near misses", "below the floor"],
)
def test_what_differs_is_named(change: Change, names: set[str]) -> None:
    behaviour = compare(make_shift(START, 600, change=change))
    assert behaviour.status == "differs"
    assert names <= {each.of.name for each in behaviour.found}
    assert behaviour.new_requests + behaviour.live_requests > 580
    assert 30 < behaviour.new_requests < 90


def test_classes_that_change_places_are_found() -> None:
    def both(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
        return relabelled(record, random) if random.random() < 0.3 else record

    old = make_shift(START, 400, share=1.0, change=both)
    new = make_shift(START, 400, change=relabelled, seed=1)
    records = [
        dataclasses.replace(fresh if fresh.function_version == NEW else kept,
                            function_version=fresh.function_version)
        for kept, fresh in zip(old, new, strict=True)
    ]  # fmt: skip
    behaviour = compare(records)
    assert behaviour.status == "differs"
    assert {each.of.name for each in behaviour.found} == {"share of bead", "share of cell"}


def test_the_same_behaviour_is_no_difference() -> None:
    for seed in range(5):
        behaviour = compare(make_shift(START, 400, seed=seed), LOOK_LEVEL)
        assert (behaviour.status, behaviour.found) == ("same", ())
    assert len(behaviour.differences) == len(PROPERTIES)
    assert "no difference that matters is shown" in status_words(behaviour)


def test_a_difference_that_is_certain_but_small_stops_nothing() -> None:
    # 0.95 times a score of 0.65 is 0.03 less; the margin is 0.05.
    behaviour = compare(make_shift(START, 3000, change=scaled(0.95)))
    (score,) = [each for each in behaviour.differences if each.of.column == "score_mean"]
    assert score.is_significant and not score.matters
    assert score.change == pytest.approx(-0.033, abs=0.01)
    assert behaviour.status == "same"


def test_few_requests_are_undecided_never_fine() -> None:
    behaviour = compare(make_shift(START, 40, change=twice_as_many))
    assert behaviour.new_requests < 5
    assert behaviour.status == "undecided"
    text = behaviour_text(behaviour, "", is_last=True)
    assert "are too few to compare" in text
    assert "no sign of a fault, and none of its absence" in text
    # Five of twelve: enough to compare, but no order of them is rarer than the level.
    records = make_shift(START, 14, share=0.5, minutes=1, seed=3)
    behaviour = compare(records, LOOK_LEVEL)
    assert behaviour.status == "undecided"
    assert "not even the largest difference would show" in behaviour.why


def test_a_release_spends_its_error_once() -> None:
    assert len(LOOKS) * LOOK_LEVEL + LAST_LEVEL == pytest.approx(RELEASE_LEVEL) == 0.001
    # the longest rollout takes half an hour
    assert list(LOOKS) == sorted(LOOKS) and LOOKS[-1] == 30


def test_the_message_has_the_numbers_of_both_versions() -> None:
    behaviour = compare(make_shift(START, 600, change=twice_as_many))
    text = behaviour_text(behaviour, "", is_last=True)
    table = difference_table(behaviour)
    assert table in text
    row = next(line for line in table.splitlines() if line.startswith("objects a picture"))
    _, live, new, _, margin, _, p_value, star = row.rsplit(maxsplit=7)
    objects = {each.of.column: each for each in behaviour.differences}["detections"]
    assert float(new) == pytest.approx(objects.new, rel=0.01)
    assert 1.5 < float(new) / float(live) < 2.5
    assert (margin, star) == ("10%", "*")
    assert float(p_value) <= LAST_LEVEL
    assert "CodeDeploy moves all requests back" in text
    expected = behaviour_text(behaviour, "a model for both sexes of cells", is_last=True)
    assert "A change was expected: a model for both sexes of cells." in expected
    assert "moves all requests back" not in expected


def test_objects_where_there_were_none() -> None:
    def emptied(records: list[PredictionRecord]) -> list[PredictionRecord]:
        return [
            each if each.function_version == NEW else with_detections(each, []) for each in records
        ]

    behaviour = compare(emptied(make_shift(START, 300)))
    objects = {each.of.column: each for each in behaviour.found}["detections"]
    assert objects.live == 0 and objects.change == math.inf
    assert "from none" in difference_table(behaviour)


def test_unchanged_records_have_no_version_of_their_own() -> None:
    assert {each.function_version for each in make_shift(START, 99, change=unchanged)} == {OLD, NEW}
