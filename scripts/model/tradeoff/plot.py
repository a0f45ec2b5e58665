"""Draws inference time against AP50."""

from __future__ import annotations

import io
from collections.abc import Sequence

from scripts.model.plurals import counted
from scripts.model.tradeoff.compare import ComparedBundle
from scripts.model.tradeoff.table import label_bundles

LARGEST_MARKER = 500  # area in points²
_MARKER_RADIUS_PX = 9
_LABEL_DISTANCES_PX = (14, 26, 40, 56, 74, 94)
_CHARACTER_WIDTH, _LINE_HEIGHT = 4.4, 10  # points at font size 8
_BORDER_PX = 4

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, bottom, right, top


def draw_plot(rows: Sequence[ComparedBundle]) -> bytes:
    """The plot as SVG: inference time at the first thread count against AP50, a panel a dataset.

    A marker's area is the file's size. The same figures give the same bytes.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "icebox"  # else ids in the SVG are random
    from matplotlib import pyplot

    panels = len(rows[0].accuracies)
    figure, axes = pyplot.subplots(
        1, panels, figsize=(6.4 * panels, 4.8), squeeze=False, layout="constrained"
    )
    colours = pyplot.get_cmap("tab10").colors
    for panel, axis in enumerate(axes[0]):
        _draw_panel(figure, axis, rows, panel, colours)
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="svg", metadata={"Date": None, "Creator": "scripts.model.tradeoff"}
    )
    pyplot.close(figure)
    # matplotlib ends lines of path data in a blank
    text = buffer.getvalue().decode()
    return ("\n".join(line.rstrip() for line in text.splitlines()) + "\n").encode()


def _draw_panel(figure, axis, rows: Sequence[ComparedBundle], panel: int, colours) -> None:
    """All bundles on one dataset."""
    largest = max(row.size_mb for row in rows)
    points = [(row.speeds[0].inference_ms, row.accuracies[panel].ap50) for row in rows]
    for index in sorted(range(len(rows)), key=lambda index: -rows[index].size_mb):
        axis.scatter(
            *points[index],
            s=LARGEST_MARKER * rows[index].size_mb / largest,
            color=colours[index % len(colours)],
            alpha=0.55,
            edgecolor="black",
            linewidth=0.8,
        )
    axis.margins(0.22)
    accuracy, threads = rows[0].accuracies[panel], rows[0].speeds[0].threads
    axis.set_title(f"{accuracy.dataset}, {accuracy.pictures} pictures", fontsize=11)
    axis.set_xlabel(f"inference, ms (median, {counted(threads, 'thread')})")
    axis.set_ylabel("AP50")
    axis.grid(alpha=0.3)
    labels = [
        f"{label}, {row.size_mb:.1f} MB"
        for label, row in zip(label_bundles(rows), rows, strict=True)
    ]
    _label_points(figure, axis, points, labels)


def _label_points(figure, axis, points: Sequence[Point], texts: Sequence[str]) -> None:
    """Write each point's text where it covers the least of other texts and markers, nearest
    first."""
    figure.canvas.draw()  # settles the scales
    to_figure = figure.transFigure.inverted()  # independent of the file's dots per inch
    markers = [axis.transData.transform(point) for point in points]
    radius = _MARKER_RADIUS_PX
    taken = [(x - radius, y - radius, x + radius, y + radius) for x, y in markers]
    window = axis.get_window_extent()
    border = _BORDER_PX
    inside = (
        window.x0 + border, window.y0 + border, window.x1 - border, window.y1 - border
    )  # fmt: skip
    scale = figure.dpi / 72
    for marker, text, point in zip(markers, texts, points, strict=True):
        width, height = len(text) * _CHARACTER_WIDTH * scale, _LINE_HEIGHT * scale
        rectangle = min(
            _label_places(marker, width, height),
            key=lambda place: _covered_area(place, taken, inside),
        )
        taken.append(rectangle)
        left, bottom, _, _ = rectangle
        axis.annotate(
            text,
            point,
            xytext=to_figure.transform((left + width / 2, bottom + height / 2)),
            textcoords="figure fraction",
            ha="center",
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "0.4", "shrinkB": 3},
        ).set_in_layout(False)


def _label_places(marker: Point, width: float, height: float) -> list[Rectangle]:
    """Where a label of this size can stand around its marker, nearest first."""
    x, y = marker
    places = []
    for distance in _LABEL_DISTANCES_PX:
        for dx, dy in (
            (distance, 0),
            (0, distance),
            (0, -distance),
            (-distance, 0),
            (distance * 0.7, distance),
            (distance * 0.7, -distance),
            (-distance * 0.7, distance),
            (-distance * 0.7, -distance),
        ):
            left = x + dx - (width if dx < 0 else width / 2 if dx == 0 else 0)
            bottom = y + dy - height / 2
            places.append((left, bottom, left + width, bottom + height))
    return places


def _covered_area(place: Rectangle, taken: Sequence[Rectangle], inside: Rectangle) -> float:
    """Px² of `taken` that the label would cover; outside the panel is worse than anything."""
    left, bottom, right, top = place
    covered = 0.0
    for x0, y0, x1, y1 in taken:
        width = min(right, x1) - max(left, x0)
        height = min(top, y1) - max(bottom, y0)
        covered += max(width, 0) * max(height, 0)
    outside = left < inside[0] or right > inside[2] or bottom < inside[1] or top > inside[3]
    return covered + 1e6 * outside
