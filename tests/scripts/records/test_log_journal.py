"""scripts.records.log_lines finds the records that the function's journal has packed."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path

import pytest

from handler.records.log_lines import Entry, LogLines
from handler.records.record import PredictionRecord
from scripts.records.columns import MAX_RECORD_BYTES
from scripts.records.log_lines import LogCounts, read_log
from tests.support.records import make_record

RECORDS = [make_record(f"3f8a1c52-0000-4000-8000-{n:012}") for n in range(3)]


def journal() -> list[str]:
    """What the function prints of records that wait."""
    out = io.StringIO()
    lines = LogLines(out)
    for record in RECORDS:
        lines.journal(Entry(record))
    return out.getvalue().splitlines()


def read(folder: Path, lines: list[str]) -> tuple[list[PredictionRecord], LogCounts]:
    path, counts = folder / "log", LogCounts()
    path.write_text("".join(f"{line}\n" for line in lines))
    return list(read_log([path], counts)), counts


@pytest.mark.parametrize("shape", ["plain", "with a time in front", "in a field"])
def test_packed_records_are_found(tmp_path: Path, shape: str) -> None:
    lines = {
        "plain": journal(),
        "with a time in front": [f"2026-11-23T04:05:06.789Z\tid\t{line}" for line in journal()],
        "in a field": [json.dumps({"message": line}) for line in journal()],
    }[shape]
    found, counts = read(tmp_path, lines)
    assert found == RECORDS
    assert (counts.records, counts.corrupt) == (3, [])


def test_what_cannot_be_unpacked_is_counted(tmp_path: Path) -> None:
    huge = base64.b64encode(gzip.compress(b" " * (MAX_RECORD_BYTES + 1))).decode()
    packed = json.loads(journal()[0])["prediction_record_gzip"]
    bad = ["no base64!", "AAAA", packed[:-8], huge, base64.b64encode(gzip.compress(b"{")).decode()]
    lines = [json.dumps({"prediction_record_gzip": each}) for each in (*bad, None, 5, [])]
    found, counts = read(tmp_path, [*lines, journal()[1]])
    assert found == RECORDS[1:2]
    assert counts.corrupt_count == 8
