"""Which records of the bucket are compared: those of the shift, by request and minute."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handler.records.record import Model, PredictionRecord
from scripts.monitor.canary import traffic
from scripts.monitor.canary.traffic import LATE, LATE_BATCH, find_shift, read_traffic
from scripts.records.source import Source, open_source
from tests.scripts.monitor.canary.traffic import NEW, OLD, make_shift, put_batches, put_objects
from tests.support.moto_s3 import make_bucket
from tests.support.prediction_records import numbered

BUCKET = "shifted"
NOW = datetime.now(UTC)
START = NOW - timedelta(minutes=6)


@pytest.fixture
def source(s3: Any) -> Source:
    make_bucket(s3, BUCKET)
    return open_source(f"s3://{BUCKET}")


def of(version: str | None, number: int, second: float, **changes: Any) -> PredictionRecord:
    time = START + timedelta(seconds=second)
    return numbered(number, time, function_version=version, **changes)


def picture(record: PredictionRecord, number: int) -> PredictionRecord:
    """The record as one of several pictures of its request."""
    return dataclasses.replace(record, prediction_id=f"{record.prediction_id}-{number}")


def test_requests_between_the_first_of_the_new_and_the_last_of_the_old_version(
    s3: Any, source: Source
) -> None:
    put_objects(
        s3,
        BUCKET,
        [
            of(OLD, 1, 0),
            of(None, 2, 10.5),  # before versions were recorded
            of(NEW, 3, 10),  # by which the start is chosen: not counted
            of(OLD, 4, 20),
            of("$LATEST", 5, 30),  # called by hand
            of("6", 6, 35),
            of(NEW, 7, 69.9),
            of(OLD, 8, 70),
            of(NEW, 9, 80),
            of(OLD, 10, 190),  # the last one: not counted at the end
            of(NEW, 11, 200),
        ],
    )
    shift = find_shift(read_traffic(source, START - timedelta(minutes=1), NOW), NEW)
    assert shift is not None
    assert (shift.live_version, shift.new_version) == (OLD, NEW)
    assert shift.start.replace(tzinfo=UTC) == pytest.approx(
        START + timedelta(seconds=10), abs=timedelta(milliseconds=1)
    )
    seconds = [(int(each[-2:], 16)) for each in shift.rows.facts["prediction_id"].tolist()]
    assert seconds == [4, 7, 8, 9, 10, 11]
    assert shift.is_new.tolist() == [False, True, False, True, False, True]
    assert shift.minutes.tolist() == [0, 0, 1, 1, 3, 3]
    assert len(shift.until(1).rows) == 2
    assert len(shift.until_last_live().rows) == 4


def test_both_versions_are_found_in_partitions_of_two_models(s3: Any, source: Source) -> None:
    model = Model("cells", "2.0.0", "d" * 64)
    records = make_shift(START, 60, share=0.3, model=model)
    put_batches(s3, BUCKET, records)
    read = read_traffic(source, START - timedelta(minutes=1), NOW)
    assert (read.late, read.corrupt, read.left_out) == (LATE_BATCH, 0, 0)
    shift = find_shift(read, NEW, OLD)
    assert shift is not None
    of_new = shift.rows.select(shift.is_new)
    assert set(of_new.facts["model_version"]) == {"2.0.0"}
    first = next(place for place, each in enumerate(records) if each.function_version == NEW)
    assert len(shift.rows) == 60 - first - 1


def test_pictures_of_one_request_stay_together(s3: Any, source: Source) -> None:
    first = [picture(of(NEW, 1, place), place) for place in (1, 2)]
    parts = [picture(of(NEW, 3, 59 + place), place) for place in (1, 2, 3)]
    put_objects(s3, BUCKET, [*first, of(OLD, 2, 5), *parts, of(OLD, 4, 90)])
    shift = find_shift(read_traffic(source, START, NOW), NEW, OLD)
    assert shift is not None
    assert shift.requests.tolist()[1:4] == [shift.requests[1]] * 3
    assert len(set(shift.requests.tolist())) == 3
    # The first request of the new version is left out with all its pictures, and a request is of
    # the minute in which it came.
    assert shift.minutes.tolist() == [0, 0, 0, 0, 1]


def test_what_was_put_before_the_version_was_there_is_not_read(s3: Any, source: Source) -> None:
    now = datetime.now(UTC)
    records = [numbered(each, now, function_version=NEW) for each in (1, 2)]
    put_objects(s3, BUCKET, records)
    assert len(read_traffic(source, now - timedelta(minutes=1), now).rows) == 2
    # Clocks differ: by its time alone, a record of this minute might be one of the next.
    later = datetime.now(UTC) + timedelta(seconds=30)
    read = read_traffic(source, later, later)
    assert (len(read.rows), read.late) == (0, LATE)
    assert find_shift(read, NEW) is None


def test_no_more_objects_are_read_than_are_worth_it(
    s3: Any, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "MAX_OBJECTS", 10)
    put_objects(s3, BUCKET, make_shift(START, 30))
    read = read_traffic(source, START, NOW)
    assert (len(read.rows), read.left_out) == (10, 20)
    again = read_traffic(source, START, NOW)
    ids = [each.rows.facts["prediction_id"].tolist() for each in (read, again)]
    assert ids[0] == ids[1]


def test_objects_that_are_no_records_are_counted(s3: Any, source: Source) -> None:
    record = of(NEW, 1, 0)
    s3.put_object(Bucket=BUCKET, Key=record.key, Body=b"no gzip")
    assert read_traffic(source, START, NOW).corrupt == 1
