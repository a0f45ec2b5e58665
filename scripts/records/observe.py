"""Makes observations of prediction records, by the one query in observe.sql.

DuckDB runs it over JSON lines and over Parquet, so that a record counts the same wherever it lies.
`scripts.records.observations` says what the columns are.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handler.records.record import PredictionRecord
from scripts.records.columns import MAX_RECORD_BYTES, SQL_TYPES
from scripts.records.observations import (
    CLASS_SHARE,
    FACTS,
    PROPERTIES,
    SCORE_BINS,
    Observations,
    round_property,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

VERSION = 2  # of observe.sql; what Parquet keeps of another version is computed again
MAX_CLASSES = 400  # of all records together, the most frequent ones; a share costs 8 bytes a record

# What observe.sql selects beside `_line`.
_NUMPY = (*FACTS, *PROPERTIES, *(f"scores_{bin}" for bin in range(SCORE_BINS)))
OBSERVATION = (*_NUMPY, "class_counts")

Columns = dict[str, NDArray[Any]]


@cache
def observe_query() -> str:
    """observe.sql: selects observations from the table `records`."""
    return Path(__file__).with_name("observe.sql").read_text()


def connect(*, threads: int = 1, memory_limit: str = "512MB") -> DuckDBPyConnection:
    """A DuckDB of its own, in memory, which neither loads nor looks for extensions."""
    import duckdb

    connection = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": memory_limit,
            # Otherwise in the working directory, which Lambda cannot write to.
            "temp_directory": str(Path(tempfile.gettempdir()) / f"icebox-duckdb-{os.getpid()}"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("SET enable_progress_bar = false")
    return connection


def quote(text: str) -> str:
    """Text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def json_lines_source(path: Path, longest: int = MAX_RECORD_BYTES) -> str:
    """SQL that reads prediction records of a file of JSON lines, in the columns of a record.

    `_line` is a number that a line may carry. Fields that are not known are left out. longest: of
    its lines, bytes; DuckDB's buffers follow from it.
    """
    types = {"_line": "BIGINT", **SQL_TYPES}
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    return (
        f"read_json({quote(str(path))}, format = 'newline_delimited', compression = 'none', "
        f"maximum_object_size = {max(2 * longest, 1 << 18)}, columns = {{{columns}}})"
    )


def observe_records(records: Iterable[PredictionRecord]) -> Observations:
    """Observations of records in memory, in their order."""
    with tempfile.TemporaryDirectory(prefix="icebox-") as folder:
        path = Path(folder) / "records.jsonl"
        with path.open("wb") as lines:
            for record in records:
                lines.write(record.to_json().encode(errors="backslashreplace") + b"\n")
        with connect() as connection:
            connection.execute(
                f"CREATE TEMP TABLE records AS SELECT * FROM {json_lines_source(path)}"
            )
            connection.execute(f"CREATE TEMP TABLE observed AS {observe_query()}")
            return to_observations(fetch(connection, "observed"))


def fetch(connection: DuckDBPyConnection, table: str) -> tuple[Columns, dict[str, Any]]:
    """What observe.sql selected into a table as numpy columns; and the counts of each class.

    Text is interned, null is empty text or NaN.
    """
    quoted = ", ".join(f'"{name}"' for name in _NUMPY)
    fetched = connection.execute(f"SELECT {quoted} FROM {table}").fetchnumpy()
    columns: Columns = {}
    for name, kind in FACTS.items():
        columns[name] = _fact(fetched.pop(name), kind)
    for name in PROPERTIES:
        columns[name] = round_property(_numbers(fetched.pop(name)))
    histogram = [np.ma.getdata(fetched.pop(f"scores_{bin}")) for bin in range(SCORE_BINS)]
    columns["score_histogram"] = np.stack(histogram, axis=1).astype(np.uint16)
    return columns, _class_counts(connection, table)


def to_observations(fetched: tuple[Columns, Mapping[str, NDArray[Any]]]) -> Observations:
    """Observations of what `fetch` returns."""
    columns, counts = fetched
    total = np.where(columns["detections"] > 0, columns["detections"], np.nan)
    if counts:
        total = np.where(total > 0, np.sum(list(counts.values()), axis=0, dtype=float), np.nan)
    return Observations(
        {name: columns[name] for name in FACTS},
        {
            **{name: columns[name] for name in PROPERTIES},
            **{
                CLASS_SHARE + label: round_property(count / total)
                for label, count in sorted(counts.items())
            },
        },
        columns["score_histogram"],
    )


def _class_counts(connection: DuckDBPyConnection, table: str) -> dict[str, NDArray[Any]]:
    labels = connection.execute(
        f"SELECT label, count(*) AS records FROM (SELECT unnest(map_keys(class_counts)) AS label "
        f"FROM {table}) GROUP BY label ORDER BY records DESC, label LIMIT {MAX_CLASSES}"
    ).fetchall()
    if not labels:
        return {}
    shares = ", ".join(
        f"coalesce(class_counts[?], 0)::USMALLINT AS c{number}" for number in range(len(labels))
    )
    counts = connection.execute(
        f"SELECT {shares} FROM {table}", [label for label, _ in labels]
    ).fetchnumpy()
    return {
        sys.intern(label): np.ma.getdata(counts[f"c{number}"])
        for number, (label, _) in enumerate(labels)
    }


def _fact(column: Any, kind: str) -> NDArray[Any]:
    if kind == "O":
        values = np.ma.filled(column, "") if np.ma.isMaskedArray(column) else column
        interned: dict[str, str] = {}
        texts = [interned.setdefault(text, text) for text in values.tolist()]
        return np.array(texts, dtype=object)
    if kind == "f8":
        return _numbers(column)
    return np.ma.getdata(column).astype(kind)


def _numbers(column: Any) -> NDArray[np.float64]:
    if np.ma.isMaskedArray(column):
        return np.ma.filled(column.astype(np.float64), np.nan)
    return np.asarray(column, dtype=np.float64)


def record_of_json(text: str) -> PredictionRecord:
    """A record of the JSON that DuckDB makes of its row; absent fields of old records are null."""
    raw = json.loads(text)
    optional = (
        *("tiles", "warnings", "at_model_threshold", "below_floor", "capture"),
        "function_version",
    )
    kept = {name: raw[name] for name in raw if name not in optional or raw[name] is not None}
    if kept.get("below_floor") and float(kept["below_floor"]["count"]).is_integer():
        kept["below_floor"]["count"] = int(kept["below_floor"]["count"])  # a DOUBLE in the table
    return PredictionRecord.from_json(json.dumps(kept))
