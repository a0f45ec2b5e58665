"""The columns of a prediction record as DuckDB's types, the same for JSON lines and Parquet.

They are the fields of prediction/2 by their names; an older record leaves the newer ones null. With
explicit types nothing is guessed from the first records of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_RECORD_BYTES = 4 << 20  # of one record's JSON; the largest that were seen have 92 KB

_LISTING = [
    {
        "label": "VARCHAR",
        "score": "DOUBLE",
        "box": {"xmin": "DOUBLE", "ymin": "DOUBLE", "xmax": "DOUBLE", "ymax": "DOUBLE"},
    }
]
# A mapping is a STRUCT, a list of one the list of it, text a type.
FIELDS: Mapping[str, Any] = {
    "schema": "VARCHAR",
    "prediction_id": "VARCHAR",
    "time": "VARCHAR",
    "route": "VARCHAR",
    "model": {"name": "VARCHAR", "version": "VARCHAR", "sha256": "VARCHAR"},
    "image": {
        "sha256": "VARCHAR",
        "bytes": "BIGINT",
        "format": "VARCHAR",
        "width": "BIGINT",
        "height": "BIGINT",
        "orientation": "BIGINT",
        "brightness": "DOUBLE",
        "contrast": "DOUBLE",
        "sharpness": "DOUBLE",
        "focus": "DOUBLE",
        "noise": "DOUBLE",
        "red_to_green": "DOUBLE",
        "blue_to_green": "DOUBLE",
        "luma_histogram": ["BIGINT"],
        "dhash": "VARCHAR",
        "embedding": ["DOUBLE"],
        "jpeg_quality": "BIGINT",
    },
    "thresholds": {"score": "DOUBLE", "iou": "DOUBLE", "max_detections": "BIGINT"},
    "count": "BIGINT",
    "counts": "MAP(VARCHAR, BIGINT)",
    "detections": _LISTING,
    "near_misses": _LISTING,
    "timing_ms": "MAP(VARCHAR, DOUBLE)",
    "cold_start": "BOOLEAN",
    "outcome": "VARCHAR",
    "problem": "VARCHAR",
    "tiles": {"columns": "BIGINT", "rows": "BIGINT"},
    "warnings": ["VARCHAR"],
    "at_model_threshold": {"score": "DOUBLE", "count": "BIGINT"},
    "below_floor": {"count": "DOUBLE", "score_sum": "DOUBLE", "from_score": "DOUBLE"},
    "capture": "VARCHAR",
    "function_version": "VARCHAR",
}


def sql_type(field: Any) -> str:
    """The DuckDB type of a member of FIELDS."""
    if isinstance(field, Mapping):
        members = ", ".join(f'"{name}" {sql_type(each)}' for name, each in field.items())
        return f"STRUCT({members})"
    if isinstance(field, list):
        return f"{sql_type(field[0])}[]"
    return str(field)


SQL_TYPES: Mapping[str, str] = {name: sql_type(field) for name, field in FIELDS.items()}
NO_RECORD = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in SQL_TYPES.items())


def unknown_fields(value: Any, field: Any = FIELDS, name: str = "") -> list[str]:
    """Names of what a record's JSON has and FIELDS has not, which a table would drop."""
    if isinstance(field, Mapping) and isinstance(value, dict):
        unknown = [f"{name}{each}" for each in value if each not in field]
        for each in value:
            if each in field and not isinstance(field[each], str):
                unknown += unknown_fields(value[each], field[each], f"{name}{each}.")
        return unknown
    if isinstance(field, list) and isinstance(value, list) and not isinstance(field[0], str):
        return [each for item in value for each in unknown_fields(item, field[0], name)]
    return []
