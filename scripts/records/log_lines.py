"""Finds prediction records in exported log lines.

The function prints a record that no store takes as one line of JSON with `prediction_record`, and a
record that waits for its batch as one with `prediction_record_gzip` (gzip in base64). Logs are
exported in many shapes: the line itself, with a time or more in front, or as a text in a field
of another JSON object, which may have a line for each member, as `aws logs` prints it; in files,
gzipped files, or folders of them.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handler.records.record import PredictionRecord
from scripts.records.columns import MAX_RECORD_BYTES
from scripts.records.unpack import gunzip
from scripts.tool import ToolError

MARK = b"prediction_record"
_FIELDS = ("message", "@message", "log", "Message", "textPayload", "value")
_EVENTS = ("logEvents", "events", "results")
_MEMBER = re.compile(r'\s*(?:"[@\w]+"\s*:\s*)?(?=")')  # a text on a line of its own
_MAX_LINE_BYTES = 64 << 20  # one of `aws logs get-log-events`, which is one JSON object
_MAX_DEPTH = 4  # of text in JSON in text


@dataclass
class LogCounts:
    """What was found so far. corrupt: places of lines with a record that cannot be read."""

    records: int = 0
    corrupt_count: int = 0
    corrupt: list[str] = field(default_factory=list)

    def add_corrupt(self, place: str) -> None:
        self.corrupt_count += 1
        if len(self.corrupt) < 20:
            self.corrupt.append(place)


def find_log_files(paths: list[Path]) -> list[Path]:
    """The files of paths that are files or folders. Raises ToolError where there is none."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(each for each in path.rglob("*") if each.is_file())
        elif path.is_file():
            files.append(path)
        else:
            raise ToolError(f"{path}: there is no such file or folder")
    return files


def read_log(paths: list[Path], counts: LogCounts) -> Iterator[PredictionRecord]:
    """Records of log files in their order, counted on the way; one may come twice."""
    for path in find_log_files(paths):
        try:
            for number, line in enumerate(_lines(path), 1):
                if MARK in line:
                    yield from records_of_line(line, f"{path}:{number}", counts)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            counts.add_corrupt(f"{path}: {error}")


def records_of_line(line: bytes, place: str, counts: LogCounts) -> Iterator[PredictionRecord]:
    """The records of a line with MARK, counted. place: named where one cannot be read."""
    found = list(_find(_unquote(line.decode(errors="replace")), _MAX_DEPTH))
    if not found:
        counts.add_corrupt(place)
    for raw in found:
        try:
            record = PredictionRecord.from_json(json.dumps(raw))
            # Both become its key.
            if not isinstance(record.prediction_id, str) or not isinstance(record.time, str):
                raise TypeError("its id and time are text")
            record.key  # noqa: B018
        except (ValueError, TypeError, AttributeError):
            counts.add_corrupt(place)
            continue
        counts.records += 1
        yield record


def _unquote(line: str) -> str:
    """The text that a line of CSV holds, or one of JSON that has a line for each member; else the
    line itself."""
    if '""prediction_record' in line:
        return line.replace('""', '"')
    if start := _MEMBER.match(line):
        with contextlib.suppress(ValueError):
            value, _ = json.JSONDecoder().raw_decode(line, start.end())
            if MARK.decode() in value:
                return str(value)
    return line


def _find(value: Any, depth: int) -> Iterator[Any]:
    """Values of `prediction_record` in JSON, in JSON behind other text, and in JSON in text."""
    if isinstance(value, str) and "prediction_record" in value:
        start = value.find("{")
        while start >= 0 and depth:
            try:
                parsed, end = json.JSONDecoder().raw_decode(value, start)
            except (ValueError, RecursionError):
                start = value.find("{", start + 1, start + MAX_RECORD_BYTES)
                if start > 1000:  # what stands in front is a time, a request id, a level
                    return
                continue
            yield from _find(parsed, depth - 1)
            start = value.find("{", end)
    elif isinstance(value, list):
        for each in value:
            yield from _find(each, depth)
    elif isinstance(value, dict):
        if "prediction_record" in value:
            yield value["prediction_record"]
            return
        if "prediction_record_gzip" in value:
            yield _unpack(value["prediction_record_gzip"])
            return
        for name in (*_FIELDS, *_EVENTS):
            if name in value:
                yield from _find(value[name], depth)


def _unpack(packed: Any) -> Any:
    """The JSON that a line has packed, None where it is none."""
    try:
        return json.loads(gunzip(base64.b64decode(packed, validate=True), MAX_RECORD_BYTES))
    except (ValueError, TypeError, RecursionError):
        return None


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
    with gzip.open(path) if is_gzip else path.open("rb") as file:
        while line := file.readline(_MAX_LINE_BYTES):
            yield line
