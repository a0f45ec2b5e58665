"""Checks a parameter as its client wrote it: the text of a query, or a JSON value."""

from __future__ import annotations

import math
import re
from typing import Literal

from handler.detection.tiling import MAX_PER_SIDE, WHOLE, Grid
from handler.problems import BadRequest

MAX_DETECTIONS = 1000  # keeps response, and record as one log line, well within their limits


def number(name: str, value: object, *, least: float = 0, most: float = 1) -> float:
    """A number from `least` to `most`. Raises BadRequest, which calls it `name`."""
    try:
        parsed = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        parsed = math.nan
    if not least <= parsed <= most:  # false for NaN
        raise BadRequest(
            f"{name} must be a number from {least:g} to {most:g}, not {str(value)[:40]!r}"
        )
    return parsed


def integer(name: str, value: object, *, least: int = 1, most: int) -> int:
    """A whole number from `least` to `most`. Raises BadRequest, which calls it `name`."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise BadRequest(f"{name} must be a whole number from {least} to {most}, not {text[:40]!r}")
    return int(text)


def boolean(name: str, value: object) -> bool:
    """JSON's true or false. Raises BadRequest, which calls it `name`."""
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false, not {str(value)[:40]!r}")
    return value


def tile_grid(name: str, value: str) -> Grid | Literal["auto"]:
    """A grid of tiles: none, auto, or columns x rows such as 3x2. Raises BadRequest, which calls it
    `name`."""
    if value == "none":
        return WHOLE
    if value == "auto":
        return "auto"
    columns, _, rows = value.partition("x")
    sides = [side for side in (columns, rows) if re.fullmatch(rf"[1-{MAX_PER_SIDE}]", side)]
    if len(sides) != 2:
        largest = f"{MAX_PER_SIDE}x{MAX_PER_SIDE}"
        raise BadRequest(
            f"{name} must be none, auto, or columns x rows from 1x1 to {largest} such as 3x2, "
            f"not {value[:40]!r}"
        )
    return Grid(int(columns), int(rows))


def labels(value: str, classes: tuple[str, ...]) -> list[str]:
    """Labels with commas between them, or one that has a comma in it. Raises BadRequest."""
    names = [value] if value in classes else value.split(",")
    for name in names:
        if name not in classes:
            raise BadRequest(f"unknown label {name!r}; the model knows {', '.join(classes)[:500]}")
    return names
