"""Collects the records of a day's originals, objects and files, for compaction."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handler.records.record import PredictionRecord
from scripts.records.chunk import Bodies, read_bodies
from scripts.records.columns import unknown_fields
from scripts.records.lines import IS_RECORD, load_lines
from scripts.records.parquet import (
    RECORD,
    ROW_HASH,
    batches,
    load_parquet,
    with_observations,
    write_parquet,
)
from scripts.records.partitions import in_chunks
from scripts.records.source import Item, Source

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CHUNK_OBJECTS, _CHUNK_BYTES = 2000, 6 << 20
_NEEDED = {
    field.name
    for field in dataclasses.fields(PredictionRecord)
    if field.default is field.default_factory is dataclasses.MISSING
}


class ChangedError(Exception):
    """Another run deleted something of the day."""


class Collector:
    """Writes a day's records into temporary Parquet files, and what is in which original into the
    table `collected`."""

    def __init__(self, connection: DuckDBPyConnection, source: Source, folder: Path) -> None:
        self._connection = connection
        self._source = source
        self._folder = folder
        self._chunks = 0
        self._rows = 0  # so far, and so the number of the next
        connection.execute(
            "CREATE TEMP TABLE collected "
            "(number BIGINT, original VARCHAR, prediction_id VARCHAR, row_hash UBIGINT)"
        )

    def collect(self, objects: Sequence[Item], files: Sequence[Item]) -> set[str]:
        """Returns the originals of which a part is no record."""
        bad: set[str] = set()
        # Files first: of two records of one id, that which was compacted stays.
        for item in files:
            if not self._collect_file(item.key):
                bad.add(item.key)
        for keys in in_chunks(objects, _CHUNK_OBJECTS, _CHUNK_BYTES):
            bad |= self._collect_objects(keys)
        return bad

    def _collect_objects(self, keys: tuple[str, ...]) -> set[str]:
        bad: set[str] = set()
        for bodies in read_bodies(self._source, keys):
            bad |= self._collect_bodies(bodies)
        return bad

    def _collect_bodies(self, bodies: Bodies) -> set[str]:
        if bodies.gone:
            raise ChangedError
        path = self._folder / "records.jsonl"
        strict = [line if _is_whole(line) else b"" for line in bodies.lines]
        bad = load_lines(self._connection, "records", strict, path)
        path.unlink(missing_ok=True)
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE owners (_line BIGINT, owner VARCHAR)"
        )
        self._connection.execute(
            "INSERT INTO owners SELECT unnest(?::BIGINT[]), unnest(?::VARCHAR[])",
            [list(range(len(bodies.keys))), bodies.keys],
        )
        self._write()
        return {*bodies.corrupt, *(bodies.keys[line] for line in bad)}

    def _collect_file(self, key: str) -> bool:
        """Returns whether the file is one of records alone."""
        import duckdb

        path = self._folder / "original.parquet"
        if not self._source.get_file(key, path):
            raise ChangedError
        try:
            # All is read before any of it is taken over.
            for rows in batches(self._connection, path):
                load_parquet(self._connection, "records", path, rows)
                others = self._connection.execute(
                    f"SELECT count(*) FROM records WHERE NOT {IS_RECORD}"
                ).fetchall()
                if others != [(0,)]:
                    return False
        except duckdb.Error:
            return False
        for rows in batches(self._connection, path):
            load_parquet(self._connection, "records", path, rows)
            self._connection.execute(
                "CREATE OR REPLACE TEMP TABLE owners AS SELECT _line, ? AS owner FROM records",
                [key],
            )
            self._write()
        return True

    def _write(self) -> None:
        """Write the records of the table `records`, whose originals are in `owners`."""
        self._connection.execute(
            f"INSERT INTO collected SELECT _line + {self._rows}, owner, prediction_id, {ROW_HASH} "
            "FROM records JOIN owners USING (_line)"
        )
        write_parquet(
            self._connection,
            f"SELECT {RECORD}, observation, _line + {self._rows} AS number "
            f"FROM ({with_observations()})",
            self._folder / f"chunk-{self._chunks:06}.parquet",
            compression="snappy",  # it is soon deleted
        )
        self._chunks += 1
        (last,) = self._connection.execute("SELECT max(_line) FROM owners").fetchall()[0]
        self._rows += (last if last is not None else -1) + 1


def _is_whole(line: bytes) -> bool:
    """Whether a table keeps all that a line says, and the line all that a record needs."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(raw, dict) and raw.keys() >= _NEEDED and not unknown_fields(raw)
