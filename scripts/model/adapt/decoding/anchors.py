"""Boxes that are coded by sigmoids and the like in the cells of a YOLO, in px of the input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.decoding.cells import cells_and_strides, level_cells
from scripts.model.adapt.decoding.graph_builder import GraphBuilder
from scripts.model.adapt.reading import Anchors, FormatReading


def decode_anchors(builder: GraphBuilder, reading: FormatReading, boxes: str) -> str:
    """YOLOv3's and YOLOv5's codings to cxcywh, as `Anchors` says."""
    anchors = reading.anchors
    assert anchors is not None
    if reading.boxes_per_row > 1:
        boxes = builder.reshape(boxes, [1, -1, 4])
    cells, strides, scales, sizes = _of_each_box(reading, anchors)
    place, extent = builder.columns(boxes, 0, 2), builder.columns(boxes, 2, 4)
    if not anchors.activated:
        place = builder.op("Sigmoid", place)
    # (scale · (σ - 0.5) + 0.5 + cell) · stride
    stretched = builder.op("Mul", place, builder.constant(scales * strides))
    centre = builder.op("Add", stretched, builder.constant((cells + 0.5 - 0.5 * scales) * strides))
    if anchors.coding == "yolov3":
        ratio = builder.op("Exp", extent)
    else:
        sigmoid = extent if anchors.activated else builder.op("Sigmoid", extent)
        doubled = builder.op("Mul", sigmoid, builder.constant(2.0))
        ratio = builder.op("Mul", doubled, doubled)
    return builder.op("Concat", centre, builder.op("Mul", ratio, builder.constant(sizes)), axis=2)


def decode_tanh(builder: GraphBuilder, reading: FormatReading, boxes: str) -> str:
    """FastestDet's coding to cxcywh in 0..1: a centre is its cell's corner plus a tanh, in cells; a
    size is a sigmoid."""
    (level,) = reading.levels
    cells, _ = cells_and_strides(reading)
    place = builder.op("Tanh", builder.columns(boxes, 0, 2))
    centre = builder.op("Add", place, builder.constant(cells))
    centre = builder.op("Div", centre, builder.constant([level.columns, level.rows]))
    extent = builder.op("Sigmoid", builder.columns(boxes, 2, 4))
    return builder.op("Concat", centre, extent, axis=2)


def _of_each_box(reading: FormatReading, anchors: Anchors) -> tuple[NDArray[np.float32], ...]:
    """Cell [1, A, 2], stride and scale of the centre [1, A, 1], size of the anchor in px [1, A, 2],
    in the order of the boxes."""
    parts = []
    default_scale = 2.0 if anchors.coding == "yolov5" else 1.0
    for index, level in enumerate(reading.levels):
        sizes, cells = np.asarray(anchors.sizes[index], np.float32), level_cells(level)
        cell_count, anchor_count = len(cells), len(sizes)
        if anchors.order == "by-cell":
            cells, sizes = cells.repeat(anchor_count, 0), np.tile(sizes, (cell_count, 1))
        else:
            cells, sizes = np.tile(cells, (anchor_count, 1)), sizes.repeat(cell_count, 0)
        scale = anchors.centre_scales[index] if anchors.centre_scales else default_scale
        numbers = np.tile(np.array([[level.stride, scale]], np.float32), (len(cells), 1))
        parts.append(np.concatenate([cells, numbers, sizes], 1))
    table = np.concatenate(parts)[np.newaxis]
    return table[..., :2], table[..., 2:3], table[..., 3:4], table[..., 4:]
