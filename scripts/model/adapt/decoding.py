"""Appends a format's decoding to a foreign graph, as ONNX operators of opset 18.

The result is the network that scripts.model.graph.wrap takes: the picture to boxes float32
[1, A, 4], xyxy in input px, and scores float32 [1, C, A].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.recognition.reading import FormatReading, OutputSlice

_PREFIX = "foreign/"


class _GraphBuilder:
    """Nodes and constants, as they are added; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        result = f"decode_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [result], **attributes))
        return result

    def constant(self, value: object, dtype: type = np.float32) -> str:
        name = f"decode_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def reshape(self, source: str, shape: Sequence[int]) -> str:
        return self.op("Reshape", source, self.constant(shape, np.int64))

    def columns(self, source: str, first: int, last: int) -> str:
        """Columns `first` to `last` (exclusive) of [1, A, columns]."""
        first_last_axis = [self.constant([value], np.int64) for value in (first, last, 2)]
        return self.op("Slice", source, *first_last_axis)

    def output_slice(self, part: OutputSlice) -> str:
        """float32 [1, A, part.column_count]."""
        tables = []
        for name in part.outputs:
            values = self.op("Cast", _PREFIX + name, to=TensorProto.FLOAT)
            if part.layout == "columns":
                table = self.reshape(values, [1, part.width, -1])
                tables.append(self.op("Transpose", table, perm=[0, 2, 1]))
            else:
                tables.append(self.reshape(values, [1, -1, part.width]))
        stacked = tables[0] if len(tables) == 1 else self.op("Concat", *tables, axis=1)
        if part.column_count == part.width:
            return stacked
        return self.columns(stacked, part.first, part.first + part.column_count)


def build_network(
    foreign: ForeignModel, reading: FormatReading, class_ids: Sequence[int]
) -> onnx.ModelProto:
    """The foreign graph with the reading's decoding behind it.

    class_ids: the label, or the column of scores, of each class, in the order of the bundle's
    names.
    """
    model = compose.add_prefix(foreign.model, _PREFIX)
    builder = _GraphBuilder()
    image = foreign.image
    foreign_input = _PREFIX + image.name
    if image.rank == 4:
        builder.nodes.append(helper.make_node("Identity", ["image"], [foreign_input]))
    else:
        batch_axis = builder.constant([0], np.int64)
        builder.nodes.append(helper.make_node("Squeeze", ["image", batch_axis], [foreign_input]))
    input_nodes, builder.nodes = builder.nodes, []
    boxes = _decode_boxes(builder, reading, (image.width, image.height))
    scores = _decode_scores(builder, reading, class_ids)
    builder.nodes += [
        helper.make_node("Identity", [boxes], ["boxes"]),
        helper.make_node("Identity", [scores], ["scores"]),
    ]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(image.dtype))
    graph = model.graph
    nodes = [*input_nodes, *graph.node, *builder.nodes]
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(builder.constants)
    graph.input.append(helper.make_tensor_value_info("image", element, image.batch_shape))
    graph.output.append(helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, None, 4]))
    graph.output.append(
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(class_ids), None])
    )
    del model.metadata_props[:]
    return model


def _decode_boxes(builder: _GraphBuilder, reading: FormatReading, size: tuple[int, int]) -> str:
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


def _decode_grid(builder: _GraphBuilder, reading: FormatReading, boxes: str) -> str:
    """YOLOX's coding to cxcywh: offsets to the cell and logarithms of sizes, both in cells."""
    cell, stride = _cells(reading)
    offset = builder.op("Add", builder.columns(boxes, 0, 2), builder.constant(cell))
    centre = builder.op("Mul", offset, builder.constant(stride))
    extent = builder.op(
        "Mul", builder.op("Exp", builder.columns(boxes, 2, 4)), builder.constant(stride)
    )
    return builder.op("Concat", centre, extent, axis=2)


def _decode_distribution(
    builder: _GraphBuilder, reading: FormatReading, boxes: str, size: tuple[int, int]
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


def _decode_scores(builder: _GraphBuilder, reading: FormatReading, class_ids: Sequence[int]) -> str:
    """float32 [1, len(class_ids), A]."""
    scores = builder.output_slice(reading.scores)
    if reading.activation == "sigmoid":
        scores = builder.op("Sigmoid", scores)
    elif reading.activation == "softmax":
        scores = builder.op("Softmax", scores, axis=2)
    if reading.count_output is not None:
        is_detection = _rows_before_count(builder, reading.count_output, scores)
        scores = builder.op("Mul", scores, is_detection)
    if reading.labels is not None:
        return _spread_by_label(builder, scores, reading.labels, class_ids)
    if list(class_ids) != list(range(reading.scores.column_count)):
        columns = builder.constant(list(class_ids), np.int64)
        scores = builder.op("Gather", scores, columns, axis=2)
    if reading.objectness is not None:
        scores = builder.op("Mul", scores, builder.output_slice(reading.objectness))
    scores = builder.op("Transpose", scores, perm=[0, 2, 1])
    if reading.single_label and len(class_ids) > 1:
        best = builder.op("ArgMax", scores, axis=1, keepdims=1)
        rows = builder.constant(np.arange(len(class_ids)).reshape(1, -1, 1), np.int64)
        is_best = builder.op("Cast", builder.op("Equal", best, rows), to=TensorProto.FLOAT)
        scores = builder.op("Mul", scores, is_best)
    return scores


def _spread_by_label(
    builder: _GraphBuilder, scores: str, labels: OutputSlice, class_ids: Sequence[int]
) -> str:
    """Scores [1, A, 1] to [1, len(class_ids), A]: each in the row of its label, 0 in the others."""
    numbers = builder.constant(np.asarray(class_ids).reshape(1, -1, 1), np.int64)
    rounded = builder.op("Round", builder.output_slice(labels))
    label = builder.op("Cast", rounded, to=TensorProto.INT64)
    is_label = builder.op("Equal", builder.op("Transpose", label, perm=[0, 2, 1]), numbers)
    by_column = builder.op("Transpose", scores, perm=[0, 2, 1])
    return builder.op("Mul", builder.op("Cast", is_label, to=TensorProto.FLOAT), by_column)


def _rows_before_count(builder: _GraphBuilder, count_output: str, rows: str) -> str:
    """float32 [1, A, 1]: 1 for rows before the count, 0 for padding."""
    scalar = builder.constant([], np.int64)
    row_count = builder.op("Shape", rows, start=1, end=2)
    numbers = builder.op(
        "Range",
        builder.constant(0, np.int64),
        builder.op("Reshape", row_count, scalar),
        builder.constant(1, np.int64),
    )
    count = builder.op("Cast", _PREFIX + count_output, to=TensorProto.INT64)
    is_before = builder.op("Less", numbers, builder.op("Reshape", count, scalar))
    return builder.reshape(builder.op("Cast", is_before, to=TensorProto.FLOAT), [1, -1, 1])
