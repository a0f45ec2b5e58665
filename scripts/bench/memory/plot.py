"""Draws the memory of the long run: after each request, and at each one's peak."""

from __future__ import annotations

import statistics

from scripts.bench.memory.soak import Soak
from scripts.bench.page import drawing, to_svg

COLOURS = {"peak": "#b3541e", "resident": "#1d3557", "limit": "#2a7f9e"}
POINTS = 250  # each the greatest peak and the median of the requests that it stands for


def draw_plot(soak: Soak) -> bytes:
    """The plot as SVG. The same figures give the same bytes."""
    count = len(soak.requests)
    step = max(1, count // POINTS)
    groups = [soak.requests[i : i + step] for i in range(0, count, step)]
    numbers = [min(count, (i + 1) * step) for i in range(len(groups))]
    with drawing() as pyplot:
        figure, axis = pyplot.subplots(figsize=(7.2, 3.6), layout="constrained")
        axis.plot(
            numbers,
            [max(taken.peak for taken in group) for group in groups],
            ".",
            markersize=3,
            color=COLOURS["peak"],
            label="peak",
        )
        axis.plot(
            numbers,
            [statistics.median(taken.resident for taken in group) for group in groups],
            color=COLOURS["resident"],
            label="after the answer",
        )
        axis.axhline(
            soak.alone, linestyle="--", linewidth=1, color=COLOURS["limit"],
            label="peak of the largest picture alone",
        )  # fmt: skip
        axis.set_xlim(0, count)
        axis.set_ylim(0)
        axis.set_xlabel("requests")
        axis.set_ylabel("resident memory, MB")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, loc="lower right")
        return to_svg(figure)
