"""Reads some objects of a window as observations: one task, here or in a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from scripts.records.columns import NO_RECORD
from scripts.records.lines import IS_RECORD, load_lines
from scripts.records.observe import OBSERVATION, Columns, connect, fetch, observe_query
from scripts.records.parquet import batches, has_observations, load_parquet, parquet_source
from scripts.records.source import Source, open_source
from scripts.records.unpack import CorruptError, unpack
from scripts.records.window import Window

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS = ", ".join(f'"{name}"' for name in OBSERVATION)
PIECE_BYTES = 64 << 20  # of JSON in memory, beyond it another batch is not unpacked
MAX_NAMED = 20  # corrupt objects that a task tells the names of


@dataclass(frozen=True)
class Filter:
    """Which records are wanted; None wants all."""

    window: Window
    model: str | None = None
    version: str | None = None
    route: str | None = None

    def sql(self) -> tuple[str, list[Any]]:
        """A condition on what observe.sql selects, and its parameters."""
        conditions = ["time >= ?", "time < ?"]
        values: list[Any] = [_naive(self.window.start), _naive(self.window.end)]
        for column, value in (
            ("model_name", self.model),
            ("model_version", self.version),
            ("route", self.route),
        ):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        return " AND ".join(conditions), values


@dataclass(frozen=True)
class Chunk:
    """Keys to read at once. is_parquet: whether they are compacted."""

    url: str
    keys: tuple[str, ...]
    filter: Filter
    is_parquet: bool = False


@dataclass(frozen=True, eq=False)
class Part:
    """What a chunk held. corrupt: the first MAX_NAMED names. gone: keys that were there when they
    were listed and are not any more."""

    columns: Columns
    class_counts: dict[str, NDArray[Any]]
    objects: int
    corrupt_count: int = 0
    corrupt: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass
class Bodies:
    """Lines of objects and whose they are."""

    lines: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # of each line
    corrupt: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def read_bodies(source: Source, keys: tuple[str, ...]) -> Iterator[Bodies]:
    """Get and unpack objects, several at once where the source likes it.

    They come in pieces of PIECE_BYTES: what is small by gzip may be large.
    """
    bodies, size = Bodies(), 0
    for key, body in _get_all(source, keys):
        if body is None:
            bodies.gone.append(key)
            continue
        try:
            lines = unpack(key, body)
        except CorruptError:
            bodies.corrupt.append(key)
            continue
        bodies.lines += lines
        bodies.keys += [key] * len(lines)
        size += sum(map(len, lines))
        if size > PIECE_BYTES:
            yield bodies
            bodies, size = Bodies(), 0
    yield bodies


def read_chunk(chunk: Chunk, source: Source | None = None) -> Part:
    """Observations of the wanted records of a chunk's objects or Parquet files.

    source: None opens the chunk's own, which a process does once.
    """
    source = source or _source(chunk.url)
    with tempfile.TemporaryDirectory(prefix="icebox-") as folder, connect() as connection:
        _make_empty(connection)
        if chunk.is_parquet:
            corrupt, gone = _observe_parquet(connection, source, chunk, Path(folder))
        else:
            corrupt, gone = _observe_objects(connection, source, chunk, Path(folder))
        columns, counts = fetch(connection, "observed")
    return Part(
        columns,
        counts,
        len(chunk.keys),
        len(corrupt),
        tuple(sorted(corrupt)[:MAX_NAMED]),
        tuple(gone),
    )


def read_lines(lines: list[bytes], names: list[str], wanted: Filter) -> Part:
    """Observations of the wanted records of JSON lines. names: of the lines, for those that are
    none."""
    with tempfile.TemporaryDirectory(prefix="icebox-") as folder, connect() as connection:
        _make_empty(connection)
        corrupt = _observe_bodies(connection, Bodies(lines, names), wanted, Path(folder))
        columns, counts = fetch(connection, "observed")
    return Part(columns, counts, len(lines), len(corrupt), tuple(corrupt[:MAX_NAMED]))


def _make_empty(connection: DuckDBPyConnection) -> None:
    """Make the table `observed`, without rows."""
    connection.execute(
        f"CREATE TEMP TABLE observed AS WITH records AS (SELECT 0::BIGINT AS _line, {NO_RECORD}) "
        f"SELECT {_COLUMNS} FROM ({observe_query()}) LIMIT 0"
    )


def _observe_objects(
    connection: DuckDBPyConnection, source: Source, chunk: Chunk, folder: Path
) -> tuple[list[str], list[str]]:
    corrupt: list[str] = []
    gone: list[str] = []
    for bodies in read_bodies(source, chunk.keys):
        corrupt += _observe_bodies(connection, bodies, chunk.filter, folder)
        gone += bodies.gone
    return corrupt, gone


def _observe_bodies(
    connection: DuckDBPyConnection, bodies: Bodies, wanted: Filter, folder: Path
) -> list[str]:
    """Add to the table `observed`. Returns the names of what is no record."""
    bad = load_lines(
        connection,
        "loaded",
        bodies.lines,
        folder / "records.jsonl",
        f"WITH records AS (SELECT * FROM lines) SELECT _line, {_COLUMNS} FROM ({observe_query()})",
    )
    condition, values = wanted.sql()
    connection.execute(
        f"INSERT INTO observed SELECT {_COLUMNS} FROM loaded WHERE {condition}", values
    )
    return list(dict.fromkeys([*bodies.corrupt, *(bodies.keys[line] for line in sorted(bad))]))


def _observe_parquet(
    connection: DuckDBPyConnection, source: Source, chunk: Chunk, folder: Path
) -> tuple[list[str], list[str]]:
    import duckdb

    corrupt: list[str] = []
    gone: list[str] = []
    condition, values = chunk.filter.sql()
    for key in chunk.keys:
        path = source.local_path(key) or folder / "records.parquet"
        if source.local_path(key) is None and not source.get_file(key, path):
            gone.append(key)
            continue
        try:
            for query in _parquet_observations(connection, path):
                connection.execute(
                    f"INSERT INTO observed SELECT {_COLUMNS} FROM ({query}) WHERE {condition}",
                    values,
                )
        except duckdb.Error:
            (corrupt if path.exists() else gone).append(key)
    return corrupt, gone


def _parquet_observations(connection: DuckDBPyConnection, path: Path) -> Iterator[str]:
    """Queries for a file's observations; each is to be run before the next is asked for.

    Raises duckdb.Error where the file is no Parquet of records.
    """
    import duckdb

    if has_observations(connection, path):
        yield (f"SELECT unnest(observation) FROM {parquet_source([path])}")
        return
    for rows in batches(connection, path):
        load_parquet(connection, "records", path, rows)
        if connection.execute(f"SELECT count(*) FROM records WHERE NOT {IS_RECORD}").fetchall() != [
            (0,)
        ]:
            raise duckdb.InvalidInputException("it has rows that are no records")
        yield observe_query()


def _get_all(source: Source, keys: tuple[str, ...]) -> Iterator[tuple[str, bytes | None]]:
    if source.threads == 1 or len(keys) == 1:
        for key in keys:
            yield key, source.get(key)
        return
    with ThreadPoolExecutor(source.threads) as pool:
        yield from zip(keys, pool.map(source.get, keys), strict=True)


@cache
def _source(url: str) -> Source:
    return open_source(url)


def _naive(time: datetime) -> datetime:
    return time.replace(tzinfo=None)
