"""Puts records that were printed into the log back where the function would have put them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

from handler.records.record import PredictionRecord
from scripts.records.forgotten import id_digest, read_marks
from scripts.records.lines import load_lines
from scripts.records.log_group import LogGroup
from scripts.records.log_lines import LogCounts, read_log
from scripts.records.lookup import ids_of_many
from scripts.records.observe import connect
from scripts.records.partitions import Stream
from scripts.records.source import Source, check_key
from scripts.tool import ToolError

_AT_ONCE = 500
_DAYS = 8  # of ids in memory; a day of a million takes 90 MB, and logs are nearly in order


@dataclass(frozen=True)
class Recovered:
    """put: records that were not there. present: that were, or came twice. corrupt: places in
    the logs, the first of `corrupt_count`."""

    put: int
    present: int
    corrupt_count: int
    corrupt: tuple[str, ...]


def recover(
    logs: Sequence[Path | LogGroup],
    into: Source,
    on_progress: Callable[[int], None] | None = None,
) -> Recovered:
    """Put every record of the logs under its own key, unless it is there, or in a batch or a
    Parquet file of its day, or was forgotten. It may be repeated.

    on_progress: called with the records that are done. Raises ToolError where a log does not exist
    or the store fails.
    """
    counts = LogCounts()
    put = present = done = 0
    is_in_many = _InMany(into)
    with ThreadPoolExecutor(into.threads) as pool:
        for some in _batches(_read(logs, counts)):
            for record in _take_bad(some):
                counts.add_corrupt(f"prediction_id {record.prediction_id[:80]!r}")
            missing = [record for record in some if not is_in_many(record)]
            results = list(pool.map(partial(_put, into), missing))
            put += results.count(True)
            present += results.count(False) + len(some) - len(missing)
            done += len(some)
            if on_progress:
                on_progress(done)
    return Recovered(put, present, counts.corrupt_count, tuple(counts.corrupt))


class _InMany:
    """Whether a record lies in an object or a file with many, or was forgotten."""

    def __init__(self, source: Source) -> None:
        self._ids = lru_cache(_DAYS)(partial(ids_of_many, source))
        self._marks = lru_cache(_DAYS)(partial(read_marks, source))

    def __call__(self, record: PredictionRecord) -> bool:
        day = date.fromisoformat(record.time[:10])
        stream = Stream(record.model.name, record.model.version)
        if id_digest(record.prediction_id) in self._marks(stream, day):
            return True
        return record.prediction_id in self._ids(stream, day)


def _read(logs: Iterable[Path | LogGroup], counts: LogCounts) -> Iterator[PredictionRecord]:
    for log in logs:
        yield from log.read(counts) if isinstance(log, LogGroup) else read_log([log], counts)


def _batches(records: Iterator[PredictionRecord]) -> Iterator[list[PredictionRecord]]:
    while some := list(islice(records, _AT_ONCE)):
        yield some


def _take_bad(records: list[PredictionRecord]) -> list[PredictionRecord]:
    """Take out those that readers would not take for records, or that no store has a key for."""
    lines = [record.to_json().encode(errors="backslashreplace") for record in records]
    with tempfile.TemporaryDirectory(prefix="icebox-") as folder, connect() as connection:
        bad = load_lines(connection, "records", lines, Path(folder) / "records.jsonl")
    for number, record in enumerate(records):
        try:
            check_key(record.key)
        except ToolError:
            bad.add(number)
    return [records.pop(number) for number in sorted(bad, reverse=True)]


def _put(into: Source, record: PredictionRecord) -> bool:
    return into.put(record.key, record.to_bytes())
