"""A window is read from a folder or a bucket: each record once, whatever else lies there."""

from __future__ import annotations

import dataclasses
import gzip
import json
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.records.feedback import Feedback
from handler.records.record import Model, PredictionRecord
from scripts.records import read as reading
from scripts.records.compact import Day, compact
from scripts.records.export import write_observations
from scripts.records.observations import PROPERTIES
from scripts.records.observe import connect, observe_records
from scripts.records.partitions import Stream
from scripts.records.read import read_feedback, read_observations, read_records
from scripts.records.source import FolderSource, open_source
from scripts.records.window import Window, of_day, parse_window
from scripts.tool import ToolError
from tests.support.moto_s3 import make_bucket
from tests.support.prediction_records import START, json_of, numbered

DAY = of_day(START.date())


def put(folder: Path, *records: PredictionRecord) -> None:
    for record in records:
        path = folder / record.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record.to_bytes())


def put_batch(folder: Path, name: str, *records: PredictionRecord) -> Path:
    path = (folder / records[0].key).with_name(f"batch-{name}.jsonl.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{json_of(each)}\n" for each in records).encode()))
    return path


def ids(result: reading.ReadResult) -> list[str]:
    found: list[str] = result.observations.facts["prediction_id"].tolist()
    return found


def read(folder: Path, window: Window = DAY, **options: Any) -> reading.ReadResult:
    return read_observations(open_source(str(folder)), window, processes=1, **options)


def test_records_are_read_oldest_first_and_counted(tmp_path: Path) -> None:
    hours = [numbered(number, START + timedelta(hours=number)) for number in range(24)]
    rejected = numbered(99, outcome="rejected", problem="urn:x", image=None, detections=[],
                        near_misses=[])  # fmt: skip
    old = dataclasses.replace(hours[5], schema="prediction/1")
    put(tmp_path, *reversed(hours), rejected, old)
    calls: list[tuple[int, int | None]] = []
    result = read(tmp_path, on_progress=lambda done, total: calls.append((done, total)))
    assert ids(result) == [hours[0].prediction_id, rejected.prediction_id] + [
        each.prediction_id for each in hours[1:]
    ]
    counts = result.counts
    assert (counts.records, counts.predictions, counts.rejected) == (25, 24, 1)
    assert (counts.duplicates, counts.corrupt_count) == (0, 0)
    assert counts.schemas == {"prediction/1": 1, "prediction/2": 24}
    assert calls[-1] == (25, 25)


def test_a_window_is_half_open_and_knows_no_partition(tmp_path: Path) -> None:
    """A batch lies in the partition of its first record; the others may be of the next day."""
    moments = [
        START - timedelta(milliseconds=1),
        START,
        START + timedelta(days=1, milliseconds=-1),
        START + timedelta(days=1),
    ]
    put_batch(tmp_path, "a", *(numbered(n, time) for n, time in enumerate(moments[:2])))
    put_batch(tmp_path, "b", *(numbered(n + 2, time) for n, time in enumerate(moments[2:])))
    assert ids(read(tmp_path)) == [numbered(1).prediction_id, numbered(2).prediction_id]
    hour = Window(START + timedelta(hours=23, minutes=59), START + timedelta(days=1, minutes=1))
    assert ids(read(tmp_path, hour)) == [numbered(2).prediction_id, numbered(3).prediction_id]
    assert (
        len(
            read(
                tmp_path, Window(START + timedelta(hours=3), START + timedelta(hours=4))
            ).observations
        )
        == 0
    )


def test_a_record_counts_once_wherever_it_is_stored(tmp_path: Path) -> None:
    records = [numbered(n, START + timedelta(minutes=n)) for n in range(6)]
    put(tmp_path, *records[:4])
    compact(open_source(str(tmp_path)), Day(Stream("cells", "1.0.0"), START.date()))
    put(tmp_path, records[0])  # and in the file
    put_batch(tmp_path, "a", records[4], records[1])
    log = tmp_path / "log"
    log.write_text(
        "\n".join(
            json.dumps({"level": "ERROR", "prediction_record": json.loads(each.to_json())})
            for each in (records[5], records[2])
        )
    )
    result = read(tmp_path, logs=[log])
    assert ids(result) == [each.prediction_id for each in records]
    assert result.counts.duplicates == 3


