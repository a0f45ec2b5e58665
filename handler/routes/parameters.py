"""A parameter as its client wrote it in, a checked number out: text of a query or a JSON number."""

from __future__ import annotations

import math
import re
from typing import Literal

from handler.detection.tiling import MAX_PER_SIDE, WHOLE, Grid
from handler.problems import BadRequest


def number(name: str, given: object, *, least: float = 0, most: float = 1) -> float:
    """A number from `least` to `most`. Raises BadRequest, which calls it `name`."""
    try:
        value = math.nan if isinstance(given, bool) else float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not least <= value <= most:  # NaN is not
        raise BadRequest(
            f"{name} must be a number from {least:g} to {most:g}, not {str(given)[:40]!r}"
        )
    return value


def integer(name: str, given: object, *, least: int = 1, most: int) -> int:
    """A whole number from `least` to `most`. Raises BadRequest, which calls it `name`."""
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise BadRequest(f"{name} must be a whole number from {least} to {most}, not {text[:40]!r}")
    return int(text)


def boolean(name: str, given: object) -> bool:
    """JSON's true or false. Raises BadRequest, which calls it `name`."""
    if not isinstance(given, bool):
        raise BadRequest(f"{name} must be true or false, not {str(given)[:40]!r}")
    return given


def tile_grid(name: str, given: str) -> Grid | Literal["auto"]:
    """Tiles: none, auto, or columns x rows such as 3x2. Raises BadRequest, which calls it
    `name`."""
    if given == "none":
        return WHOLE
    if given == "auto":
        return "auto"
    columns, _, rows = given.partition("x")
    sides = [side for side in (columns, rows) if re.fullmatch(rf"[1-{MAX_PER_SIDE}]", side)]
    if len(sides) != 2:
        raise BadRequest(
            f"{name} must be none, auto, or columns x rows from 1x1 to {MAX_PER_SIDE}x"
            f"{MAX_PER_SIDE} such as 3x2, "
            f"not {given[:40]!r}"
        )
    return Grid(int(columns), int(rows))
