"""Loads JSON lines into DuckDB as records, and finds the lines that are none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handler.records.record import READABLE_SCHEMAS
from scripts.records.observe import json_lines_source

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SCHEMAS = ", ".join(f"'{schema}'" for schema in READABLE_SCHEMAS)
# What every record has. A time in another zone would be read as UTC.
IS_RECORD = f"""coalesce(
    schema IN ({_SCHEMAS}) AND coalesce(prediction_id, '') != '' AND outcome IN ('ok', 'rejected')
    AND coalesce(model.name, '') != '' AND model.version IS NOT NULL
    AND coalesce(regexp_full_match(
        time, '\\d{{4}}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|\\+00:00)'
    ), false)
    AND try_cast(time AS TIMESTAMP) IS NOT NULL,
    false
)"""


EVERY_RECORD = "SELECT * FROM lines"


def load_lines(
    connection: DuckDBPyConnection,
    table: str,
    lines: Sequence[bytes],
    path: Path,
    query: str = EVERY_RECORD,
) -> set[int]:
    """Make a table of the lines that are records, and return the numbers of the others.

    The view `lines` has the columns of a record and `_line`, the number of its line; query: selects
    the table from it, with `_line`. path: a file to write the lines to for DuckDB.
    """
    loader = _Loader(connection, table, lines, path, query)
    numbers = range(len(lines))
    if not loader.load(numbers):
        # Python's own reader finds most of what is bad; halving finds what only DuckDB refuses.
        objects = [number for number in numbers if _is_object(lines[number])]
        if not loader.load(objects) and not loader.load(loader.loadable(objects)):
            raise AssertionError("lines that load one by one do not load together")
    good = connection.execute(f"SELECT _line FROM {table}").fetchnumpy()["_line"]
    return set(numbers).difference(good.tolist())


@dataclass(frozen=True)
class _Loader:
    connection: DuckDBPyConnection
    table: str
    lines: Sequence[bytes]
    path: Path
    query: str

    def load(self, numbers: Sequence[int]) -> bool:
        """Make the table of some lines. Returns whether each of them is an object that fits."""
        import duckdb

        longest = 0
        with self.path.open("wb") as file:
            for number in numbers:
                line = self.lines[number].lstrip()
                if not line.startswith(b"{"):
                    return False
                longest = max(longest, len(line))
                file.write(b'{"_line":%d,' % number)
                file.write(line[1:])
                file.write(b"\n")
        source = json_lines_source(self.path, longest)
        try:
            self.connection.execute(
                f"CREATE OR REPLACE TEMP VIEW lines AS SELECT * FROM {source} WHERE {IS_RECORD}"
            )
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {self.table} AS {self.query}")
        except duckdb.Error:
            return False
        # The second of two objects on a line has no number.
        rows, distinct = self.connection.execute(
            f"SELECT count(*), count(DISTINCT _line) FROM {self.table}"
        ).fetchall()[0]
        return bool(rows == distinct)

    def loadable(self, numbers: Sequence[int]) -> list[int]:
        """The lines that fit."""
        if not numbers or self.load(numbers):
            return list(numbers)
        if len(numbers) == 1:
            return []
        half = len(numbers) // 2
        return self.loadable(numbers[:half]) + self.loadable(numbers[half:])


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