def test_what_is_no_record_is_counted_named_and_skipped(tmp_path: Path) -> None:
    good = numbered(0)
    put(tmp_path, good)
    folder = (tmp_path / good.key).parent
    raw = json.loads(good.to_json())

    def zipped(value: Any) -> bytes:
        return gzip.compress(json.dumps(value).encode())

    bad = {
        "no-gzip": b"{}",
        "empty": b"",
        "empty-gzip": gzip.compress(b""),
        "cut": good.to_bytes()[:-20],
        "cut-json": gzip.compress(good.to_json().encode()[:-20]),
        "bomb": gzip.compress(bytes(100_000_000), 9),
        "list": zipped([raw]),
        "number": zipped(5),
        "no-object": zipped({}),
        "deep": gzip.compress(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "schema": zipped({**raw, "schema": "feedback/1"}),
        "newer": zipped({**raw, "schema": "prediction/3"}),
        "no-id": zipped({**raw, "prediction_id": None}),
        "no-time": zipped({**raw, "time": "yesterday"}),
        "other-zone": zipped({**raw, "time": "2026-11-03T00:00:00.000+02:00"}),
        "type": zipped({**raw, "detections": [{"label": "x", "score": "high", "box": {}}]}),
        "type-of-model": zipped({**raw, "model": "cells"}),
        "outcome": zipped({**raw, "outcome": "maybe"}),
        "latin": gzip.compress(json.dumps(raw).replace("cells", "c\xe9lls").encode("latin-1")),
        "two": gzip.compress((good.to_json() + " " + good.to_json()).encode()),
    }
    for name, body in bad.items():
        (folder / f"{name}.json.gz").write_bytes(body)
    (folder / "notes.txt").write_text("no object of records")
    pretty = numbered(1)
    (folder / "pretty.json.gz").write_bytes(
        gzip.compress(json.dumps(json.loads(pretty.to_json()), indent=1).encode())
    )
    extra = {**json.loads(numbered(2).to_json()), "new_field": {"x": 1}}
    (folder / "extra.json.gz").write_bytes(zipped(extra))
    batch = put_batch(tmp_path, "a", numbered(3), numbered(4))
    batch.write_bytes(batch.read_bytes() + gzip.compress(b'{"schema":'))
    parquet = tmp_path / "compacted/model=cells/version=1.0.0/dt=2026-11-03/x.parquet"
    parquet.parent.mkdir(parents=True)
    parquet.write_bytes(b"PAR1 no parquet")
    result = read(tmp_path)
    assert ids(result) == [numbered(number).prediction_id for number in range(5)]
    assert result.counts.corrupt_count == len(bad) + 2
    assert len(result.counts.corrupt) == 20
    named = {Path(key).name.split(".")[0] for key in result.counts.corrupt}
    assert named < {*bad, "batch-a", "x"}


def test_what_is_large_unpacked_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.records.chunk.PIECE_BYTES", 1)
    put(tmp_path, numbered(0))
    (tmp_path / numbered(1).key).write_bytes(b"damaged")
    put_batch(tmp_path, "a", numbered(2), numbered(3))
    put_batch(tmp_path, "b", numbered(4))
    result = read(tmp_path)
    assert ids(result) == [numbered(number).prediction_id for number in (0, 2, 3, 4)]
    assert result.counts.corrupt == (numbered(1).key,)
    done = compact(open_source(str(tmp_path)), Day(Stream("cells", "1.0.0"), START.date()))
    assert (done.records, done.deleted, done.left) == (4, 3, (numbered(1).key,))


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    other = numbered(2, model=Model("cells", "2.0.0", "d" * 64))
    another = numbered(3, model=Model("beads", "1.0.0", "d" * 64))
    page = numbered(4, route="/run/predict")
    put(tmp_path, numbered(1), other, another, page)
    (tmp_path / "predictions/model=cells/version=1.0.0/dt=someday").mkdir()
    assert ids(read(tmp_path, model="beads")) == [another.prediction_id]
    assert ids(read(tmp_path, version="2.0.0")) == [other.prediction_id]
    assert ids(read(tmp_path, model="cells", route="/run/predict")) == [page.prediction_id]
    assert len(read(tmp_path, model="nothing").observations) == 0


def test_parquet_and_objects_say_the_same(tmp_path: Path) -> None:
    records = [numbered(n, START + timedelta(seconds=n)) for n in range(300)]
    put(tmp_path, *records)
    before = read(tmp_path).observations
    done = compact(open_source(str(tmp_path)), Day(Stream("cells", "1.0.0"), START.date()))
    assert (done.records, done.deleted, done.left) == (300, 300, ())
    assert not list((tmp_path / "predictions").rglob("*.gz"))
    for observations in (read(tmp_path).observations, observe_records(records)):
        for name, column in before.facts.items():
            assert column.tolist() == observations.facts[name].tolist(), name
        for name, values in before.properties.items():
            np.testing.assert_array_equal(values, observations.properties[name])
        np.testing.assert_array_equal(before.score_histogram, observations.score_histogram)


def test_another_writers_parquet_has_no_observations_and_may_lack_columns(tmp_path: Path) -> None:
    """As Firehose writes it, by the table's own types."""
    record = numbered(1)
    file = tmp_path / "compacted/model=cells/version=1.0.0/dt=2026-11-03/firehose.parquet"
    file.parent.mkdir(parents=True)
    with connect() as connection:
        connection.execute(
            f"COPY (SELECT '{record.schema}' AS schema, '{record.prediction_id}' AS prediction_id, "
            f"'{record.time}' AS time, {{'version': '1.0.0', 'name': 'cells'}} AS model, "
            "{'width': 640::INT, 'height': 480::INT, 'brightness': 0.5::FLOAT} AS image, "
            f"'ok' AS outcome, 2::INT AS count) TO '{file}' (FORMAT parquet)"
        )
    found = read(tmp_path).observations
    assert found.facts["prediction_id"].tolist() == [record.prediction_id]
    assert found.properties["brightness"].tolist() == [0.5]
    assert found.facts["model_name"].tolist() == ["cells"]


def test_objects_that_are_compacted_while_they_are_read_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [numbered(n, START + timedelta(minutes=n)) for n in range(8)]
    put(tmp_path, *records)
    monkeypatch.setattr("scripts.records.partitions.CHUNK_OBJECTS", 3)
    source = CompactingSource(tmp_path)
    result = read_observations(source, DAY, processes=1)
    assert source.has_compacted
    assert ids(result) == [each.prediction_id for each in records]


class CompactingSource(FolderSource):
    """Is compacted by another after its files have been listed and before an object is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root), root)
        self.has_compacted = False

    def get(self, key: str) -> bytes | None:
        if not self.has_compacted:
            self.has_compacted = True
            compact(open_source(self.url), Day(Stream("cells", "1.0.0"), START.date()))
        return super().get(key)


def test_processes_read_the_same_as_none(tmp_path: Path) -> None:
    for day in range(4):
        put(tmp_path, *(numbered(100 * day + n, START + timedelta(days=day, minutes=n))
                        for n in range(3)))  # fmt: skip
    window = Window(DAY.start, DAY.start + timedelta(days=4))
    source = open_source(str(tmp_path))
    two = read_observations(source, window, processes=2)
    assert ids(two) == ids(read(tmp_path, window)) and len(ids(two)) == 12


def test_without_semaphores_all_is_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda has no /dev/shm."""

    def refuse(*args: Any, **options: Any) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", refuse)
    for day in range(4):
        put(tmp_path, numbered(day, START + timedelta(days=day)))
    window = Window(DAY.start, DAY.start + timedelta(days=4))
    assert len(read_observations(open_source(str(tmp_path)), window, processes=2).observations) == 4


@pytest.mark.parametrize("prefix", ["", "/a/b"])
def test_a_bucket(s3: Any, prefix: str) -> None:
    bucket = make_bucket(s3, "some-records")
    source = open_source(f"s3://{bucket}{prefix}")
    records = [numbered(n, START + timedelta(seconds=n)) for n in range(5)]
    for record in records:
        assert source.put(record.key, record.to_bytes())
    assert not source.put(records[0].key, b"another")
    result = read_observations(source, DAY, processes=1)
    assert ids(result) == [each.prediction_id for each in records]
    some = [records[2].prediction_id, "unknown", records[0].prediction_id]
    assert list(read_records(source, DAY, some).values()) == [records[2], records[0]]
    done = compact(source, Day(Stream("cells", "1.0.0"), START.date()))
    assert (done.records, done.deleted) == (5, 5)
    assert ids(read_observations(source, DAY, processes=1)) == ids(result)
    assert list(read_records(source, DAY, some).values()) == [records[2], records[0]]


def test_more_than_a_thousand_keys_are_listed_and_deleted(s3: Any, s3_endpoint: str) -> None:
    bucket = make_bucket(s3, "many-records")
    # Without boto3, which takes longer to sign a request than moto to answer it.
    connection = HTTPConnection(s3_endpoint.removeprefix("http://"))
    for number in range(1003):
        connection.request("PUT", f"/{bucket}/predictions/{number:04}", b"")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()
    source = open_source(f"s3://{bucket}")
    keys = [item.key for item in source.items("predictions/")]
    assert keys == [f"predictions/{number:04}" for number in range(1003)]
    source.delete(keys)
    assert list(source.items("predictions/")) == []


def test_a_bucket_that_is_not_there_is_told(s3: Any) -> None:
    with pytest.raises(ToolError, match=r"s3://nowhere-at-all: .*NoSuchBucket"):
        read_observations(open_source("s3://nowhere-at-all"), DAY)


@pytest.mark.parametrize("url", ["", "s3://", "ftp://x/y", "/no/such/folder", "file:///no/such"])
def test_a_source_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ToolError, match="expected"):
        open_source(url)


