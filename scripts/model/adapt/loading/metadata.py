"""What exporters write into an ONNX file's metadata about a detector: class names, input size."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

_KEYS = ("names", "classes", "class_names", "labels")
_MAX_CHARACTERS = 1_000_000
_MAX_CLASSES = 100_000


def input_size(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """(width, height) in px; ultralytics writes imgsz as "[height, width]"."""
    try:
        sides = ast.literal_eval(metadata.get("imgsz", ""))
        height, width = (sides, sides) if isinstance(sides, int) else sides
    except (ValueError, SyntaxError, TypeError):
        return None
    return int(width), int(height)


def class_names(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """The names as ultralytics' {0: 'person', …}, or a list, or separated by commas or lines.

    Names numbered from 1 keep their numbers, as "1: person"; names with gaps are none.
    """
    numbered = _numbered_names(metadata)
    if not numbered or unnamed_classes(metadata):
        return None
    first = min(numbered)
    names = [numbered[number] for number in sorted(numbered)]
    if first == 0:
        return tuple(names)
    return tuple(f"{number}: {name}" for number, name in enumerate(names, first))


def unnamed_classes(metadata: Mapping[str, str]) -> tuple[int, ...]:
    """The numbers that the file's names leave out; a 0 before a 1 is background."""
    numbered = _numbered_names(metadata) or {}
    first = 1 if 0 not in numbered else 0
    return tuple(
        number for number in range(first, max(numbered, default=-1)) if not numbered.get(number)
    )


def named_classes(metadata: Mapping[str, str]) -> Mapping[int, str]:
    """The names that the file has, by their numbers."""
    return _numbered_names(metadata) or {}


def has_numbered_names(metadata: Mapping[str, str]) -> bool:
    """Whether the file has the names' numbers itself, and not only their order."""
    return any(
        metadata.get(key, "").strip().startswith("{") for key in _KEYS if metadata.get(key)
    ) and bool(_numbered_names(metadata))


def _numbered_names(metadata: Mapping[str, str]) -> dict[int, str] | None:
    for key in _KEYS:
        text = metadata.get(key, "").strip()
        if not text or len(text) > _MAX_CHARACTERS:
            continue
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            value = [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
        items = value.items() if isinstance(value, dict) else None
        if isinstance(value, list | tuple):
            items = enumerate(value)
        if items is None:
            continue
        try:
            numbered = {int(number): str(name).strip() for number, name in items}
        except (TypeError, ValueError):
            continue
        numbered = {number: name for number, name in numbered.items() if name}
        if numbered and min(numbered) >= 0 and max(numbered) < _MAX_CLASSES:
            return numbered
    return None
