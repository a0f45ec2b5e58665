"""YOLOX (Megvii): one table of boxes, objectness and class scores, often before decoding."""

from __future__ import annotations

import numpy as np

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import GREY, UNIT_STD, ZERO_MEAN, Preprocessing
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.shared import PredictionTable

PREPROCESSING = Preprocessing("bgr", 255, ZERO_MEAN, UNIT_STD, "yolox", GREY, "opencv-linear")


def _read_yolox(table: PredictionTable) -> FormatReading | None:
    grid = table.grid
    if grid is None or not table.by_row or grid.boxes_per_cell != 1:
        return None
    # Offsets and logarithms are about 1, px about half the input; zeros tell nothing.
    box_values = np.abs(table.output.finite_values(0, 4))
    box_values = box_values[box_values > 0]
    raw = bool(box_values.size) and float(np.median(box_values)) <= 5
    decoded = "no (values are small: offsets and logarithms)" if raw else "yes"
    return FormatReading(
        format="yolox",
        reasons=(
            f"{table.summary}: {grid.summary} × (4 + 1 + {table.table.width - 5}): YOLOX; "
            f"decoded: {decoded}",
        ),
        preprocessing=PREPROCESSING,
        boxes=table.slice(0, 4),
        coding="grid" if raw else "cxcywh",
        scores=table.slice(5),
        objectness=table.slice(4, 5),
        levels=grid.levels,
        nms="class-agnostic",
        score_threshold=0.3,
        iou_threshold=0.45,
    )


YOLOX = Format(
    "yolox",
    "[1, A, 5 + C] with objectness, raw or decoded; BGR 0..255, top left",
    {PredictionTable: _read_yolox},
)
