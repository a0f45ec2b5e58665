"""A prediction is forgotten: wherever it lies, in every version, and what is under way with it."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handler.records.objects import batch_bytes, batch_name
from scripts.records import compact as compacting
from scripts.records.columns import SQL_TYPES
from scripts.records.compact import Day, compact
from scripts.records.erase import erase
from scripts.records.forgotten import mark_key
from scripts.records.observe import connect, quote
from scripts.records.parquet import write_parquet
from scripts.records.partitions import Stream
from scripts.records.read import read_records
from scripts.records.recover import recover
from scripts.records.source import open_source
from scripts.records.versions import open_versions
from scripts.records.window import of_day
from scripts.tool import ToolError
from tests.scripts.records.test_read import put, put_batch
from tests.support.moto_s3 import make_bucket
from tests.support.prediction_records import START, numbered

DAY = Day(Stream("cells", "1.0.0"), START.date())
PARTITION = f"{DAY.stream.folder}/dt={DAY.day}"
WINDOW = of_day(DAY.day)
RECORDS = [numbered(n, START + timedelta(minutes=n)) for n in range(5)]
GONE = RECORDS[2].prediction_id


@pytest.fixture
def bucket(s3: Any) -> str:
    name = make_bucket(s3, "forgetful")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])
    return name


def everything(s3: Any, bucket: str) -> dict[tuple[str, str], bytes]:
    """All versions of all objects, unpacked as far as this test knows how to."""
    found = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in page.get("Versions", ()):
            where = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
            found[each["Key"], each["VersionId"]] = s3.get_object(**where)["Body"].read()
        for each in page.get("DeleteMarkers", ()):
            found[each["Key"], each["VersionId"]] = b""
    return found


def holders(s3: Any, bucket: str, tmp_path: Path) -> list[str]:
    """Keys of versions that name the prediction, by their key or anywhere within."""
    held = []
    for (key, _), body in everything(s3, bucket).items():
        text = body
        if body[:2] == b"\x1f\x8b":
            text = gzip.decompress(body)
        elif body[:4] == b"PAR1":
            (tmp_path / "any.parquet").write_bytes(body)
            with connect() as connection:
                query = f"SELECT prediction_id FROM '{tmp_path / 'any.parquet'}'"
                text = repr(connection.execute(query).fetchall()).encode()
        text += b"".join(
            base64.b64decode(json.loads(line)["rawData"])
            for line in text.splitlines()
            if b"rawData" in line
        )
        if GONE in key or GONE.encode() in text:
            held.append(key)
    return held


def ids_left(url: str) -> list[str]:
    found = read_records(open_source(url), WINDOW, [each.prediction_id for each in RECORDS])
    return list(found)


OTHERS = [each.prediction_id for each in RECORDS if each.prediction_id != GONE]


def as_objects(s3: Any, bucket: str, _: Path) -> None:
    for each in (*RECORDS, RECORDS[2]):  # one was written twice
        s3.put_object(Bucket=bucket, Key=each.key, Body=each.to_bytes())


def as_batches(s3: Any, bucket: str, _: Path) -> None:
    for some in (RECORDS[:3], RECORDS[3:]):
        name = batch_name(each.prediction_id for each in some)
        key = f"{some[0].key.rpartition('/')[0]}/{name}"
        s3.put_object(Bucket=bucket, Key=key, Body=batch_bytes(some))


def compacted(s3: Any, bucket: str, tmp_path: Path) -> None:
    as_objects(s3, bucket, tmp_path)
    compact(open_source(f"s3://{bucket}"), DAY)


def compacted_batches(s3: Any, bucket: str, tmp_path: Path) -> None:
    as_batches(s3, bucket, tmp_path)
    compact(open_source(f"s3://{bucket}"), DAY)


def by_firehose(s3: Any, bucket: str, tmp_path: Path) -> None:
    """A file of the table's columns without observations; and what it could not convert."""
    lines = tmp_path / "lines.json"
    lines.write_text("".join(each.to_json() + "\n" for each in RECORDS))
    with connect() as connection:
        columns = ", ".join(f"{quote(name)}: {quote(kind)}" for name, kind in SQL_TYPES.items())
        rows = f"SELECT * FROM read_json('{lines}', columns = {{{columns}}})"
        write_parquet(connection, rows, tmp_path / "f.parquet", compression="snappy")
    body = (tmp_path / "f.parquet").read_bytes()
    s3.put_object(Bucket=bucket, Key=f"compacted/{PARTITION}/icebox-1-2026.parquet", Body=body)
    errors = "".join(
        json.dumps({"attempts": 1, "rawData": base64.b64encode(each.to_json().encode()).decode()})
        + "\n"
        for each in RECORDS[1:3]
    )
    key = "firehose-errors/format-conversion-failed/2026/11/03/00/x-1"
    s3.put_object(Bucket=bucket, Key=key, Body=errors.encode())


