"""What exporters write into an ONNX file's metadata about a detector: class names, input size."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping


def input_size(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """(width, height) in px; ultralytics writes imgsz as "[height, width]"."""
    try:
        sides = ast.literal_eval(metadata.get("imgsz", ""))
        height, width = (sides, sides) if isinstance(sides, int) else sides
    except (ValueError, SyntaxError, TypeError):
        return None
    return int(width), int(height)


def class_names(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """The names as ultralytics' {0: 'person', …}, or a list, or separated by commas or lines."""
    for key in ("names", "classes", "class_names", "labels"):
        text = metadata.get(key, "").strip()
        if not text or len(text) > 1_000_000:
            continue
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            value = [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
        if isinstance(value, dict):
            try:
                numbers = sorted(int(number) for number in value)
                if numbers != list(range(len(numbers))):
                    continue
                value = [value.get(number, value.get(str(number))) for number in numbers]
            except (TypeError, ValueError):
                continue
        if isinstance(value, list | tuple) and value and all(str(name).strip() for name in value):
            return tuple(str(name).strip() for name in value)
    return None
