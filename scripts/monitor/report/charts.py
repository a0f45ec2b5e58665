"""The charts of report.html: SVG stretched to the width at hand, with its text beside it as HTML,
so that it is as large on a phone as on a desk."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from scripts.monitor.result import ChangePoint, Day, Estimate
from scripts.monitor.words import PropertyWords, format_count, format_time, parse_time

WIDTH, HEIGHT = 100.0, 40.0  # of a drawing, in its own units
_ROOM = 0.08  # of the height, above and below a line


def escape(text: object, limit: int = 300) -> str:
    """Text of clients for HTML: escaped, one line, no longer than `limit`."""
    plain = " ".join(str(text).split())
    plain = "".join(each if each.isprintable() else "\ufffd" for each in plain)
    return html.escape(plain if len(plain) <= limit else f"{plain[: limit - 1]}…")


def draw_histogram(histogram: Mapping[str, Any], words: PropertyWords, title: str) -> str:
    """The reference as an area and the window as a line over it.

    histogram: `edges` (k + 1) and the shares `reference` and `window` (k). title: for who cannot
    see it.
    """
    reference, window = histogram["reference"], histogram["window"]
    edges = histogram["edges"]
    top = max((*reference, *window, 1e-9))
    area = _steps(reference, top)
    return (
        f'<div class="plot">{_open(title)}'
        f'<path class="then" d="M0 {HEIGHT} {area} L{WIDTH} {HEIGHT} Z"/>'
        f'<path class="now" d="M{_steps(window, top)[1:]}"/>'
        f'<line class="base" x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/></svg></div>'
        f'<div class="axis"><span>{escape(words.value(edges[0]))}</span>'
        f"<span>{escape(words.value(edges[-1]))}</span></div>"
    )


def _steps(shares: Sequence[float], top: float) -> str:
    """A path along the tops of bins: `Lx y` for both ends of each."""
    width = WIDTH / max(len(shares), 1)
    points = []
    for bin, share in enumerate(shares):
        y = HEIGHT * (1 - 0.96 * share / top)
        points += [f"L{bin * width:.2f} {y:.2f}", f"L{(bin + 1) * width:.2f} {y:.2f}"]
    return " ".join(points)


class TimeAxis:
    """Places times on the width of a chart."""

    def __init__(self, start: str, end: str) -> None:
        self._start = parse_time(start)
        self._span = max((parse_time(end) - self._start).total_seconds(), 1.0)
        self.start, self.end = start, end

    def place(self, time: str | datetime) -> float:
        """Units from the left, within the drawing."""
        at = parse_time(time) if isinstance(time, str) else time
        share = (at - self._start).total_seconds() / self._span
        return WIDTH * min(1.0, max(0.0, share))

    def format_ends(self) -> str:
        """The line of text under a chart."""
        return (
            f'<div class="axis"><span>{format_time(self.start)}</span>'
            f"<span>{format_time(self.end)}</span></div>"
        )


def draw_line(
    axis: TimeAxis,
    times: Sequence[str],
    values: Sequence[float | None],
    words: PropertyWords,
    *,
    title: str,
    usual: float | None = None,
    since: ChangePoint | None = None,
) -> str:
    """A figure over time, with the reference's value dashed and the change point as a band.

    times: starts of steps. values: in the property's own units; None and NaN leave a gap.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    levels = [*known, *([usual] if usual is not None and math.isfinite(usual) else [])]
    if not known:
        return f'<p class="soft">{escape(title)}: not known.</p>'
    low, high = min(levels), max(levels)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5

    def place(value: float) -> float:
        return HEIGHT * (_ROOM + (1 - 2 * _ROOM) * (1 - (value - low) / (high - low)))

    parts = [_draw_since(axis, since)]
    if usual is not None and math.isfinite(usual):
        y = place(usual)
        parts.append(f'<line class="usual" x1="0" y1="{y:.2f}" x2="{WIDTH}" y2="{y:.2f}"/>')
    middles = _middles(axis, times)
    run: list[str] = []
    for x, value in zip(middles, values, strict=True):
        if value is None or not math.isfinite(value):
            parts.append(_draw_run(run))
            run = []
        else:
            run.append(f"{x:.2f},{place(value):.2f}")
    parts.append(_draw_run(run))
    return (
        f'<div class="plot timed"><span class="high">{escape(words.value(high))}</span>'
        f'<span class="low">{escape(words.value(low))}</span>'
        f"{_open(title)}{''.join(parts)}</svg></div>{axis.format_ends()}"
    )


