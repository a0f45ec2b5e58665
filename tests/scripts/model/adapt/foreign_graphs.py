"""Tiny ONNX detectors in the formats of others; their outputs are constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HEIGHT = 128, 96
STRIDES = (8, 16, 32)
CLASSES = ("ant", "bee", "cat")
# (class, score, xyxy in input px): the second is alone, the third lies on the first but is of
# another class, the fourth lies on the first, the fifth is too faint.
OBJECTS = (
    (0, 0.9, (10.0, 12.0, 50.0, 40.0)),
    (2, 0.8, (60.0, 30.0, 110.0, 90.0)),
    (1, 0.7, (14.0, 12.0, 50.0, 43.0)),
    (0, 0.6, (18.0, 12.0, 51.0, 41.0)),
    (1, 0.1, (80.0, 5.0, 100.0, 25.0)),
)


def make_model(
    outputs: Mapping[str, np.ndarray],
    *,
    image: str = "images",
    shape: Sequence[int | str] = (1, 3, HEIGHT, WIDTH),
    dtype: int = TensorProto.FLOAT,
    opset: int = 12,
    metadata: Mapping[str, str] | None = None,
    inputs: Sequence[tuple[str, int, Sequence[int | str]]] = (),
    times_input: Mapping[str, str] | None = None,
    shapes: Mapping[str, Sequence[int | str]] | None = None,
) -> onnx.ModelProto:
    """A model whose outputs are these, plus zero times the picture's mean.

    inputs: (name, type, shape) of others beside the picture. times_input: output → the input it is
    multiplied by, an [1, 2] of (w, h) doubled to xyxy.
    """
    nodes = [
        helper.make_node("Cast", [image], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
    ]
    constants = [numpy_helper.from_array(np.float32(0), "nothing")]
    for name, _, _ in inputs:  # every input is used
        nodes.append(helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT))
    for name, array in outputs.items():
        constants.append(numpy_helper.from_array(array.astype(np.float32), f"{name}_value"))
        value = f"{name}_value"
        if times_input and name in times_input:
            size = f"{times_input[name]}_float"
            nodes.append(helper.make_node("Concat", [size, size], [f"{name}_sides"], axis=-1))
            nodes.append(helper.make_node("Mul", [value, f"{name}_sides"], [f"{name}_scaled"]))
            value = f"{name}_scaled"
        nodes.append(helper.make_node("Add", [value, "zero"], [f"{name}_sum"]))
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        nodes.append(helper.make_node("Cast", [f"{name}_sum"], [name], to=kind))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(image, dtype, list(shape)),
            *(helper.make_tensor_value_info(*item) for item in inputs),
        ],
        [
            helper.make_tensor_value_info(
                name,
                helper.np_dtype_to_tensor_dtype(array.dtype),
                list((shapes or {}).get(name, array.shape)),
            )
            for name, array in outputs.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    return model


def save(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    onnx_path = folder / name
    onnx_path.write_bytes(model.SerializeToString())
    return onnx_path


def grid(strides: Sequence[int] = STRIDES) -> np.ndarray:
    """(A, 3): cell x, cell y, stride; float64."""
    cells = [
        (x, y, stride)
        for stride in strides
        for y in range(-(-HEIGHT // stride))
        for x in range(-(-WIDTH // stride))
    ]
    return np.array(cells, np.float64)


def cxcywh(box: Sequence[float]) -> np.ndarray:
    x0, y0, x1, y1 = box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])


def rows_for_objects(strides: Sequence[int] = STRIDES, anchors: int = 1) -> list[int]:
    """A row of the first level for each object, near its centre; no two objects share one."""
    columns = -(-WIDTH // strides[0])
    rows: list[int] = []
    for _, _, box in OBJECTS:
        x, y, _, _ = cxcywh(box)
        row = int(y // strides[0]) * columns + int(x // strides[0])
        while row in rows:
            row += 1
        rows.append(row)
    return rows


def decoded_table(*, objectness: bool, anchors: int = 1) -> np.ndarray:
    """(A, 4 [+ 1] + C): cxcywh in input px, [objectness], class scores. Rows without an object lie
    about their own cell, with faint scores."""
    cells, rng = np.repeat(grid(), anchors, 0), np.random.default_rng(7)
    table = np.zeros((len(cells), 4 + objectness + len(CLASSES)))
    table[:, :2] = (cells[:, :2] + rng.uniform(0.2, 0.8, (len(cells), 2))) * cells[:, 2:]
    table[:, 2:4] = cells[:, 2:] * rng.uniform(0.6, 2.4, (len(cells), 2))
    table[:, 4:] = 0.01
    for row, (label, score, box) in zip(rows_for_objects(), OBJECTS, strict=True):
        table[row, :4] = cxcywh(box)
        if objectness:
            table[row, 4] = 0.95
        table[row, 4 + objectness + label] = score / (0.95 if objectness else 1)
        if label == 2:
            table[row, 4 + objectness] = 0.55  # a second class above every threshold
    return table
