"""Records in Parquet: the fields of a record as columns, and what is observed of it beside them.

A report reads the column `observation` alone. Files of others, such as a delivery stream's, have
columns of the same names and no observation, which is then computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.records.columns import SQL_TYPES
from scripts.records.observe import OBSERVATION, VERSION, observe_query, quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROW_GROUP = 4096  # rows; a reader unpacks a column of one at a time
RECORD = ", ".join(f'"{name}"' for name in SQL_TYPES)
# By which two copies of a record are told from two records of one id.
ROW_HASH = f"hash(row({RECORD}))"


def parquet_source(paths: Iterable[Path], options: str = "") -> str:
    """SQL that reads Parquet files. Their folders name a model, which must not become a column."""
    files = ", ".join(quote(str(path)) for path in paths)
    return f"read_parquet([{files}], hive_partitioning = false, union_by_name = true{options})"


def has_observations(connection: DuckDBPyConnection, path: Path) -> bool:
    """Whether a file has the observations of today's observe.sql, for all of its rows."""
    types = _types(connection, path)
    if "observation" not in types:
        return False
    try:
        others = connection.execute(
            f"SELECT count(*) FROM {parquet_source([path])} "
            f"WHERE observation.version IS DISTINCT FROM {VERSION}"
        ).fetchall()
    except Exception:  # another's column of this name
        return False
    return bool(others[0][0] == 0)


def record_columns(connection: DuckDBPyConnection, path: Path) -> str:
    """SQL expressions of a record's columns from a file, of its own types or others; null where it
    has none."""
    types = _types(connection, path)
    columns = []
    for name, kind in SQL_TYPES.items():
        if name not in types:
            columns.append(f'NULL::{kind} AS "{name}"')
        elif types[name].replace('"', "") == kind.replace('"', ""):
            columns.append(f'"{name}"')
        else:
            columns.append(f'try_cast("{name}" AS {kind}) AS "{name}"')
    return ", ".join(columns)


def batches(connection: DuckDBPyConnection, path: Path) -> Iterator[range]:
    """Rows of a file, some at a time, so that records of any number need little memory."""
    rows = connection.execute(f"SELECT count(*) FROM {parquet_source([path])}").fetchall()[0][0]
    for start in range(0, rows, ROW_GROUP):
        yield range(start, min(start + ROW_GROUP, rows))


def load_parquet(
    connection: DuckDBPyConnection, table: str, path: Path, rows: range | None = None
) -> None:
    """Make a table of a file's records, with `_line`. rows: of the file, None for all.

    Raises duckdb.Error where the file is no Parquet.
    """
    condition = f"WHERE _line >= {rows.start} AND _line < {rows.stop}" if rows else ""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT file_row_number AS _line, "
        f"{record_columns(connection, path)} "
        f"FROM {parquet_source([path], ', file_row_number = true')} {condition}"
    )


def with_observations() -> str:
    """SQL that selects what the table `records` has, and the column `observation`."""
    members = ", ".join(f'"{name}" := o."{name}"' for name in OBSERVATION)
    return (
        f"SELECT records.*, observed.observation FROM records JOIN (SELECT o._line AS _line, "
        f"struct_pack(version := {VERSION}, {members}) AS observation "
        f"FROM ({observe_query()}) AS o) AS observed ON records._line = observed._line"
    )


def write_parquet(
    connection: DuckDBPyConnection, query: str, path: Path, *, compression: str = "zstd"
) -> None:
    """Write the rows of a query into a file."""
    connection.execute(
        f"COPY ({query}) TO {quote(str(path))} "
        f"(FORMAT parquet, COMPRESSION {compression}, ROW_GROUP_SIZE {ROW_GROUP})"
    )


def name_by_ids(connection: DuckDBPyConnection, relation: str) -> tuple[str, int]:
    """The name of a file with the ids of a relation, and how many there are: the same ids have the
    same name."""
    digest, count = hashlib.sha256(), 0
    ids = connection.execute(f"SELECT DISTINCT prediction_id FROM {relation} ORDER BY 1")
    while some := ids.fetchmany(10_000):
        digest.update("".join(f"{each}\n" for (each,) in some).encode())
        count += len(some)
    return f"records-{digest.hexdigest()[:32]}.parquet", count


def _types(connection: DuckDBPyConnection, path: Path) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {parquet_source([path])}").fetchall()
    return {row[0]: row[1] for row in described}