def test_records_are_found_in_batches_and_files(tmp_path: Path) -> None:
    records = [numbered(n, START + timedelta(minutes=n)) for n in range(4)]
    put(tmp_path, *records[:2])
    source = open_source(str(tmp_path))
    compact(source, Day(Stream("cells", "1.0.0"), START.date()))
    put_batch(tmp_path, "a", *records[2:])
    wanted = [each.prediction_id for each in records]
    assert list(read_records(source, DAY, [*wanted, "?"]).values()) == records


def test_the_latest_feedback_holds(tmp_path: Path) -> None:
    def feedback(number: int, minute: int, count: int) -> Feedback:
        time = f"2026-11-05T00:{minute:02}:00.000Z"  # two days after the prediction
        return Feedback(f"{minute:032x}", numbered(number).prediction_id, time,
                        Model("cells", "1.0.0", "c" * 64), count, None, None, None)  # fmt: skip

    given = [feedback(1, 9, 4), feedback(1, 3, 7), feedback(2, 5, 1)]
    folder = tmp_path / (numbered(1).key.replace("predictions", "feedback").rpartition("/")[0])
    folder.mkdir(parents=True)
    for each in given:
        (folder / f"{each.prediction_id}.{each.feedback_id}.json.gz").write_bytes(each.to_bytes())
    (folder / "x.y.json.gz").write_bytes(gzip.compress(b"[1]"))
    source = open_source(str(tmp_path))
    ids = [numbered(number).prediction_id for number in range(3)]
    assert read_feedback(source, DAY, ids) == [given[2], given[0]]
    assert read_feedback(source, of_day(START.date() + timedelta(days=1)), ids) == []
    assert read_feedback(source, DAY, ids[:2]) == [given[0]]
    assert read_feedback(source, DAY, []) == []


