"""The pictures of a window that are most unlike the reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.monitor.result import Surprise
from scripts.monitor.words import format_number, is_readable, property_words
from scripts.records.fingerprint import measure_scale
from scripts.records.observations import Observations

MAX_SURPRISES = 8
_CHUNK = 50_000  # records whose properties are compared at once
_POOL = 200  # the most surprising, of which those with a kept picture come first
_MAX_ALIKE = 3  # with the same property furthest out, while there are others


def find_surprises(reference: Observations, window: Observations) -> tuple[Surprise, ...]:
    """Up to MAX_SURPRISES predictions: those with a kept picture first, then by surprise, which is
    the root mean square of asinh(z) over the properties, z in the reference's robust standard
    deviations."""
    scale = measure_scale(reference)
    if not scale.names or not len(window):
        return ()
    readable = np.array([is_readable(name) for name in scale.names])
    surprises = np.empty(len(window))
    for first in range(0, len(window), _CHUNK):
        part = scale.transform(window.select(slice(first, first + _CHUNK)))
        surprises[first : first + _CHUNK] = _root_mean_square(part)
    rows = np.argsort(-surprises, kind="stable")[:_POOL]
    moved = scale.transform(window.select(rows))
    found: list[tuple[int, Surprise]] = []
    for rank, row in enumerate(rows.tolist()):
        named = np.where(readable & np.isfinite(moved[rank]), np.abs(moved[rank]), -1.0)
        furthest = int(named.argmax())
        found.append((furthest, _describe(window, row, surprises[row], scale.names[furthest],
                                          moved[rank, furthest])))  # fmt: skip
    return _choose(found)


def _root_mean_square(moved: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(moved)
    squares = np.where(known, moved, 0.0) ** 2
    mean: NDArray[np.float64] = squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.sqrt(mean)


def _describe(window: Observations, row: int, surprise: float, name: str, moved: float) -> Surprise:
    deviations = float(np.sinh(np.clip(moved, -20, 20)))
    words = property_words(name)
    value = float(window.properties[name][row]) if name in window.properties else float("nan")
    side = "above" if deviations > 0 else "below"
    reason = f"{words.title.lower()} {words.value(value)}"
    if abs(deviations) >= 1:
        reason += f", {format_number(min(abs(deviations), 1000))} standard deviations {side} usual"
    facts = window.facts
    return Surprise(
        prediction_id=str(facts["prediction_id"][row]),
        time=f"{np.datetime_as_string(facts['time'][row], unit='ms')}Z",
        surprise=round(float(surprise), 3),
        reason=reason,
        capture=str(facts["capture"][row]) or None,
    )


def _choose(found: list[tuple[int, Surprise]]) -> tuple[Surprise, ...]:
    """Kept pictures first; of one reason no more than _MAX_ALIKE, while there are others."""
    ordered = sorted(found, key=lambda each: each[1].capture is None)
    first: list[Surprise] = []
    later: list[Surprise] = []
    seen: dict[int, int] = {}
    for furthest, surprise in ordered:
        seen[furthest] = seen.get(furthest, 0) + 1
        (first if seen[furthest] <= _MAX_ALIKE else later).append(surprise)
    chosen = sorted(first + later, key=lambda each: each.capture is None)
    return tuple(chosen[:MAX_SURPRISES])
