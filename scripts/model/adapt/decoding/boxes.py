"""Boxes of every coding as xyxy in px of the input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scripts.model.adapt.decoding.anchors import decode_anchors, decode_tanh
from scripts.model.adapt.decoding.cells import decode_distances, decode_distribution, decode_grid
from scripts.model.adapt.decoding.graph_builder import GraphBuilder
from scripts.model.adapt.decoding.priors import decode_priors
from scripts.model.adapt.reading import Coding, FormatReading

_TO_CXCYWH: dict[Coding, Callable[[GraphBuilder, FormatReading, str], str]] = {
    "grid": decode_grid,
    "prior-offsets": decode_priors,
    "anchors": decode_anchors,
    "tanh": decode_tanh,
}


def decode_boxes(builder: GraphBuilder, reading: FormatReading, size: tuple[int, int]) -> str:
    """float32 [1, A, 4], xyxy in px of the input, whose (width, height) is `size`."""
    boxes = builder.output_slice(reading.boxes)
    coding = reading.coding
    if coding in _TO_CXCYWH:
        boxes, coding = _TO_CXCYWH[coding](builder, reading, boxes), "cxcywh"
    if coding == "distribution":
        boxes = decode_distribution(builder, reading, boxes)
    elif coding in ("distances", "pixel-distances", "log-distances"):
        boxes = decode_distances(builder, reading, boxes)
    elif coding == "yxyx":
        boxes = builder.op("Gather", boxes, builder.constant([1, 0, 3, 2], np.int64), axis=2)
    elif coding in ("cxcywh", "xywh"):
        first, extent = builder.columns(boxes, 0, 2), builder.columns(boxes, 2, 4)
        if coding == "cxcywh":
            half = builder.op("Mul", extent, builder.constant(0.5))
            corners = (builder.op("Sub", first, half), builder.op("Add", first, half))
        else:
            corners = (first, builder.op("Add", first, extent))
        boxes = builder.op("Concat", *corners, axis=2)
    if reading.units == "normalised":
        boxes = builder.op("Mul", boxes, builder.constant([*size, *size]))
    if reading.clips_boxes:
        boxes = builder.op("Max", boxes, builder.constant(0.0))
        boxes = builder.op("Min", boxes, builder.constant([*size, *size]))
    return boxes
