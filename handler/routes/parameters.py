"""Checks a parameter as its client wrote it: the text of a query, or a JSON value."""

from __future__ import annotations

import math
import re

from handler.detection.tiling import MAX_PER_SIDE, WHOLE, Grid, Tiles
from handler.problems import BadRequest, quote

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


def tile_grid(name: str, value: str) -> Tiles:
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


def labels(
    value: str, classes: tuple[str, ...], *, what: str = "label", is_lenient: bool = False
) -> list[str]:
    """Labels with commas between them. A label may have commas, too: of several readings the one
    with the longest labels counts, from the left.

    is_lenient: spaces around a label, and labels of nothing, are left out. Raises BadRequest, which
    calls a label `what`.
    """
    known, most_commas = set(classes), max(name.count(",") for name in classes)
    pieces, names, start = value.split(","), [], 0
    while start < len(pieces):
        for end in range(min(len(pieces), start + 1 + most_commas), start, -1):
            name = ",".join(pieces[start:end])
            name = name.strip() if is_lenient else name
            if name in known:
                names.append(name)
                break
        else:
            end = start + 1
            if not is_lenient or pieces[start].strip():
                name = pieces[start].strip() if is_lenient else pieces[start]
                raise BadRequest(
                    f"unknown {what} {quote(name)}; the model knows {', '.join(classes)[:500]}"
                )
        start = end
    return names
