"""Exact checks against what a reference knows.

The shipped one knows no hashes of bytes, routes or latency, one of live records no hashes of bytes,
and one of older records no hash at all.
"""

from __future__ import annotations

import numpy as np
import pytest

from scripts.monitor.drift.exact import check, name_unknown
from scripts.monitor.result import Finding
from scripts.paths import ROOT
from scripts.records.observations import Observations
from scripts.records.read import ReadCounts
from scripts.records.reference import Reference, read_reference, to_bytes
from tests.support.drawn_observations import START, STEP, as_prediction_1, with_facts

SHIPPED = read_reference(ROOT / "handler" / "model" / "reference.parquet").observations
# Where tiles are chosen by the picture, one in hundreds may have some.
SHIPPED = SHIPPED.select(np.flatnonzero(~SHIPPED.facts["is_tiled"].astype(bool)))


def serve(count: int, seed: int) -> Observations:
    """Pictures of the shipped reference as clients would have them predicted."""
    random = np.random.default_rng(seed)
    rows = SHIPPED.select(random.integers(0, len(SHIPPED), count))
    return with_facts(
        rows,
        prediction_id=np.array([f"id-{seed}-{row}" for row in range(count)], object),
        time=START + np.arange(count) * STEP / 10,
        route="/predict",
        image_sha256=np.array([random.bytes(32).hex() for _ in range(count)], object),
        dhash=np.array([random.bytes(8).hex() for _ in range(count)], object),
        total_ms=100 * np.exp(0.1 * random.normal(size=count)),
    )


def written(observations: Observations) -> Observations:
    """As they come back from a reference's file."""
    reference = Reference("microalgae", "1.0.0", "a test", observations, None, ())
    return read_reference(to_bytes(reference)).observations


LIVE = written(serve(400, seed=100))
REFERENCES = {
    "shipped": SHIPPED,
    "live": LIVE,
    "prediction/1": written(as_prediction_1(serve(400, seed=101))),
}
every_reference = pytest.mark.parametrize("reference", REFERENCES.values(), ids=REFERENCES)
every_schema = pytest.mark.parametrize("schema", ["prediction/2", "prediction/1"])


def look(reference: Observations, window: Observations, schema: str = "") -> tuple[Finding, ...]:
    """Findings, alarms first, without those of the schema itself."""
    window = as_prediction_1(window) if schema == "prediction/1" else window
    predictions = int(window.is_prediction.sum())
    counts = ReadCounts(len(window), predictions, len(window) - predictions, 0, 0)
    found = check(reference, window, counts)
    return tuple(each for each in found if each.evidence.get("fact") != "schema")


def put(window: Observations, rows: object, **values: object) -> Observations:
    columns = {name: window.facts[name].copy() for name in values}
    for name, value in values.items():
        columns[name][rows] = value
    return with_facts(window, **columns)


@every_reference
@every_schema
def test_a_quiet_window_has_no_finding(reference: Observations, schema: str) -> None:
    assert look(reference, serve(600, seed=1), schema) == ()


@every_reference
@every_schema
@pytest.mark.parametrize(("first", "last"), [(800, 1189), (500, 512), (0, 1189)])
def test_the_same_file_in_a_row_is_an_alarm(
    reference: Observations, schema: str, first: int, last: int
) -> None:
    window = put(serve(1189, seed=2), slice(first, last), image_sha256="ab", dhash="cd")
    (finding,) = look(reference, window, schema)
    assert finding.name == "stuck camera" and finding.is_alarm
    count = last - first
    assert f"{count} of 1189 pictures are the same file, up to {count} in a row from" in (
        finding.sentence
    )
    assert ("does not know how often" in finding.sentence) == (
        reference is REFERENCES["prediction/1"]
    )


@every_reference
@every_schema
def test_a_health_check_is_none(reference: Observations, schema: str) -> None:
    window = put(serve(1189, seed=3), slice(0, None, 25), image_sha256="ab", dhash="cd")
    assert look(reference, window, schema) == ()
    # At night nobody else calls.
    night = (np.arange(1189) % 240 > 225) | (np.arange(1189) % 60 == 0)
    quiet = put(serve(1189, seed=3), night & (np.arange(1189) < 600), image_sha256="ab", dhash="cd")
    assert not any(finding.is_alarm for finding in look(reference, quiet, schema))


