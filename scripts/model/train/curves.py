"""A training's metrics.jsonl in; curves.png beside it out: loss, AP50 and count error by step."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt

matplotlib.use("Agg")


def draw(metrics: Path) -> None:
    """Draw anew, replacing the last picture whole."""
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    panels = ("loss", "val_ap50", "val_count_error")
    figure, axes = plt.subplots(1, len(panels), figsize=(12, 3.2), layout="constrained")
    for axis, name in zip(axes, panels, strict=True):
        points = [(row["step"], row[name]) for row in rows if name in row]
        axis.plot([x for x, _ in points], [y for _, y in points], marker=".")
        axis.set(title=name, xlabel="step")
    partial = metrics.with_name("curves.partial.png")
    figure.savefig(partial, dpi=100)
    plt.close(figure)
    partial.replace(metrics.with_name("curves.png"))
