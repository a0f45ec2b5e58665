"""What a file's metadata says about its model: who made it, for which task, with how many classes.

It comes before any statistics: ultralytics writes author, description, task, names, stride, imgsz
and args; YOLOv5's export.py writes stride and names.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.model.plurals import counted

_SHOWN = ("task", "stride", "imgsz")


@dataclass(frozen=True)
class FileClaims:
    """class_count: of the names in the file. task: as ultralytics writes it, lower case.

    has_nms: whether NMS is inside. summary: in words, empty where the file says nothing.
    """

    is_ultralytics: bool
    is_rt_detr: bool
    has_stride: bool
    has_nms: bool
    task: str | None
    class_count: int | None
    summary: str


def read_claims(metadata: Mapping[str, str], class_count: int | None) -> FileClaims:
    """metadata: the file's own. class_count: of the names that it has."""
    values = {key.lower(): value.strip() for key, value in metadata.items()}
    about = f"{values.get('author', '')} {values.get('description', '')}"
    parts = [values[key] for key in ("author",) if values.get(key)]
    parts += [values["description"][:80]] if values.get("description") else []
    parts += [f"{key} {values[key][:40]}" for key in _SHOWN if values.get(key)]
    has_nms = any(_is_true(values, key) for key in ("nms", "end2end"))
    parts += ["NMS inside"] if has_nms else []
    parts += [counted(class_count, "name")] if class_count else []
    return FileClaims(
        is_ultralytics="ultralytics" in about.lower(),
        is_rt_detr="rtdetr" in about.lower().replace("-", ""),
        has_stride="stride" in values,
        has_nms=has_nms,
        task=values.get("task", "").lower() or None,
        class_count=class_count,
        summary=", ".join(parts),
    )


def _is_true(values: Mapping[str, str], key: str) -> bool:
    """Whether a key, or an entry of `args`, is true."""
    try:
        arguments = ast.literal_eval(values.get("args", "{}"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        arguments = {}
    value = arguments.get(key) if isinstance(arguments, dict) else None
    return values.get(key, "").lower() == "true" or value is True
