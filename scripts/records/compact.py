"""Compacts a day's objects of one model version into one Parquet file.

It may be repeated, run twice at once and be killed anywhere: the file is named by the records in
it and put in one piece, and an original is deleted only once every record of it has been found,
equal in all fields, in the file as the store gives it back. Whoever lists objects before files
finds each record at any moment. What is no record is left where it is, and named.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.records.collect import ChangedError, Collector
from scripts.records.forgotten import read_marks
from scripts.records.observe import connect
from scripts.records.parquet import (
    RECORD,
    ROW_HASH,
    batches,
    load_parquet,
    name_by_ids,
    parquet_source,
    write_parquet,
)
from scripts.records.partitions import (
    COMPACTED,
    PREDICTIONS,
    Stream,
    find_days,
    find_streams,
    list_objects,
    list_parquet,
)
from scripts.records.source import Item, Source
from scripts.records.window import DAY, SLACK
from scripts.tool import ToolError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "1GB"  # beyond it DuckDB uses files
MAX_TRIES = 5  # of a day that another run compacts at the same time
_OURS = re.compile(r"records-[0-9a-f]{32}\.parquet")


@dataclass(frozen=True)
class Day:
    """One day's objects and Parquet files of one model version."""

    stream: Stream
    day: date

    @property
    def folder(self) -> str:
        """Where its Parquet files lie, with a slash behind."""
        return f"{COMPACTED}/{self.stream.folder}/dt={self.day}/"

    def __str__(self) -> str:
        return f"{self.stream.model} {self.stream.version} {self.day}"


@dataclass(frozen=True)
class Listing:
    """What a day has: objects of gzipped JSON, and Parquet files."""

    objects: tuple[Item, ...]
    files: tuple[Item, ...]

    @property
    def is_compact(self) -> bool:
        """Whether there is nothing to do: at most one file, which compaction wrote."""
        names = [item.key.rpartition("/")[2] for item in self.files]
        return not self.objects and len(names) <= 1 and all(map(_OURS.fullmatch, names))


@dataclass(frozen=True)
class Compacted:
    """What became of a day. key: of the Parquet file with its records, None where it has none.

    was_put: whether the file is new. deleted: objects and files that are in it. left: objects and
    files that were not deleted, because a part of each is no record or not equal to the file's.
    """

    day: Day
    key: str | None
    records: int
    was_put: bool
    deleted: int
    left: tuple[str, ...]


def find_compactable(
    source: Source, now: datetime, days: tuple[date, ...] | None = None
) -> Iterator[Day]:
    """Days that are over for an hour and have objects, or several Parquet files; oldest first.

    days: take these instead, over or not.
    """
    found = set()
    for stream in find_streams(source, (PREDICTIONS, COMPACTED)):
        there = find_days(source, PREDICTIONS, stream) | find_days(source, COMPACTED, stream)
        for day in there:
            end = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
            if day in days if days is not None else now >= end + SLACK:
                found.add((day, stream))
    for day, stream in sorted(found):
        each = Day(stream, day)
        if not list_day(source, each).is_compact:
            yield each


def list_day(source: Source, day: Day) -> Listing:
    """A day's objects, then its files: a file that was put meanwhile has them."""
    objects = tuple(list_objects(source, PREDICTIONS, day.stream, day.day))
    return Listing(objects, tuple(list_parquet(source, day.stream, day.day)))


def compact(source: Source, day: Day) -> Compacted:
    """Compact a day, and merge what came late into the file it has.

    Raises ToolError where the store fails, where another run keeps changing the day, or where what
    the store gives back is not what was put; then no original has been deleted.
    """
    for _ in range(MAX_TRIES):
        with tempfile.TemporaryDirectory(prefix="icebox-") as folder:
            try:
                return _compact(source, day, Path(folder))
            except ChangedError:
                continue
    raise ToolError(f"{day}: another run compacts it at the same time; run it again later")


