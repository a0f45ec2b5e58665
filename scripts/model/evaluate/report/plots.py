"""The plots of a dataset in report.html, as SVG. A new plot is a function and a line in PLOTS."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handler.bundle.manifest import Manifest
from handler.detection import count_interval
from handler.detection.likeness import find_difference
from scripts.model.evaluate.accuracy import Figures, compute_threshold_curves
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.evaluate.manifest_entries import count_objects

FIGURE_INCHES = (5.2, 3.8)


@dataclass(frozen=True)
class PlotData:
    """What a plot may show: one dataset's pictures and figures, and the bundle's manifest."""

    pictures: Sequence[EvaluatedPicture]
    figures: Figures
    manifest: Manifest


def plot_threshold_curves(axes: Any, data: PlotData) -> None:
    """Precision, recall, F1 and the count's mean absolute error over the score threshold."""
    curves = compute_threshold_curves(data.pictures, data.manifest.classes)
    for name, label, style in (
        ("precision", "precision", "-"),
        ("recall", "recall", "--"),
        ("f1", "F1", "-."),
        ("count_mae_by_mean", "MAE / mean count", ":"),
    ):
        axes.plot(curves.thresholds, getattr(curves, name).clip(0, 1), style, label=label)
    threshold = data.figures.score_threshold
    axes.axvline(threshold, color="#888", lw=1)
    axes.set(xlabel=f"score threshold (line: {threshold:g})", ylim=(0, 1.02))
    axes.legend()


def plot_counts(axes: Any, data: PlotData) -> None:
    """Each picture's predicted and true count, with the calibrated interval where one is given."""
    threshold, calibration = data.figures.score_threshold, data.manifest.count_calibration
    predicted = np.array([picture.predicted_count(threshold) for picture in data.pictures])
    true = np.array([picture.true_count for picture in data.pictures])
    limit = int(max(predicted.max(initial=1), true.max(initial=1)) * 1.05) + 1
    axes.plot([0, limit], [0, limit], color="#888", lw=1, label="as labelled")
    if calibration and calibration.ranges and calibration.score_threshold == threshold:
        given = [
            (counted.features.count, *count_interval.interval(counted.features, calibration))
            for counted in count_objects(data.pictures, data.manifest)
            if find_difference(counted.features, calibration.ranges) is None
        ]
        label = f"{calibration.coverage:.0%} intervals"
        for found, low, high in given:
            axes.plot([found, found], [low, high], color="#0072b2", alpha=0.4, lw=3, label=label)
            label = ""
    axes.scatter(predicted, true, s=18, color="#b3401f", zorder=3)
    axes.set(xlabel="found", ylabel="labelled", xlim=(0, limit), ylim=(0, None))
    axes.legend()


PLOTS: tuple[tuple[str, Callable[[Any, PlotData], None]], ...] = (
    ("Over the score threshold", plot_threshold_curves),
    ("Counts of each picture", plot_counts),
)


def render_svg(plot: Callable[[Any, PlotData], None], data: PlotData) -> str:
    """The plot as an <svg> element, the same for the same data."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context({"svg.hashsalt": "icebox", "font.size": 10}):
        figure, axes = pyplot.subplots(figsize=FIGURE_INCHES, layout="constrained")
        plot(axes, data)
        axes.grid(alpha=0.3)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]
