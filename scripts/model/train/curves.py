"""Draws a run's metrics over its steps: loss, AP50 and count error."""

from __future__ import annotations

import io
import json
from pathlib import Path

import matplotlib
from matplotlib import pyplot

from handler.storage.location import write_atomically

matplotlib.use("Agg")

METRICS = ("loss", "val_ap50", "val_count_error")


def draw_curves(metrics_path: Path) -> None:
    """Write curves.png beside metrics.jsonl, in place of the former one."""
    rows = [json.loads(line) for line in metrics_path.read_text().splitlines()]
    figure, axes = pyplot.subplots(1, len(METRICS), figsize=(12, 3.2), layout="constrained")
    for axis, name in zip(axes, METRICS, strict=True):
        points = [(row["step"], row[name]) for row in rows if name in row]
        axis.plot([step for step, _ in points], [value for _, value in points], marker=".")
        axis.set(title=name, xlabel="step")
    png = io.BytesIO()
    figure.savefig(png, dpi=100)
    pyplot.close(figure)
    write_atomically(metrics_path.with_name("curves.png"), png.getvalue())