@pytest.mark.parametrize(
    "written", [as_objects, as_batches, compacted, compacted_batches, by_firehose]
)
def test_nothing_of_it_is_left_in_any_version(
    written: Callable[[Any, str, Path], None], s3: Any, bucket: str, tmp_path: Path
) -> None:
    written(s3, bucket, tmp_path)
    where = f"{PARTITION}/hour=00"
    for key, body in {
        f"captures/{where}/{GONE}.jpg": b"picture",
        f"captures/{where}/{OTHERS[0]}.jpg": b"another",
        f"feedback/{where}/{GONE}.{'0' * 32}.json.gz": gzip.compress(b'{"count":3}'),
        f"feedback/{where}/{GONE}.{'1' * 32}.json.gz": gzip.compress(b'{"count":4}'),
        f"feedback/{where}/{OTHERS[0]}.{'2' * 32}.json.gz": gzip.compress(b'{"count":4}'),
        f"reports/{where}/report.html": f"<img src=data:…><code>{GONE}</code>".encode(),
        f"reports/{where}/report.json": json.dumps({"surprises": [GONE]}).encode(),
        f"reports/{DAY.stream.folder}/state.json": b"{}",
        "reports/index.html": b"<a href=report.html>",
    }.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    s3.delete_object(Bucket=bucket, Key=f"captures/{where}/{GONE}.jpg")  # a marker hides it
    assert GONE in ids_left(f"s3://{bucket}") and holders(s3, bucket, tmp_path)

    erased = erase(open_versions(f"s3://{bucket}"), GONE)

    assert holders(s3, bucket, tmp_path) == []
    assert ids_left(f"s3://{bucket}") == OTHERS
    assert erased.days == (PARTITION,)
    assert erased.versions["kept picture"] == 1 and erased.versions["feedback"] == 2
    assert erased.versions["report that shows it"] == 2
    left = {key for key, _ in everything(s3, bucket)}
    assert {key for key in left if key.startswith(("captures", "feedback", "reports"))} == {
        f"captures/{where}/{OTHERS[0]}.jpg",
        f"feedback/{where}/{OTHERS[0]}.{'2' * 32}.json.gz",
        f"reports/{DAY.stream.folder}/state.json",
        "reports/index.html",
    }
    assert mark_key(PARTITION, GONE) in left and GONE not in mark_key(PARTITION, GONE)

    again = erase(open_versions(f"s3://{bucket}"), GONE)
    assert (again.versions, again.days) == ({}, ())
    compact(open_source(f"s3://{bucket}"), DAY)
    assert ids_left(f"s3://{bucket}") == OTHERS


def test_the_others_of_a_file_stay_as_they_are(s3: Any, bucket: str, tmp_path: Path) -> None:
    compacted(s3, bucket, tmp_path)
    source = open_source(f"s3://{bucket}")
    ids = [each.prediction_id for each in RECORDS]
    before = read_records(source, WINDOW, ids)
    erased = erase(open_versions(f"s3://{bucket}"), GONE)
    del before[GONE]
    assert (
        read_records(source, WINDOW, ids)
        == before
        == {each.prediction_id: each for each in RECORDS if each.prediction_id != GONE}
    )
    # It has the name that compaction gives to a file of these records, so there is nothing to do.
    done = compact(source, DAY)
    assert (done.key, done.was_put, done.deleted) == (erased.rewritten[0], False, 0)