def _middles(axis: TimeAxis, times: Sequence[str]) -> list[float]:
    """Middles of the steps that start at `times`, the last of which ends with the axis."""
    starts = [axis.place(time) for time in times]
    return [(a + b) / 2 for a, b in zip(starts, [*starts[1:], WIDTH], strict=True)]


def _draw_run(points: Sequence[str]) -> str:
    if not points:
        return ""
    if len(points) == 1:  # a line of no length shows as a dot by its round ends
        points = [points[0], points[0]]
    return f'<polyline class="now" stroke-linecap="round" points="{" ".join(points)}"/>'


def _draw_since(axis: TimeAxis, since: ChangePoint | None) -> str:
    if since is None:
        return ""
    left, at, right = map(axis.place, (since.earliest, since.time, since.latest))
    return (
        f'<rect class="band" x="{left:.2f}" y="0" width="{max(right - left, 0.4):.2f}" '
        f'height="{HEIGHT}"/>'
        f'<line class="since" x1="{at:.2f}" y1="0" x2="{at:.2f}" y2="{HEIGHT}"/>'
    )


def draw_traffic(axis: TimeAxis, days: Sequence[Day], since: ChangePoint | None) -> str:
    """Bars of predictions, with the rejected ones on top."""
    top = max((day.predictions + day.rejected for day in days), default=0) or 1
    starts = [axis.place(day.time) for day in days]
    parts = [_draw_since(axis, since)]
    for day, left, right in zip(days, starts, [*starts[1:], WIDTH], strict=True):
        gap = min(0.6, 0.15 * (right - left))
        width = max(right - left - gap, 0.1)
        good = HEIGHT * 0.96 * day.predictions / top
        bad = HEIGHT * 0.96 * day.rejected / top
        parts.append(
            f'<rect class="bar" x="{left:.2f}" y="{HEIGHT - good:.2f}" width="{width:.2f}" '
            f'height="{good:.2f}"/>'
        )
        if bad:
            parts.append(
                f'<rect class="no" x="{left:.2f}" y="{HEIGHT - good - bad:.2f}" '
                f'width="{width:.2f}" height="{bad:.2f}"/>'
            )
    title = (
        f"{format_count(sum(day.predictions for day in days), 'prediction')} and "
        f"{sum(day.rejected for day in days):,} rejected requests over time, at most {top:,} a step"
    )
    return (
        f'<div class="plot timed"><span class="high">{top:,}</span>{_open(title)}{"".join(parts)}'
        f"</svg></div>{axis.format_ends()}"
    )


def draw_interval(estimate: Estimate, low: float, high: float) -> str:
    """A figure and its interval on a line from `low` to `high`; decoration, the text says it."""
    if estimate.value is None:
        return ""

    def place(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - low) / (high - low)))

    zero = f'<s style="left:{place(0):.1f}%"></s>' if low < 0 < high else ""
    bar = ""
    if estimate.low is not None and estimate.high is not None:
        left, right = place(estimate.low), place(estimate.high)
        bar = f'<b style="left:{left:.1f}%;width:{right - left:.1f}%"></b>'
    return (
        f'<div class="plot" aria-hidden="true"><i></i>{zero}{bar}'
        f'<u style="left:{place(estimate.value):.1f}%"></u></div>'
    )


def _open(title: str) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none">'
        f"<title>{escape(title)}</title>"
    )
