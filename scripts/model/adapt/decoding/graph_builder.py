"""Builds the nodes that a decoding adds behind a foreign graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.model.adapt.reading import OutputSlice

FOREIGN_PREFIX = "foreign/"  # of every name in the foreign graph


class GraphBuilder:
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
            values = self.op("Cast", FOREIGN_PREFIX + name, to=TensorProto.FLOAT)
            if part.layout == "columns":
                table = self.reshape(values, [1, part.tables_per_row * part.width, -1])
                values = self.op("Transpose", table, perm=[0, 2, 1])
            tables.append(self.reshape(values, [1, -1, part.width]))
        stacked = tables[0] if len(tables) == 1 else self.op("Concat", *tables, axis=1)
        if part.column_count == part.width:
            return stacked
        return self.columns(stacked, part.first, part.first + part.column_count)
