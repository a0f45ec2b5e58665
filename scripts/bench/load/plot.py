"""Draws latency and throughput against the offered load."""

from __future__ import annotations

from scripts.bench.load.result import LoadResult, Series
from scripts.bench.page import drawing, to_svg

LINES = (("p99", "#b3541e"), ("p90", "#2a7f9e"), ("p50", "#1d3557"))


def draw_plot(result: LoadResult) -> bytes:
    """The plot as SVG: a column for each series, latency above throughput. The same figures give
    the same bytes. Points whose generator lagged are left out."""
    with drawing() as pyplot:
        columns = len(result.series)
        figure, axes = pyplot.subplots(
            2,
            columns,
            figsize=(5.2 * columns, 6.4),
            squeeze=False,
            sharex=True,
            sharey="row",
            layout="constrained",
        )
        for column, series in enumerate(result.series):
            _draw_latency(axes[0][column], series)
            _draw_throughput(axes[1][column], series)
        title = f"{result.options.environments} environments of one vCPU"
        if not result.is_clean:
            title += ", on a machine with other work"
        figure.suptitle(title, fontsize=11)
        return to_svg(figure)


def _draw_latency(axis, series: Series) -> None:
    steps = [step for step in series.steps if step.latency and not step.is_flagged]
    for name, colour in LINES:
        points = [(step.offered, getattr(step.latency, name)) for step in steps]
        points = [point for point in points if point[1] is not None]
        if not points:
            continue
        x, y = [point[0] for point in points], [point[1] for point in points]
        axis.plot(x, y, "o-", color=colour, markersize=3, label=name)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.yaxis.set_minor_formatter("")
    axis.set_ylabel("latency, ms")
    waits = f"waits up to {series.wait_s:g} s" if series.wait_s else "is throttled"
    axis.set_title(f"at the limit a request {waits}", fontsize=10)
    _mark_knee(axis, series)
    axis.grid(alpha=0.3, which="both")
    if steps:
        axis.legend(fontsize=8)


def _draw_throughput(axis, series: Series) -> None:
    offered = [step.offered for step in series.steps]
    top = max(offered, default=1)
    axis.plot([0, top], [0, top], "--", color="0.7", linewidth=1, label="offered")
    axis.plot(
        offered, [step.achieved for step in series.steps], "o-", color="#1d3557", markersize=3,
        label="answered",
    )  # fmt: skip
    throttled = [step.throttled / step.seconds for step in series.steps]
    if any(throttled):
        axis.plot(offered, throttled, "o-", color="#b3541e", markersize=3, label="throttled")
    axis.set_xlabel("offered, requests/s")
    axis.set_ylabel("requests/s")
    _mark_knee(axis, series)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)


def _mark_knee(axis, series: Series) -> None:
    if series.knee:
        axis.axvspan(series.knee.below or 0, series.knee.above, color="#f2c14e", alpha=0.25, lw=0)
