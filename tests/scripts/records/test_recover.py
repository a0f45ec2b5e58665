"""Records that were printed are found in log exports of any shape and put back once."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handler.records.log_lines import Entry, LogLines
from handler.records.record import Model, PredictionRecord
from scripts.records.compact import Day, compact
from scripts.records.log_lines import LogCounts, read_log
from scripts.records.partitions import Stream
from scripts.records.recover import recover
from scripts.records.source import open_source
from scripts.tool import ToolError
from tests.scripts.records.test_read import put, put_batch
from tests.support.moto_s3 import keys, make_bucket
from tests.support.prediction_records import START, numbered

RECORD = numbered(1)


def line_of(record: PredictionRecord) -> str:
    """As the function prints it."""
    out = io.StringIO()
    LogLines(out).print(Entry(record), PermissionError("AccessDenied"))
    return out.getvalue().rstrip("\n")


def journal_of(record: PredictionRecord) -> str:
    """As the function prints it while it waits for its batch."""
    out = io.StringIO()
    LogLines(out).journal(Entry(record))
    return out.getvalue().rstrip("\n")


def csv_of(*values: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([["@timestamp", "@message"], values])
    return out.getvalue()


LINE = line_of(RECORD)
SHAPES = {
    "the line itself": LINE,
    "the journal": journal_of(RECORD),
    "the journal in Logs Insights": json.dumps({"@message": journal_of(RECORD)}),
    "a time in front": f"2026-11-23T04:05:06.789Z {LINE}",
    "what `aws logs tail` puts in front": f"2026-11-23T04:05:06 2026/11/23/[$LATEST]{{0af}} {LINE}",
    "an export to S3": f"2026-11-23T04:05:06.789Z\t{LINE}\n",
    "Logs Insights": json.dumps({"@timestamp": "2026-11-23", "@message": LINE + "\n"}),
    "a subscription": json.dumps({"id": "1", "timestamp": 1, "message": LINE}),
    "filter-log-events": json.dumps({"events": [{"message": "START"}, {"message": LINE}]}),
    "a subscription's batch": json.dumps({"logEvents": [{"message": LINE}]}),
    "a container's log": json.dumps({"log": LINE + "\n", "stream": "stdout"}),
    "filter-log-events, as the AWS command line prints it": json.dumps(
        {"events": [{"logStreamName": "a", "message": LINE + "\n", "eventId": "1"}]}, indent=4
    ),
    "the journal, as the AWS command line prints it": json.dumps(
        {"events": [{"message": journal_of(RECORD) + "\n"}]}, indent=4
    ),
    "get-query-results": json.dumps(
        {"results": [[{"field": "@message", "value": LINE}, {"field": "@ptr", "value": "x"}]]}
    ),
    "get-query-results, as the AWS command line prints it": json.dumps(
        {"results": [[{"field": "@message", "value": LINE}]]}, indent=4
    ),
    "what a query of it selects": json.dumps(["START", LINE], indent=4),
    "Logs Insights as CSV": csv_of("2026-11-23 04:05:06.789", LINE),
    "the journal in Logs Insights as CSV": csv_of("2026-11-23", journal_of(RECORD)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_printed_record_is_found(tmp_path: Path, shape: str, is_gzip: bool) -> None:
    text = f"START RequestId: x\n{SHAPES[shape]}\nREPORT Duration: 3 ms\n".encode()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "000000").write_bytes(gzip.compress(text) if is_gzip else text)
    counts = LogCounts()
    assert list(read_log([tmp_path], counts)) == [RECORD]
    assert (counts.records, counts.corrupt_count) == (1, 0)


def test_what_cannot_be_read_is_counted_and_named(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [
        "prediction_record and no JSON",
        LINE[:-30],
        json.dumps({"prediction_record": {"schema": "prediction/2"}}),
        json.dumps({"prediction_record": [1]}),
        json.dumps({"prediction_record": {**json.loads(RECORD.to_json()), "time": 5}}),
        "{" * 5000 + "prediction_record",
        "an ordinary line",
        LINE,
    ]
    log.write_text("\n".join(lines))
    counts = LogCounts()
    assert list(read_log([log], counts)) == [RECORD]
    assert counts.corrupt_count == 6
    assert counts.corrupt[0] == f"{log}:1"
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(LINE.encode() * 50)[:-20])
    assert list(read_log([cut], counts)) == []
    assert counts.corrupt_count == 7


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no such file or folder"):
        list(read_log([tmp_path / "x"], LogCounts()))


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_records_are_put_under_their_own_keys_once(s3: Any, tmp_path: Path, place: str) -> None:
    bucket = make_bucket(s3, "recovered")
    (tmp_path / "store").mkdir()
    url = str(tmp_path / "store") if place == "folder" else f"s3://{bucket}"
    records = [numbered(n, START + timedelta(hours=n)) for n in range(3)]
    source = open_source(url)
    source.put(records[0].key, records[0].to_bytes())
    log = tmp_path / "log"
    log.write_text("".join(f"{line_of(each)}\n" for each in [*records, records[1]]))
    first = recover([log], source)
    assert (first.put, first.present, first.corrupt_count) == (2, 2, 0)
    again = recover([log], source)
    assert (again.put, again.present) == (0, 4)
    found = [item.key for item in source.items("predictions/")]
    assert found == sorted(each.key for each in records)
    assert source.get(records[2].key) == records[2].to_bytes()
    if place == "s3":
        assert sorted(keys(s3, bucket)) == found


def test_what_lies_in_a_batch_or_a_parquet_file_is_there(tmp_path: Path) -> None:
    store = tmp_path / "store"
    put(store, numbered(0))
    source = open_source(str(store))
    compact(source, Day(Stream("cells", "1.0.0"), START.date()))
    put_batch(store, "a", numbered(1))
    log = tmp_path / "log"
    log.write_text("".join(f"{journal_of(numbered(n))}\n" for n in range(3)))
    done = recover([log], source)
    assert (done.put, done.present, done.corrupt_count) == (1, 2, 0)
    assert source.get(numbered(2).key) is not None


def test_no_record_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    outside = numbered(1, model=Model("../../..", "1.0.0", "c" * 64))
    wrong = numbered(2, detections="none")
    log = tmp_path / "log"
    log.write_text(f"{line_of(outside)}\n{line_of(wrong)}\n{line_of(numbered(3))}\n")
    done = recover([log], open_source(str(tmp_path / "store")))
    assert (done.put, done.corrupt_count) == (1, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "store"]


@pytest.mark.parametrize("shape", SHAPES)
def test_quotes_in_a_record_are_its_own(tmp_path: Path, shape: str) -> None:
    """A class may have any name; each shape quotes it in its own way."""
    box = {"xmin": 0.0, "ymin": 0.0, "xmax": 1.0, "ymax": 1.0}
    label = 'a "b" \\ \'c\', ""\t{ü}'
    odd = numbered(1, detections=[{"label": label, "score": 0.5, "box": box}])
    log = tmp_path / "log"
    quoted = {"": LINE, "journal": journal_of(RECORD)}["journal" if "journal" in shape else ""]
    made = {"": line_of(odd), "journal": journal_of(odd)}["journal" if "journal" in shape else ""]
    if "CSV" in shape:
        text = csv_of("2026-11-23", made)
    else:
        text = (
            SHAPES[shape]
            .replace(quoted, made)
            .replace(json.dumps(quoted)[1:-1], json.dumps(made)[1:-1])
        )
    log.write_text(text)
    counts = LogCounts()
    assert list(read_log([log], counts)) == [odd]
    assert counts.corrupt_count == 0