def test_one_picture_of_several_is_not_the_others(tmp_path: Path) -> None:
    several = [dataclasses.replace(RECORDS[2], prediction_id=f"{GONE}-{n}") for n in (1, 2, 11)]
    put(tmp_path, several[0])
    put_batch(tmp_path, "several", *several)
    put_batch(tmp_path, "whole", RECORDS[2])
    erase(open_versions(str(tmp_path)), f"{GONE}-1")
    found = read_records(
        open_source(str(tmp_path)), WINDOW, [GONE, *(each.prediction_id for each in several)]
    )
    assert list(found) == [GONE, f"{GONE}-2", f"{GONE}-11"]
    assert len(list(tmp_path.rglob("*.jsonl.gz"))) == 2


def test_an_unknown_prediction_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path, *RECORDS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    erased = erase(open_versions(str(tmp_path)), numbered(99).prediction_id)
    assert (erased.versions, erased.rewritten, erased.days) == ({}, (), ())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_arrives_later_is_dropped_with_its_day(tmp_path: Path) -> None:
    put(tmp_path, *RECORDS)
    erase(open_versions(str(tmp_path)), GONE)
    put(tmp_path, RECORDS[2])  # a write that was under way
    put_batch(tmp_path, "late", RECORDS[2], RECORDS[3])
    done = compact(open_source(str(tmp_path)), DAY)
    assert (done.records, done.left) == (4, ())
    assert ids_left(str(tmp_path)) == OTHERS
    put(tmp_path, RECORDS[2])
    assert compact(open_source(str(tmp_path)), DAY).deleted == 1
    assert ids_left(str(tmp_path)) == OTHERS
    assert not list((tmp_path / "predictions").rglob("*.gz"))


def test_a_day_of_nothing_else_has_no_file(tmp_path: Path) -> None:
    put(tmp_path, RECORDS[2])
    erase(open_versions(str(tmp_path)), GONE)
    put_batch(tmp_path, "late", RECORDS[2])
    done = compact(open_source(str(tmp_path)), DAY)
    assert (done.key, done.records, done.deleted, done.left) == (None, 0, 1, ())
    assert not list(tmp_path.rglob("*.gz")) and not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize("moment", ["before it puts its file", "after it put its file"])
def test_a_compaction_at_the_same_time_does_not_bring_it_back(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal runs whole between two steps of a compaction that has read the record."""
    put(tmp_path, *RECORDS)
    step = "_merge" if moment.startswith("before") else "_originals_in_file"
    whole, runs = getattr(compacting, step), []

    def interrupted(*arguments: Any) -> Any:
        if not runs:
            runs.append(erase(open_versions(str(tmp_path)), GONE))
        return whole(*arguments)

    monkeypatch.setattr(compacting, step, interrupted)
    compact(open_source(str(tmp_path)), DAY)
    assert runs and ids_left(str(tmp_path)) == OTHERS
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_a_log_does_not_bring_it_back(tmp_path: Path) -> None:
    bucket, log = tmp_path / "bucket", tmp_path / "log.jsonl"
    bucket.mkdir()
    put(bucket, RECORDS[2])
    erase(open_versions(str(bucket)), GONE)
    log.write_text(
        "".join(
            json.dumps({"level": "ERROR", "prediction_record": json.loads(each.to_json())}) + "\n"
            for each in RECORDS
        )
    )
    done = recover([log], open_source(str(bucket)))
    assert (done.put, done.present) == (4, 1)
    assert ids_left(str(bucket)) == OTHERS


def test_a_store_that_gives_back_something_else_loses_nothing(tmp_path: Path) -> None:
    batch = put_batch(tmp_path, "all", *RECORDS)
    before = batch.read_bytes()
    place: Any = open_versions(str(tmp_path))
    put_one = place.put
    place.put = lambda key, body: put_one(key, tmp_path / "no") if "batch" in key else put_one(
        key, body
    )  # fmt: skip
    (tmp_path / "no").write_bytes(b"something else")
    with pytest.raises(ToolError, match="is not as it was put"):
        erase(place, GONE)
    assert batch.read_bytes() == before
