"""Exact checks: what they tell, and what they keep quiet about."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.monitor.drift.exact import check
from scripts.monitor.result import Finding
from scripts.records.observations import Observations
from scripts.records.read import ReadCounts
from tests.support.drawn_observations import as_prediction_1, draw_observations, with_facts

REFERENCE = draw_observations(300, seed=0)


def look(
    window: Observations, *, reference: Observations = REFERENCE, corrupt: tuple[str, ...] = ()
) -> tuple[Finding, ...]:
    predictions = int(window.is_prediction.sum())
    counts = ReadCounts(
        len(window), predictions, len(window) - predictions, 0, len(corrupt), corrupt
    )
    return check(reference, window, counts)


def replaced(window: Observations, rows: slice, **values: object) -> Observations:
    columns = {name: window.facts[name].copy() for name in values}
    for name, value in values.items():
        columns[name][rows] = value
    return with_facts(window, **columns)


def test_a_quiet_window_has_no_finding() -> None:
    assert look(draw_observations(500, seed=1)) == ()
    assert look(draw_observations(0, seed=1)) == ()
    assert look(draw_observations(1, seed=1)) == ()


@pytest.mark.parametrize("fact", ["image_sha256", "dhash"])
def test_a_stuck_camera_is_an_alarm(fact: str) -> None:
    (finding,) = look(replaced(draw_observations(200, seed=2), slice(150, 200), **{fact: "ab"}))
    assert finding.name == "stuck camera" and finding.is_alarm
    assert finding.sentence.startswith("50 of 200 pictures are the same")
    assert finding.evidence["longest_run"] == 50


def test_clients_that_send_a_picture_a_few_times_are_none() -> None:
    window = draw_observations(200, seed=3)
    hashes = window.facts["image_sha256"].copy()
    hashes[:] = [hashes[index // 5] for index in range(200)]  # each picture five times
    assert look(with_facts(window, image_sha256=hashes)) == ()
    hashes[::25] = "demo"
    assert look(with_facts(window, image_sha256=hashes)) == ()


def test_nor_is_what_the_reference_has_as_often() -> None:
    often = replaced(REFERENCE, slice(0, None, 3), image_sha256="canary")
    window = replaced(draw_observations(200, seed=4), slice(0, None, 3), image_sha256="canary")
    assert not any(finding.is_alarm for finding in look(window, reference=often))


@pytest.mark.parametrize(
    ("fact", "value", "words"),
    [
        ("format", "PNG", "the picture format PNG"),
        ("width", 1280.0, "the picture size 1280 x 480"),
        ("orientation", 6.0, "the EXIF orientation 6"),
        ("route", "/api/predict", "the route /api/predict"),
    ],
)
def test_a_category_that_the_reference_never_had(fact: str, value: object, words: str) -> None:
    window = draw_observations(100, seed=5)
    (finding,) = look(replaced(window, slice(40), **{fact: value}))
    assert finding.name == "new category" and finding.is_alarm
    assert finding.sentence.startswith(f"40 of 100 pictures have {words}, which none of")
    (rare,) = look(replaced(window, slice(2), **{fact: value}))
    assert not rare.is_alarm  # two of a hundred are no evidence against a reference of 300


def test_a_new_class() -> None:
    window = draw_observations(100, seed=6)
    share = np.where(np.arange(100) < 30, 0.5, 0.0)
    (finding,) = look(window.with_properties({"class_share:debris": share}))
    assert finding.is_alarm and "30 of 100 pictures have the class debris" in finding.sentence


def test_a_reference_of_many_sizes_knows_no_camera() -> None:
    many = with_facts(REFERENCE, width=np.arange(300) + 400.0)
    assert look(with_facts(draw_observations(100, seed=7), width=1999.0), reference=many) == ()


def test_a_reference_of_labelled_pictures_knows_no_routes() -> None:
    labelled = with_facts(REFERENCE, route="baseline")
    assert look(draw_observations(100, seed=8), reference=labelled) == ()


def test_another_model_file_is_an_alarm_however_few_the_records_are() -> None:
    (finding,) = look(with_facts(draw_observations(1, seed=9), model_sha256="cd" * 32))
    assert finding.is_alarm and "another model file" in finding.sentence


def test_an_older_schema_and_a_clients_threshold_are_told_without_alarm() -> None:
    window = with_facts(as_prediction_1(draw_observations(50, seed=10)), score_threshold=0.7)
    findings = look(window, reference=with_facts(REFERENCE, score_threshold=0.5))
    assert [finding.evidence["fact"] for finding in findings] == ["score_threshold", "schema"]
    assert not any(finding.is_alarm for finding in findings)


def test_more_rejections_of_one_problem() -> None:
    window = draw_observations(400, seed=11)
    window = replaced(window, slice(200, 260), outcome="rejected", problem="image-too-large")
    window = replaced(window, slice(0, 400, 50), outcome="rejected", problem="not-an-image")
    (finding,) = look(window)
    assert finding.name == "rejected share" and finding.is_alarm
    assert "image-too-large rose from 0.0% " in finding.sentence


def test_slower_predictions_and_more_cold_starts() -> None:
    window = draw_observations(400, seed=12)
    slow = np.where(np.arange(400) < 200, 100.0, 180.0) * (1 + np.arange(400) % 7 / 100)
    cold = np.arange(400) > 330
    names = [finding.name for finding in look(with_facts(window, total_ms=slow, cold_start=cold))]
    assert names == ["latency", "cold share"]
    assert look(with_facts(window, total_ms=0.0)) == ()  # of a reference of pictures


def test_lost_records_and_what_cannot_be_known() -> None:
    window = draw_observations(1500, seed=13)
    (corrupt,) = look(window, corrupt=("predictions/x.json.gz",) * 3)
    assert corrupt.is_alarm and "such as predictions/x.json.gz" in corrupt.sentence
    busy = np.datetime64("2026-10-05", "ms") + np.arange(1500) * np.timedelta64(4, "m")  # a Monday
    hours = busy.astype("datetime64[h]")
    at_noon = hours == np.datetime64("2026-10-07T12", "h")
    (silent,) = look(with_facts(window, time=busy).select(~at_noon))
    assert silent.name == "record loss" and not silent.is_alarm
    assert "the first from 2026-10-07 12:00 UTC" in silent.sentence
    assert "records alone cannot tell" in silent.sentence
    assert look(with_facts(window, time=busy)) == ()
