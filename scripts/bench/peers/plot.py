"""Draws latency and start of every peer as horizontal bars."""

from __future__ import annotations

import statistics

from scripts.bench.page import drawing, to_svg
from scripts.bench.peers.result import Comparison, Measured

OURS, THEIRS, VARIANT = "#2a7f9e", "#8d99ae", "#c9cfda"
WHISKER, CUT = "#1d3557", 5  # times the shortest bar: a longer one is cut
WIDTH, ROW_HEIGHT, HEAD_HEIGHT = 6.0, 0.34, 1.1  # inches; narrow enough for a phone


def draw_plot(comparison: Comparison) -> bytes:
    """The plot as SVG: p50 with a line up to p99, and below it the time from a start to the first
    answer. The same figures give the same bytes."""
    rows = list(comparison.measured)[::-1]  # the first one comes on top
    with drawing() as pyplot:
        figure, axes = pyplot.subplots(
            2,
            1,
            figsize=(WIDTH, 2 * (HEAD_HEIGHT + ROW_HEIGHT * len(rows))),
            layout="constrained",
        )
        _draw_latency(axes[0], rows)
        _draw_start(axes[1], rows)
        return to_svg(figure)


def _draw_latency(axis, rows: list[Measured]) -> None:
    medians, ends = [row.p50_ms for row in rows], [row.p99_ms for row in rows]
    limit = _draw_bars(axis, rows, medians)
    for number, (median, end) in enumerate(zip(medians, ends, strict=True)):
        if median < limit:
            axis.plot([median, min(end, limit)], [number] * 2, "|-", color=WHISKER, linewidth=1)
    _label(axis, rows, ends, [f"{ms:.0f}" for ms in medians], limit)
    axis.set_title("an answer, ms: p50, and a line up to p99", fontsize=10, loc="left")


def _draw_start(axis, rows: list[Measured]) -> None:
    starts = [statistics.median(row.first_s) for row in rows]
    limit = _draw_bars(axis, rows, starts)
    _label(axis, rows, starts, [f"{seconds:.2f}" for seconds in starts], limit)
    axis.set_title("start to first answer, s", fontsize=10, loc="left")


def _draw_bars(axis, rows: list[Measured], values: list[float]) -> float:
    """Where the axis ends: a bar far beyond the others would leave them no room, so it is cut, and
    the cut is marked."""
    limit = min(1.1 * max(values), CUT * min(values))
    axis.barh(
        range(len(rows)), [min(value, limit) for value in values],
        color=[_colour(row) for row in rows],
    )  # fmt: skip
    for number, value in enumerate(values):
        if value > limit:
            axis.plot(
                [0.9 * limit, 0.92 * limit], [number - 0.5, number + 0.5], color="white",
                linewidth=3,
            )  # fmt: skip
    return limit


def _label(axis, rows: list[Measured], ends: list[float], texts: list[str], limit: float) -> None:
    """The peers' names, and the number behind each bar."""
    axis.set_xlim(0, 1.12 * limit)
    for number, (end, text) in enumerate(zip(ends, texts, strict=True)):
        place = (min(end, limit), number)
        axis.annotate(
            text, place, xytext=(5, 0), textcoords="offset points", va="center", fontsize=9
        )
    axis.set_yticks(range(len(rows)), [row.peer.title for row in rows], fontsize=9)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _colour(row: Measured) -> str:
    if row.peer.is_icebox:
        return OURS
    return VARIANT if row.peer.is_extra else THEIRS
