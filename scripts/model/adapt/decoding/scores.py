"""Scores in 0..1 with a row for each of the bundle's classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from scripts.model.adapt.decoding.graph_builder import FOREIGN_PREFIX, GraphBuilder
from scripts.model.adapt.reading import FormatReading, OutputSlice


def decode_scores(builder: GraphBuilder, reading: FormatReading, class_ids: Sequence[int]) -> str:
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
