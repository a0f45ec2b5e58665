"""Histograms of properties, the reference's beside the window's, for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.monitor.drift.effects import shift_of
from scripts.records.observations import Observations, round_property

BINS = 24
_TAIL = 0.005  # at either end, lies in the outermost bins
_MAX_ROWS = 100_000  # of a window: more change no bar


def make_histograms(
    reference: Observations, window: Observations, names: Sequence[str], of: str
) -> dict[str, Mapping[str, Any]]:
    """By property: `edges` (BINS + 1), shares of the `reference` and of the `window` (BINS), their
    medians, the `effect` as in PropertyShift, and `of`, which records the window's are. A property
    without numbers on either side is left out."""
    stride = max(1, -(-len(window) // _MAX_ROWS))
    made: dict[str, Mapping[str, Any]] = {}
    for name in names:
        before = _known(reference.properties.get(name))
        after = _known(window.properties.get(name))[::stride]
        if len(before) and len(after):
            edges = _edges(before, after)
            reference_median, window_median, effect = shift_of(before, after)
            made[name] = {
                "edges": edges.tolist(),
                "reference": _shares(before, edges),
                "window": _shares(after, edges),
                "reference_median": reference_median,
                "window_median": window_median,
                "effect": effect,
                "of": of,
            }
    return made


def _known(column: NDArray[np.float64] | None) -> NDArray[np.float64]:
    return np.empty(0) if column is None else round_property(column[np.isfinite(column)])


def _edges(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    ends = [np.quantile(side, [_TAIL, 1 - _TAIL]) for side in (before, after)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):
        room = max(0.1 * abs(low), 0.01)
        low, high = low - room, high + room
    return np.linspace(low, high, BINS + 1)


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> list[float]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    shares: list[float] = (counts / len(values)).round(5).tolist()
    return shares
