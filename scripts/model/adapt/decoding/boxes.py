"""Boxes of every coding as xyxy in px of the input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.decoding.graph_builder import GraphBuilder
from scripts.model.adapt.reading import FormatReading


def decode_boxes(builder: GraphBuilder, reading: FormatReading, size: tuple[int, int]) -> str:
    """float32 [1, A, 4], xyxy in px of the input, whose (width, height) is `size`."""
    boxes = builder.output_slice(reading.boxes)
    coding = reading.coding
    if coding == "grid":
        boxes, coding = _decode_grid(builder, reading, boxes), "cxcywh"
    if coding == "distribution":
        boxes = _decode_distribution(builder, reading, boxes, size)
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
    return boxes


def _decode_grid(builder: GraphBuilder, reading: FormatReading, boxes: str) -> str:
    """YOLOX's coding to cxcywh: offsets to the cell and logarithms of sizes, both in cells."""
    cell, stride = _cells(reading)
    offset = builder.op("Add", builder.columns(boxes, 0, 2), builder.constant(cell))
    centre = builder.op("Mul", offset, builder.constant(stride))
    extent = builder.op(
        "Mul", builder.op("Exp", builder.columns(boxes, 2, 4)), builder.constant(stride)
    )
    return builder.op("Concat", centre, extent, axis=2)


def _decode_distribution(
    builder: GraphBuilder, reading: FormatReading, boxes: str, size: tuple[int, int]
) -> str:
    """Generalized Focal Loss's coding to xyxy: each side's distance is the mean of a distribution
    over bins."""
    bins = reading.boxes.column_count // 4
    cell, stride = _cells(reading)
    shifts = {"corner": 0.0, "middle": 0.5 * stride, "opencv": 0.5 * (stride - 1)}
    probabilities = builder.op("Softmax", builder.reshape(boxes, [1, -1, 4, bins]), axis=3)
    mean = builder.op("MatMul", probabilities, builder.constant(np.arange(bins)[:, None]))
    distance = builder.op("Mul", builder.reshape(mean, [1, -1, 4]), builder.constant(stride))
    centre = builder.constant(cell * stride + shifts[reading.cell_centre])
    top_left = builder.op("Sub", centre, builder.columns(distance, 0, 2))
    bottom_right = builder.op("Add", centre, builder.columns(distance, 2, 4))
    boxes = builder.op("Concat", top_left, bottom_right, axis=2)
    boxes = builder.op("Max", boxes, builder.constant(0.0))
    return builder.op("Min", boxes, builder.constant([*size, *size]))


def _cells(reading: FormatReading) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each cell's column and row [1, A, 2], and its stride in px [1, A, 1]; row by row, level by
    level."""
    cells, strides = [], []
    for stride, columns, rows in reading.levels:
        y, x = np.mgrid[0:rows, 0:columns]
        cells.append(np.stack([x.ravel(), y.ravel()], 1))
        strides.append(np.full((rows * columns, 1), stride))
    return (
        np.concatenate(cells)[np.newaxis].astype(np.float32),
        np.concatenate(strides)[np.newaxis].astype(np.float32),
    )
