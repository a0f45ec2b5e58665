"""Boxes that are coded relative to the cells of a feature pyramid, in px of the input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.decoding.graph_builder import GraphBuilder
from scripts.model.adapt.reading import FormatReading, Level


def decode_grid(builder: GraphBuilder, reading: FormatReading, boxes: str) -> str:
    """YOLOX's coding to cxcywh: offsets to the cell and logarithms of sizes, both in cells."""
    cell, stride = cells_and_strides(reading)
    offset = builder.op("Add", builder.columns(boxes, 0, 2), builder.constant(cell))
    centre = builder.op("Mul", offset, builder.constant(stride))
    extent = builder.op(
        "Mul", builder.op("Exp", builder.columns(boxes, 2, 4)), builder.constant(stride)
    )
    return builder.op("Concat", centre, extent, axis=2)


def decode_distances(builder: GraphBuilder, reading: FormatReading, distances: str) -> str:
    """FCOS's coding to xyxy: distances from the cell's place to the box's four sides."""
    if reading.coding == "log-distances":
        distances = builder.op("Exp", distances)
    if reading.coding != "pixel-distances":
        _, stride = cells_and_strides(reading)
        distances = builder.op("Mul", distances, builder.constant(stride))
    return _place_around_cells(builder, reading, distances)


def decode_distribution(builder: GraphBuilder, reading: FormatReading, boxes: str) -> str:
    """Generalized Focal Loss's coding to xyxy: each side's distance is the mean of a distribution
    over bins, in strides."""
    bins = reading.boxes.column_count // 4
    _, stride = cells_and_strides(reading)
    probabilities = builder.op("Softmax", builder.reshape(boxes, [1, -1, 4, bins]), axis=3)
    mean = builder.op("MatMul", probabilities, builder.constant(np.arange(bins)[:, None]))
    distances = builder.op("Mul", builder.reshape(mean, [1, -1, 4]), builder.constant(stride))
    return _place_around_cells(builder, reading, distances)


def _place_around_cells(builder: GraphBuilder, reading: FormatReading, distances: str) -> str:
    """Distances in px, left, top, right, bottom, to xyxy."""
    cell, stride = cells_and_strides(reading)
    shifts = {"corner": 0.0, "middle": 0.5 * stride, "opencv": 0.5 * (stride - 1)}
    centre = builder.constant(cell * stride + shifts[reading.cell_centre])
    top_left = builder.op("Sub", centre, builder.columns(distances, 0, 2))
    bottom_right = builder.op("Add", centre, builder.columns(distances, 2, 4))
    return builder.op("Concat", top_left, bottom_right, axis=2)


def cells_and_strides(
    reading: FormatReading,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The column and row [1, A, 2] of each box's cell, and its stride in px [1, A, 1]; row by row,
    level by level."""
    cells = [level_cells(level).repeat(reading.boxes_per_cell, 0) for level in reading.levels]
    strides = [
        np.full((len(of_level), 1), level.stride, np.float32)
        for of_level, level in zip(cells, reading.levels, strict=True)
    ]
    return np.concatenate(cells)[np.newaxis], np.concatenate(strides)[np.newaxis]


def level_cells(level: Level) -> NDArray[np.float32]:
    """The column and row [cells, 2] of each cell of a level, row by row."""
    y, x = np.mgrid[0 : level.rows, 0 : level.columns]
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float32)