def _compact(source: Source, day: Day, folder: Path) -> Compacted:
    listing = list_day(source, day)
    with connect(memory_limit=MEMORY_LIMIT) as connection:
        connection.execute(f"SET temp_directory = '{folder / 'spill'}'")
        bad = Collector(connection, source, folder).collect(listing.objects, listing.files)
        originals = [item.key for item in (*listing.objects, *listing.files)]
        marks = read_marks(source, day.stream, day.day)
        emptied = _drop_forgotten(connection, marks) - bad
        name, records = name_by_ids(connection, "collected")
        if not records:
            source.delete(sorted(emptied))
            others = tuple(each for each in originals if each not in emptied)
            return Compacted(day, None, 0, False, len(emptied), others)
        key = day.folder + name
        was_put = False
        if key not in originals:
            merged = folder / "merged.parquet"
            _merge(connection, sorted(folder.glob("chunk-*.parquet")), merged)
            was_put = source.put(key, merged)
            merged.unlink()
        stored = folder / "stored.parquet"
        if not source.get_file(key, stored):
            raise ChangedError
        in_file = _originals_in_file(connection, stored, key, records) | emptied
        if _has_any(connection, read_marks(source, day.stream, day.day) - marks):
            # Forgotten since: who forgets may have looked before the file was there.
            if was_put:
                source.delete([key])
            raise ChangedError
        kept = [each for each in originals if each != key]
        deletable = [each for each in kept if each in in_file and each not in bad]
        source.delete(deletable)
        left = sorted(set(kept).difference(deletable))
        return Compacted(day, key, records, was_put, len(deletable), tuple(left))


def _drop_forgotten(connection: DuckDBPyConnection, marks: frozenset[str]) -> set[str]:
    """Drop what was forgotten from the collected records; originals that had nothing else."""
    if not marks:
        return set()
    connection.execute(
        "CREATE TEMP TABLE forgotten AS SELECT * FROM collected "
        "WHERE sha256(prediction_id) IN (SELECT unnest(?::VARCHAR[]))",
        [sorted(marks)],
    )
    connection.execute("DELETE FROM collected WHERE number IN (SELECT number FROM forgotten)")
    rows = connection.execute(
        "SELECT original FROM forgotten EXCEPT SELECT original FROM collected"
    ).fetchall()
    return {original for (original,) in rows}


def _has_any(connection: DuckDBPyConnection, marks: frozenset[str]) -> bool:
    """Whether a collected record was forgotten."""
    query = (
        "SELECT count(*) FROM collected "
        "WHERE sha256(prediction_id) IN (SELECT unnest(?::VARCHAR[]))"
    )
    return bool(marks) and connection.execute(query, [sorted(marks)]).fetchall() != [(0,)]


def _merge(connection: DuckDBPyConnection, chunks: list[Path], path: Path) -> None:
    """Write the first record of each id, oldest first."""
    write_parquet(
        connection,
        f"SELECT {RECORD}, observation FROM {parquet_source(chunks)} WHERE number IN "
        "(SELECT min(number) FROM collected GROUP BY prediction_id) ORDER BY time, prediction_id",
        path,
    )


def _originals_in_file(
    connection: DuckDBPyConnection, path: Path, key: str, records: int
) -> set[str]:
    """Originals whose records are all in a file, equal in every field. Raises ToolError where the
    file is no Parquet or has not the collected ids."""
    import duckdb

    connection.execute("CREATE TEMP TABLE stored (prediction_id VARCHAR, row_hash UBIGINT)")
    try:
        for rows in batches(connection, path):
            load_parquet(connection, "records", path, rows)
            connection.execute(f"INSERT INTO stored SELECT prediction_id, {ROW_HASH} FROM records")
    except duckdb.Error as error:
        raise ToolError(f"{key} cannot be read back: {str(error)[:200]}") from None
    counts: list[tuple[Any, ...]] = connection.execute(
        "SELECT count(*), count(DISTINCT prediction_id), count(*) FILTER (prediction_id IN "
        "(SELECT prediction_id FROM collected)) FROM stored"
    ).fetchall()
    if counts != [(records, records, records)]:
        raise ToolError(f"{key} has not the {records} records that were put, but {counts}")
    found = connection.execute(
        "SELECT original FROM collected LEFT JOIN stored ON collected.prediction_id = "
        "stored.prediction_id AND collected.row_hash = stored.row_hash "
        "GROUP BY original HAVING count(*) = count(stored.prediction_id)"
    ).fetchall()
    return {original for (original,) in found}