@every_reference
def test_a_camera_that_is_stuck_beside_a_health_check_is_seen(reference: Observations) -> None:
    window = put(serve(1189, seed=4), slice(0, None, 20), image_sha256="ab", dhash="cd")
    window = put(window, slice(600, 640), image_sha256="ef", dhash="01")
    (finding,) = look(reference, window)
    assert finding.is_alarm and finding.evidence["picture"] == "ef"


def test_a_live_reference_knows_a_health_check_by_its_view() -> None:
    often = {"image_sha256": "ab", "dhash": "cd"}
    reference = written(put(serve(400, seed=5), slice(0, None, 3), **often))
    window = put(serve(300, seed=6), slice(0, None, 3), **often)
    assert not any(finding.is_alarm for finding in look(reference, window))
    assert look(SHIPPED, window)[0].is_alarm  # which a reference of pictures cannot know


@pytest.mark.parametrize("name", ["shipped", "live"])
@pytest.mark.parametrize(
    ("fact", "value", "words"),
    [
        ("format", "PNG", "the picture format PNG"),
        ("width", 1280.0, "the picture size 1280 x 1400"),
        ("orientation", 6.0, "the EXIF orientation 6"),
        ("model_sha256", "cd" * 32, "another model file"),
        ("model_threshold", 0.4, "another score threshold of the model"),
    ],
)
def test_other_values_are_alarms(name: str, fact: str, value: object, words: str) -> None:
    window = put(serve(200, seed=7), slice(100, None), **{fact: value})
    (finding,) = look(REFERENCES[name], window)
    assert finding.is_alarm and words in finding.sentence


@every_reference
def test_what_clients_choose_is_told_without_alarm(reference: Observations) -> None:
    window = put(serve(200, seed=8), slice(100, None), score_threshold=0.7, is_tiled=True)
    findings = look(reference, window)
    assert [each.evidence["fact"] for each in findings] == ["score_threshold", "is_tiled"]
    assert not any(each.is_alarm for each in findings)


@every_reference
def test_a_new_class_is_an_alarm(reference: Observations) -> None:
    share = np.where(np.arange(200) < 60, 0.5, 0.0)
    window = serve(200, seed=9).with_properties({"class_share:debris": share})
    (finding,) = look(reference, window)
    assert finding.is_alarm and "60 of 200 pictures have the class debris" in finding.sentence


@every_reference
def test_how_the_function_runs_is_compared_within_the_window(reference: Observations) -> None:
    late = slice(300, None)
    window = serve(600, seed=10)
    slow = put(window, late, total_ms=window.facts["total_ms"][late] * 2)
    assert [each.name for each in look(reference, slow)] == ["latency"]
    cold = put(window, slice(300, 360), cold_start=True)
    assert [each.name for each in look(reference, cold)] == ["cold share"]
    for problem in ("not-an-image", ""):  # a reason that records do not tell is one, too
        rejected = put(window, slice(300, 400), outcome="rejected", problem=problem)
        (finding,) = look(reference, rejected)
        assert finding.name == "rejected share" and finding.is_alarm
    busy = with_facts(serve(2000, seed=11), time=START + np.arange(2000) * np.timedelta64(4, "m"))
    hours = busy.facts["time"].astype("datetime64[h]") == np.datetime64("2026-10-05T12", "h")
    assert [each.name for each in look(reference, busy.select(~hours))] == ["record loss"]


def test_a_route_is_compared_where_the_reference_is_of_live_records() -> None:
    window = put(serve(200, seed=12), slice(100, None), route="/other")
    assert look(LIVE, window)[0].is_alarm
    assert look(SHIPPED, window) == ()
    assert name_unknown(LIVE, window) is None
    assert name_unknown(SHIPPED, window) == (
        "The reference does not know the route: no new ones are told."
    )


@pytest.mark.parametrize(
    ("fact", "unknown", "words"),
    [
        ("format", "", "the picture format"),
        ("width", np.nan, "the picture size"),
        ("orientation", np.nan, "the EXIF orientation"),
        ("model_sha256", "", "the model file"),
        ("model_threshold", np.nan, "the score threshold of the model"),
        ("score_threshold", np.nan, "the score threshold"),
        ("dhash", "", "how often a picture repeats"),
    ],
)
def test_a_fact_that_the_reference_does_not_know_is_told_as_such(
    fact: str, unknown: object, words: str
) -> None:
    window = serve(200, seed=13)
    reference = with_facts(LIVE, **{fact: unknown})
    assert look(reference, window) == ()
    assert name_unknown(reference, window) == (
        f"The reference does not know {words}: no new ones are told."
    )