@pytest.mark.parametrize("late_hours", [0, 30, 48])
def test_feedback_that_lies_where_it_came_is_of_its_predictions_window(
    tmp_path: Path, late_hours: int
) -> None:
    """That on predictions in batches, streams or Parquet files lies in the hour when it came."""

    def give(number: int, at: datetime) -> Feedback:
        time = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        given = Feedback(f"{number:032x}", numbered(number).prediction_id, time,
                         Model("cells", "1.0.0", "c" * 64), 3, None, None, None)  # fmt: skip
        where = numbered(number, at).key.replace("predictions", "feedback").rpartition("/")[0]
        (tmp_path / where).mkdir(parents=True, exist_ok=True)
        name = f"{given.prediction_id}.{given.feedback_id}.json.gz"
        (tmp_path / where / name).write_bytes(given.to_bytes())
        return given

    end = START + timedelta(days=1)
    inside, after = numbered(1, end - timedelta(minutes=1)), numbered(2, end)
    put_batch(tmp_path, "a", inside)
    put_batch(tmp_path, "b", after)
    late = give(1, end + timedelta(hours=late_hours, minutes=-1))
    give(2, end + timedelta(minutes=5))  # on a prediction after the window
    give(3, START + timedelta(hours=2))  # on one before it, or on none
    source = open_source(str(tmp_path))
    assert read_feedback(source, DAY, ids(read(tmp_path))) == [late]


