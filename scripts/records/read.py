"""Reads the records of a window of time, from a bucket or a folder, as observations.

It reads partition by partition and never holds all keys or objects, only what is observed of them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path

from scripts.records.chunk import Chunk, Filter, Part, read_lines
from scripts.records.join import join_parts
from scripts.records.log_lines import LogCounts, read_log
from scripts.records.lookup import read_feedback, read_records
from scripts.records.observations import Observations
from scripts.records.partitions import (
    CHUNK_OBJECTS,
    COMPACTED,
    PREDICTIONS,
    Stream,
    find_days,
    find_streams,
    in_chunks,
    is_in,
    list_objects,
    list_parquet,
)
from scripts.records.pool import read_chunks
from scripts.records.source import Source
from scripts.records.window import Window

__all__ = ["ReadCounts", "ReadResult", "read_feedback", "read_observations", "read_records"]

MAX_NAMED = 20
MAX_LISTINGS = 5  # of a day that changes while it is read

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class ReadCounts:
    """What was read. corrupt: the first keys that could not be read, `corrupt_count` in all."""

    records: int
    predictions: int
    rejected: int
    duplicates: int
    corrupt_count: int
    corrupt: tuple[str, ...] = ()
    schemas: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ReadResult:
    """observations: oldest first, one row for each prediction_id."""

    observations: Observations
    counts: ReadCounts


@dataclass(frozen=True)
class _DayChunk:
    day: tuple[Stream, date]
    chunk: Chunk


def read_observations(
    source: Source,
    window: Window,
    *,
    model: str | None = None,
    version: str | None = None,
    route: str | None = None,
    processes: int | None = None,
    on_progress: Progress | None = None,
    logs: Sequence[Path] = (),
) -> ReadResult:
    """Read the records whose time lies in the window; each counts once, wherever it is stored.

    processes: None takes one for each CPU. on_progress: called with the objects that are done and,
    once it is known, how many there are. logs: files or folders of exported log lines, of which
    printed records are read as well. Raises ToolError where the source cannot be read.
    """
    wanted = Filter(window, model, version, route)
    reading = _Reading(source, wanted, processes, on_progress)
    reading.read(_chunks(source, wanted))
    reading.read_again()
    reading.read_logs(logs)
    observations, duplicates = join_parts(reading.parts)
    is_prediction = observations.is_prediction
    return ReadResult(
        observations,
        ReadCounts(
            records=len(observations),
            predictions=int(is_prediction.sum()),
            rejected=int((~is_prediction).sum()),
            duplicates=duplicates,
            corrupt_count=reading.corrupt_count,
            corrupt=reading.corrupt,
            schemas=dict(sorted(Counter(observations.facts["schema"].tolist()).items())),
        ),
    )


@dataclass
class _Reading:
    """Parts that were read, and what went away before it was."""

    source: Source
    wanted: Filter
    processes: int | None
    on_progress: Progress | None
    parts: list[Part] = field(default_factory=list)
    done: int = 0
    parquet: set[str] = field(default_factory=set)  # that was read
    changed: dict[tuple[Stream, date], None] = field(default_factory=dict)  # days to list again
    logs: LogCounts = field(default_factory=LogCounts)

    @property
    def corrupt_count(self) -> int:
        return self.logs.corrupt_count + sum(part.corrupt_count for part in self.parts)

    @property
    def corrupt(self) -> tuple[str, ...]:
        names = {key for part in self.parts for key in part.corrupt}
        return (*sorted(names), *self.logs.corrupt)[:MAX_NAMED]

    def read(self, chunks: Iterable[_DayChunk]) -> None:
        days: deque[tuple[Stream, date]] = deque()

        def bare() -> Iterator[Chunk]:
            for each in chunks:
                days.append(each.day)
                yield each.chunk

        for chunk, part in read_chunks(self.source, bare(), self.processes):
            day = days.popleft()
            self.parts.append(part)
            self.done += part.objects
            if part.gone:
                self.changed[day] = None
            if chunk.is_parquet:
                self.parquet |= set(chunk.keys).difference(part.gone)
            if self.on_progress:
                self.on_progress(self.done, None)
        if self.on_progress:
            self.on_progress(self.done, self.done)

    def read_again(self) -> None:
        """Objects that went away between listing and reading were compacted: the Parquet file was
        put before they were deleted, so it is there now. So was one file that replaced another."""
        for _ in range(MAX_LISTINGS):
            changed, self.changed = list(self.changed), {}
            if not changed:
                return
            self.read(
                _DayChunk((stream, day), chunk)
                for stream, day in changed
                for chunk in _parquet_chunks(self.source, self.wanted, stream, day, self.parquet)
            )

    def read_logs(self, logs: Sequence[Path]) -> None:
        records = read_log(list(logs), self.logs)
        while some := list(islice(records, CHUNK_OBJECTS)):
            lines = [record.to_json().encode(errors="backslashreplace") for record in some]
            names = [record.prediction_id for record in some]
            self.parts.append(read_lines(lines, names, self.wanted))


def _chunks(source: Source, wanted: Filter) -> Iterator[_DayChunk]:
    """Of each day first the objects, then the Parquet files.

    The order matters: compaction puts a Parquet file, then deletes its objects. Who lists the files
    first may find neither the file nor, later, the objects. Listed last, a file may repeat objects
    that were read already, and those count once.
    """
    for stream in find_streams(source, (PREDICTIONS, COMPACTED), wanted.model, wanted.version):
        with_objects = find_days(source, PREDICTIONS, stream)
        for day in wanted.window.days:
            if day in with_objects:
                for chunk in _object_chunks(source, wanted, stream, day):
                    yield _DayChunk((stream, day), chunk)
        # Listed after all objects of the stream, for the same reason.
        with_parquet = find_days(source, COMPACTED, stream)
        for day in wanted.window.days:
            if day in with_parquet:
                for chunk in _parquet_chunks(source, wanted, stream, day, set()):
                    yield _DayChunk((stream, day), chunk)


def _object_chunks(source: Source, wanted: Filter, stream: Stream, day: date) -> Iterator[Chunk]:
    items = (
        item
        for item in list_objects(source, PREDICTIONS, stream, day)
        if is_in(wanted.window, day, item)
    )
    for keys in in_chunks(items):
        yield Chunk(source.url, keys, wanted)


def _parquet_chunks(
    source: Source, wanted: Filter, stream: Stream, day: date, known: set[str]
) -> Iterator[Chunk]:
    for item in list_parquet(source, stream, day):
        if item.key not in known:
            yield Chunk(source.url, (item.key,), wanted, is_parquet=True)
