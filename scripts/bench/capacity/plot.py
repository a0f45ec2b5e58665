"""Draws a run over time: what came, what ran, how long it took, and what went wrong."""

from __future__ import annotations

from typing import Any

from scripts.bench.capacity.figures import Figures
from scripts.bench.capacity.function import Scenario
from scripts.bench.page import drawing, to_svg

BLUE, TEAL, RED, GREY = "#1d3557", "#2a7f9e", "#b3541e", "0.6"


def draw_run(figures: Figures, scenario: Scenario) -> bytes:
    """Four panels over the same time, as SVG."""
    windows = figures.windows
    unit, a_unit = ("minutes", 60.0) if windows.start[-1] > 180 else ("seconds", 1.0)
    if windows.start[-1] > 3 * 3600:
        unit, a_unit = "hours", 3600.0
    time = (windows.start + windows.width_s / 2) / a_unit
    with drawing() as pyplot:
        figure, axes = pyplot.subplots(4, 1, figsize=(8, 9), sharex=True, layout="constrained")
        offered, running, latency, shares = axes
        offered.plot(time, windows.offered, color=BLUE)
        offered.set_ylabel("requests/s")
        offered.set_title(scenario.name, fontsize=10)
        running.plot(time, windows.environments, color=GREY, label="environments")
        running.plot(time, windows.peak, color=TEAL, label="busy, at most")
        running.plot(time, windows.concurrency, color=BLUE, label="busy, on average")
        if scenario.rules.limit < 2 * figures.peak:
            running.axhline(scenario.rules.limit, color=RED, linestyle="--", label="limit")
        running.set_ylabel("concurrency")
        latency.plot(time, windows.p99, color=RED, label="p99")
        latency.plot(time, windows.p50, color=BLUE, label="p50")
        latency.set_yscale("log")
        latency.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        latency.yaxis.set_minor_formatter("")
        latency.set_ylabel("latency, ms")
        shares.plot(time, 100 * windows.cold, color=TEAL, label="cold starts")
        shares.plot(time, 100 * windows.failed, color=RED, label="throttled")
        shares.set_ylabel("% of requests")
        shares.set_xlabel(f"{unit}; a point is {windows.width_s:g} s")
        for axis in axes:
            _finish(axis)
        return to_svg(figure)


def _finish(axis: Any) -> None:
    if axis.get_yscale() == "linear":
        axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=8, loc="upper right")
