"""Scores in 0..1 with a row for each of the bundle's classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from scripts.model.adapt.decoding.graph_builder import FOREIGN_PREFIX, GraphBuilder
from scripts.model.adapt.reading import Activation, FormatReading, OutputSlice


def decode_scores(builder: GraphBuilder, reading: FormatReading, class_ids: Sequence[int]) -> str:
    """float32 [1, len(class_ids), A]."""
    scores = _activate(builder, builder.output_slice(reading.scores), reading.activation)
    if reading.count_output is not None:
        is_detection = _rows_before_count(builder, reading.count_output, scores)
        scores = builder.op("Mul", scores, is_detection)
    if reading.labels is not None:
        return _spread_by_label(builder, scores, reading.labels, class_ids)
    if list(class_ids) != list(range(reading.scores.column_count)):
        columns = builder.constant(list(class_ids), np.int64)
        scores = builder.op("Gather", scores, columns, axis=2)
    if reading.boxes_per_row > 1:
        scores = _repeat_rows(builder, scores, reading.boxes_per_row, len(class_ids))
    if reading.objectness is not None:
        scores = _with_objectness(builder, reading, scores, reading.objectness)
    scores = builder.op("Transpose", scores, perm=[0, 2, 1])
    if reading.single_label and len(class_ids) > 1:
        best = builder.op("ArgMax", scores, axis=1, keepdims=1)
        rows = builder.constant(np.arange(len(class_ids)).reshape(1, -1, 1), np.int64)
        is_best = builder.op("Cast", builder.op("Equal", best, rows), to=TensorProto.FLOAT)
        scores = builder.op("Mul", scores, is_best)
    return scores


def _activate(builder: GraphBuilder, values: str, activation: Activation) -> str:
    if activation == "sigmoid":
        return builder.op("Sigmoid", values)
    if activation == "softmax":
        return builder.op("Softmax", values, axis=2)
    return values


def _repeat_rows(builder: GraphBuilder, scores: str, count: int, columns: int) -> str:
    """[1, A, columns] to [1, A · count, columns]: each row `count` times in succession."""
    repeats = builder.constant([1, 1, count, 1], np.int64)
    tiled = builder.op("Tile", builder.reshape(scores, [1, -1, 1, columns]), repeats)
    return builder.reshape(tiled, [1, -1, columns])


def _with_objectness(
    builder: GraphBuilder, reading: FormatReading, scores: str, objectness: OutputSlice
) -> str:
    """Scores [1, A, C] joined with an objectness [1, A, 1]."""
    values = _activate(builder, builder.output_slice(objectness), reading.objectness_activation)
    if reading.boxes_per_row > 1:
        values = builder.reshape(values, [1, -1, 1])
    factors = []
    for factor, exponent in zip((scores, values), reading.score_exponents, strict=True):
        if exponent != 1:  # a number below 0 has no root
            cut = builder.op("Clip", factor, builder.constant(0.0), builder.constant(1.0))
            factor = builder.op("Pow", cut, builder.constant(exponent))
        factors.append(factor)
    return builder.op("Mul", *factors)


def _spread_by_label(
    builder: GraphBuilder, scores: str, labels: OutputSlice, class_ids: Sequence[int]
) -> str:
    """Scores [1, A, 1] to [1, len(class_ids), A]: each in the row of its label, 0 in the others."""
    numbers = builder.constant(np.asarray(class_ids).reshape(1, -1, 1), np.int64)
    rounded = builder.op("Round", builder.output_slice(labels))
    label = builder.op("Cast", rounded, to=TensorProto.INT64)
    is_label = builder.op("Equal", builder.op("Transpose", label, perm=[0, 2, 1]), numbers)
    by_column = builder.op("Transpose", scores, perm=[0, 2, 1])
    return builder.op("Mul", builder.op("Cast", is_label, to=TensorProto.FLOAT), by_column)


def _rows_before_count(builder: GraphBuilder, count_output: str, rows: str) -> str:
    """float32 [1, A, 1]: 1 for rows before the count, 0 for padding."""
    scalar = builder.constant([], np.int64)
    row_count = builder.op("Shape", rows, start=1, end=2)
    numbers = builder.op(
        "Range",
        builder.constant(0, np.int64),
        builder.op("Reshape", row_count, scalar),
        builder.constant(1, np.int64),
    )
    count = builder.op("Cast", FOREIGN_PREFIX + count_output, to=TensorProto.INT64)
    is_before = builder.op("Less", numbers, builder.op("Reshape", count, scalar))
    return builder.reshape(builder.op("Cast", is_before, to=TensorProto.FLOAT), [1, -1, 1])
