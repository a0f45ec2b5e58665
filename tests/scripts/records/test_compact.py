"""Compaction of a day: what it makes, what it merges, and what it leaves alone."""

from __future__ import annotations

import dataclasses
import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from scripts.records import parquet
from scripts.records.compact import Day, compact, find_compactable
from scripts.records.observe import connect
from scripts.records.partitions import Stream
from scripts.records.read import read_observations, read_records
from scripts.records.source import FolderSource, open_source
from scripts.records.window import of_day
from scripts.tool import ToolError
from tests.scripts.records.test_read import put, put_batch
from tests.support.prediction_records import START, numbered

DAY = Day(Stream("cells", "1.0.0"), START.date())
WINDOW = of_day(START.date())


def files(folder: Path) -> list[Path]:
    return sorted((folder / "compacted").rglob("*.parquet"))


def test_a_day_is_one_file_however_often(tmp_path: Path) -> None:
    records = [numbered(n, START + timedelta(minutes=n)) for n in range(5)]
    put(tmp_path, *records[:3])
    source = open_source(str(tmp_path))
    first = compact(source, DAY)
    assert first.was_put and first.deleted == 3
    assert [path.name for path in files(tmp_path)] == [str(first.key).rpartition("/")[2]]
    again = compact(source, DAY)
    assert (again.key, again.was_put, again.deleted) == (first.key, False, 0)
    # Late arrivals; and one that was compacted, but whose deletion was lost.
    put(tmp_path, records[0])
    put_batch(tmp_path, "late", *records[3:])
    merged = compact(source, DAY)
    assert (merged.records, merged.deleted, merged.left) == (5, 3, ())
    assert [path.name for path in files(tmp_path)] == [str(merged.key).rpartition("/")[2]]
    ids = [each.prediction_id for each in records]
    assert list(read_records(source, WINDOW, ids).values()) == records
    with connect() as connection:
        times = connection.execute(
            f"SELECT time FROM {parquet.parquet_source(files(tmp_path))}"
        ).fetchall()
    assert times == [(each.time,) for each in records]


def test_the_same_records_have_the_same_name(tmp_path: Path) -> None:
    records = [numbered(n, START + timedelta(minutes=n)) for n in range(3)]
    names = set()
    for place, some in (("a", records), ("b", records[::-1])):
        (tmp_path / place).mkdir()
        put_batch(tmp_path / place, place, *some)
        names.add(compact(open_source(str(tmp_path / place)), DAY).key)
    assert len(names) == 1


def test_what_a_table_would_not_keep_stays_where_it_is(tmp_path: Path) -> None:
    put(tmp_path, numbered(0))
    folder = (tmp_path / numbered(0).key).parent
    raw = json.loads(numbered(1).to_json())
    left = {
        "cut": numbered(1).to_bytes()[:-9],
        "newer": gzip.compress(json.dumps({**raw, "schema": "prediction/3"}).encode()),
        "unknown-field": gzip.compress(json.dumps({**raw, "weather": "wet"}).encode()),
        "unknown-part": gzip.compress(
            json.dumps({**raw, "tiles": {"columns": 1, "rows": 1, "overlap": 2}}).encode()
        ),
    }
    for name, body in left.items():
        (folder / f"{name}.json.gz").write_bytes(body)
    batch = put_batch(tmp_path, "half", numbered(2))
    batch.write_bytes(batch.read_bytes() + gzip.compress(b"{}\n"))
    feedback = tmp_path / "feedback" / "x.json.gz"
    feedback.parent.mkdir()
    feedback.write_bytes(b"")
    done = compact(open_source(str(tmp_path)), DAY)
    assert (done.records, done.deleted) == (2, 1)
    assert {Path(key).name.split(".")[0] for key in done.left} == {*left, "batch-half"}
    assert all((tmp_path / key).exists() for key in done.left) and feedback.exists()


def test_another_record_of_the_same_id_stays(tmp_path: Path) -> None:
    record = numbered(0)
    put(tmp_path, record)
    other = put_batch(tmp_path, "other", dataclasses.replace(record, route="/elsewhere"))
    done = compact(open_source(str(tmp_path)), DAY)
    assert (done.records, done.deleted, len(done.left)) == (1, 1, 1)
    kept = other if other.exists() else tmp_path / record.key
    assert kept.exists()


def test_files_of_another_writer_are_merged_and_a_damaged_one_stays(tmp_path: Path) -> None:
    records = [numbered(n, START + timedelta(minutes=n)) for n in range(4)]
    put(tmp_path, *records[:2])
    source = open_source(str(tmp_path))
    first = compact(source, DAY)
    (tmp_path / str(first.key)).rename(files(tmp_path)[0].with_name("firehose-1.parquet"))
    put(tmp_path, *records[2:])
    damaged = files(tmp_path)[0].with_name("damaged.parquet")
    damaged.write_bytes(b"PAR1PAR1")
    done = compact(source, DAY)
    assert (done.records, done.deleted) == (4, 3)
    assert [Path(key).name for key in done.left] == ["damaged.parquet"]
    assert len(files(tmp_path)) == 2


class ForgetfulSource(FolderSource):
    """Says that it has put an object and keeps another one."""

    def put(self, key: str, body: bytes | Path) -> bool:
        other = numbered(77)
        with connect() as connection:
            path = Path(self.url) / "other.parquet"
            connection.execute(
                f"COPY (SELECT * REPLACE ('{other.prediction_id}' AS prediction_id) "
                f"FROM '{body}') TO '{path}' (FORMAT parquet)"
            )
        return super().put(key, path)


def test_nothing_is_deleted_unless_the_store_gives_it_back(tmp_path: Path) -> None:
    put(tmp_path, numbered(0))
    with pytest.raises(ToolError, match="has not the 1 records"):
        compact(ForgetfulSource(str(tmp_path), tmp_path), DAY)
    assert (tmp_path / numbered(0).key).exists()


def test_only_days_that_are_over_are_compacted(tmp_path: Path) -> None:
    put(tmp_path, numbered(0), numbered(1, START + timedelta(days=1)))
    source = open_source(str(tmp_path))

    def found(now: datetime, *days: date) -> list[int]:
        return [each.day.day for each in find_compactable(source, now, days or None)]

    assert found(datetime(2026, 11, 4, 0, 59, tzinfo=UTC)) == []
    assert found(datetime(2026, 11, 4, 1, 0, tzinfo=UTC)) == [3]
    assert found(datetime(2026, 11, 9, tzinfo=UTC)) == [3, 4]
    assert found(datetime(2026, 11, 4, 1, 0, tzinfo=UTC), date(2026, 11, 4)) == [4]
    compact(source, DAY)
    assert found(datetime(2026, 11, 9, tzinfo=UTC)) == [4]


def test_observations_of_another_version_are_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, numbered(0))
    source = open_source(str(tmp_path))
    monkeypatch.setattr(parquet, "VERSION", 0)
    wrong = parquet.observe_query().replace("list_avg(scores)", "0")
    monkeypatch.setattr(parquet, "observe_query", lambda: wrong)
    compact(source, DAY)
    monkeypatch.undo()
    with connect() as connection:
        assert not parquet.has_observations(connection, files(tmp_path)[0])
    read = read_observations(source, WINDOW, processes=1).observations
    assert read.properties["score_mean"].tolist() == [0.75]
