"""The timeline of a window: traffic and medians, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scripts.monitor.result import Day
from scripts.records.observations import Observations
from scripts.records.window import Window

MAX_STEPS = 60
MIN_PREDICTIONS = 15  # of a step on average, so that its median says something
_HOURS = (1, 3, 6, 12, 24, 24 * 7, 24 * 28, 24 * 7 * 52)


def make_timeline(
    observations: Observations, window: Window, names: Sequence[str]
) -> tuple[Day, ...]:
    """Steps of whole hours or days of UTC that cover the window.

    observations: oldest first, rejected requests as well. names: properties whose medians are told.
    """
    hours = _choose_step((window.end - window.start), int(observations.is_prediction.sum()))
    starts = _starts(window, hours)
    times = observations.facts["time"]
    edges = np.array([start.replace(tzinfo=None) for start in starts], "datetime64[ms]")
    firsts = [*np.searchsorted(times, edges).tolist(), len(observations)]
    firsts[0] = 0
    is_prediction = observations.is_prediction
    columns = {
        name: observations.properties[name] for name in names if name in observations.properties
    }
    counts = observations.facts["detections"]
    days = []
    for start, first, last in zip(starts, firsts[:-1], firsts[1:], strict=True):
        rows = np.flatnonzero(is_prediction[first:last]) + first
        medians = {name: _median(column[rows]) for name, column in columns.items()}
        known = counts[rows][np.isfinite(counts[rows])]
        days.append(
            Day(
                time=f"{start:%Y-%m-%dT%H:%M:%SZ}",
                predictions=len(rows),
                rejected=last - first - len(rows),
                mean_count=float(known.mean()) if len(known) else None,
                medians={name: each for name, each in medians.items() if each is not None},
            )
        )
    return tuple(days)


def _choose_step(span: timedelta, predictions: int) -> int:
    """Hours of a step: the shortest with few enough steps that are full enough."""
    hours = span.total_seconds() / 3600
    for step in _HOURS:
        steps = max(1.0, hours / step)
        if steps <= MAX_STEPS and predictions / steps >= MIN_PREDICTIONS:
            return step
    return next((step for step in _HOURS if hours / step <= 14), _HOURS[-1])


def _starts(window: Window, hours: int) -> list[datetime]:
    """The starts of all steps, the first of which is the window's."""
    start = window.start.replace(minute=0, second=0, microsecond=0)
    step = timedelta(hours=hours)
    epoch = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday
    start = epoch + (start - epoch) // step * step
    starts: list[datetime] = []
    while start < window.end and len(starts) < 10_000:
        starts.append(max(start, window.start))
        start += step
    return starts


def _median(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
