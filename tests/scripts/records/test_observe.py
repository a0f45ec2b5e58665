"""Observations are what their definitions say, computed a second time in plain Python; and a record
of any schema is the same one behind Parquet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from handler.records.record import PredictionRecord
from scripts.records.columns import SQL_TYPES, unknown_fields
from scripts.records.lines import load_lines
from scripts.records.observations import CLASS_SHARE, PROPERTIES, join_observations, time_order
from scripts.records.observe import connect, observe_records, record_of_json
from scripts.records.parquet import has_observations, load_parquet, with_observations, write_parquet
from tests.scripts.records import plain
from tests.support.prediction_records import json_of, numbered, records

SOME = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ),  # to shrink a list of records takes minutes
)


@SOME
@given(st.lists(records(), max_size=6))
def test_observations_are_what_plain_python_computes(found: list[PredictionRecord]) -> None:
    observations = observe_records(found)
    assert len(observations) == len(found)
    for row, record in enumerate(found):
        expected = plain.properties(record)
        assert set(expected) == set(PROPERTIES)
        for name, value in expected.items():
            actual = observations.properties[name][row]
            assert np.isclose(actual, value, rtol=1e-9, atol=5.001e-6, equal_nan=True), (
                name,
                record,
            )
        assert observations.score_histogram[row].tolist() == plain.score_histogram(record)
        np.testing.assert_equal(observations.facts["detections"][row], plain.count(record))
        for name, shares in observations.properties.items():
            if name.startswith(CLASS_SHARE):
                share = plain.class_share(record, name.removeprefix(CLASS_SHARE))
                assert np.isclose(shares[row], share, atol=5.001e-6, equal_nan=True)


def test_facts_of_a_record() -> None:
    old = numbered(8, schema="prediction/1", at_model_threshold=None, below_floor=None)
    facts = observe_records([numbered(7, function_version="3"), old]).facts
    assert facts["prediction_id"].tolist() == [numbered(7).prediction_id, old.prediction_id]
    assert facts["time"].tolist() == [np.datetime64("2026-11-03T00:00:00.000").item()] * 2
    assert facts["schema"].tolist() == ["prediction/2", "prediction/1"]
    assert facts["problem"].tolist() == ["", ""]
    assert (facts["width"][0], facts["height"][0]) == (640, 480)
    assert facts["score_threshold"].tolist() == [0.3, 0.3]
    np.testing.assert_equal(facts["model_threshold"], [0.3, np.nan])
    assert facts["inference_ms"].tolist() == [7.25, 7.25]
    assert facts["detections"].tolist() == [2, 2]
    assert facts["function_version"].tolist() == ["3", ""]


def test_the_requests_threshold_does_not_move_what_is_observed() -> None:
    """A score that was rounded to the threshold is still on its own side."""
    record = numbered(1)
    boxes = [*record.detections, *record.near_misses]
    strict = numbered(
        1, detections=boxes[:1], near_misses=boxes[1:], thresholds={"score": 0.8, "iou": 0.5}
    )
    loose = numbered(1, detections=boxes, near_misses=[], thresholds={"score": 0.1, "iou": 0.5})
    observations = observe_records([record, strict, loose])
    for name in ("log_count", "near_miss_share", "score_min", "box_x_std", CLASS_SHARE + "cell"):
        values = observations.properties[name]
        assert values[0] == values[1] == values[2], name


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=30))
@settings(deadline=None)
def test_rows_by_time_and_those_of_one_time_by_id(rows: list[tuple[int, int]]) -> None:
    times = np.array([time for time, _ in rows], "datetime64[ms]")
    ids = np.array([str(number) for _, number in rows], object)
    order = time_order(times, ids)
    assert [rows[row] for row in order] == sorted(rows)


def test_no_records_are_no_observations() -> None:
    nothing = observe_records([])
    assert len(nothing) == 0 and nothing.facts["time"].dtype == "datetime64[ms]"
    assert len(join_observations([nothing, observe_records([numbered(1)])])) == 1


def test_a_class_that_a_part_does_not_know_has_no_share_of_its_detections() -> None:
    bead = [{**each, "label": "bead"} for each in numbered(1).detections]
    joined = join_observations(
        [
            observe_records([numbered(1), numbered(2, detections=[], near_misses=[],
                             at_model_threshold={"score": 0.3, "count": 0})]),
            observe_records([numbered(3, detections=bead)]),
        ]
    )  # fmt: skip
    np.testing.assert_equal(joined.properties[CLASS_SHARE + "bead"], [0, np.nan, 1])


@SOME
@given(found=st.lists(records(), min_size=1, max_size=5, unique_by=lambda r: r.prediction_id))
def test_a_record_is_the_same_behind_parquet(
    tmp_path_factory: object, found: list[PredictionRecord]
) -> None:
    folder: Path = tmp_path_factory.mktemp("parquet")  # type: ignore[attr-defined]
    file = folder / "model=x" / "records.parquet"  # a folder that must not become a column
    file.parent.mkdir()
    with connect() as connection:
        lines = [json_of(record).encode() for record in found]
        assert load_lines(connection, "records", lines, folder / "lines") == set()
        write_parquet(connection, with_observations(), file)
        assert has_observations(connection, file)
        load_parquet(connection, "back", file)
        row = ", ".join(f"'{name}': \"{name}\"" for name in SQL_TYPES)
        texts = connection.execute(f"SELECT to_json({{{row}}}) FROM back ORDER BY _line").fetchall()
    assert [record_of_json(text) for (text,) in texts] == found


def test_fields_that_no_table_has_are_told() -> None:
    raw = json.loads(numbered(1).to_json())
    assert unknown_fields(raw) == []
    raw["weather"], raw["model"]["licence"], raw["detections"][0]["mask"] = 1, "x", []
    assert unknown_fields(raw) == ["weather", "model.licence", "detections.mask"]