def test_the_last_window_of_all_has_no_later_feedback(tmp_path: Path) -> None:
    window = parse_window("9999-12-01..9999-12-31", datetime.now(UTC))
    assert read_feedback(open_source(str(tmp_path)), window, ["p"]) == []


def test_observations_are_written_for_other_tools(tmp_path: Path) -> None:
    observations = observe_records([numbered(1), numbered(2, image=None)])
    parquet, csv = tmp_path / "o.parquet", tmp_path / "o.csv"
    write_observations(observations, parquet)
    write_observations(observations, csv, is_csv=True)
    with connect() as connection:
        for file in (parquet, csv):
            rows = connection.execute(
                f"SELECT brightness, score_max, scores_18, problem FROM '{file}' ORDER BY ALL"
            ).fetchall()
            assert rows == [(0.5, 0.9, 1, None), (None, 0.9, 1, None)]
        columns = connection.execute(f"DESCRIBE SELECT * FROM '{parquet}'").fetchall()
    assert {*PROPERTIES} < {column[0] for column in columns}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("7d", "2026-11-01T12:00", "2026-11-08T12:00"),
        ("24h", "2026-11-07T12:00", "2026-11-08T12:00"),
        ("90m", "2026-11-08T10:30", "2026-11-08T12:00"),
        ("2026-11-01..2026-11-03", "2026-11-01T00:00", "2026-11-03T00:00"),
        ("2026-11-01T01:00:00+01:00..2026-11-01T03:00Z", "2026-11-01T00:00", "2026-11-01T03:00"),
    ],
)
def test_windows(text: str, start: str, end: str) -> None:
    now = datetime(2026, 11, 8, 12, tzinfo=UTC)
    window = parse_window(text, now)
    assert window == Window(
        datetime.fromisoformat(start + ":00+00:00"), datetime.fromisoformat(end + ":00+00:00")
    )
    assert window.start in window and window.end not in window


@pytest.mark.parametrize(
    "text", ["", "7", "d", "0d", "-1d", "99999w", "a..b", "2026-11-03..2026-11-03", "1d..2d", "9y"]
)
def test_a_window_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ToolError, match="window"):
        parse_window(text, datetime(2026, 11, 8, tzinfo=UTC))
