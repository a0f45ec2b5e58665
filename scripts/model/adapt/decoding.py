"""A foreign graph and its plan in; a network for graph.wrap out: the picture to boxes float32
[1, A, 4], xyxy in input px, and scores float32 [1, C, A]. All in ONNX's operators of opset 18.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from scripts.model.adapt.foreign import Foreign
from scripts.model.adapt.plan import Part, Plan

_PREFIX = "foreign/"


class _Builder:
    """Nodes and constants, growing; every method gives the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        result = f"decode_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [result], **attributes))
        return result

    def of(self, value: object, dtype: type = np.float32) -> str:
        name = f"decode_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def reshape(self, source: str, shape: Sequence[int]) -> str:
        return self.op("Reshape", source, self.of(shape, np.int64))

    def columns(self, source: str, first: int, last: int) -> str:
        bounds = [self.of([value], np.int64) for value in (first, last, 2)]
        return self.op("Slice", source, *bounds)

    def part(self, part: Part) -> str:
        """float32 [1, A, part.columns]."""
        tables = []
        for name in part.outputs:
            values = self.op("Cast", _PREFIX + name, to=TensorProto.FLOAT)
            if part.layout == "columns":
                table = self.reshape(values, [1, part.width, -1])
                tables.append(self.op("Transpose", table, perm=[0, 2, 1]))
            else:
                tables.append(self.reshape(values, [1, -1, part.width]))
        whole = tables[0] if len(tables) == 1 else self.op("Concat", *tables, axis=1)
        if part.columns == part.width:
            return whole
        return self.columns(whole, part.first, part.first + part.columns)


def network(foreign: Foreign, plan: Plan, ids: Sequence[int]) -> onnx.ModelProto:
    """ids: the label, or the column, of each class that is answered, in the order of the names."""
    model = compose.add_prefix(foreign.model, _PREFIX)
    build = _Builder()
    image = foreign.image
    if image.rank == 4:
        build.nodes.append(helper.make_node("Identity", ["image"], [_PREFIX + image.name]))
    else:
        axis = build.of([0], np.int64)
        build.nodes.append(helper.make_node("Squeeze", ["image", axis], [_PREFIX + image.name]))
    front, build.nodes = build.nodes, []
    boxes = _boxes(build, plan, (image.width, image.height))
    scores = _scores(build, plan, ids)
    build.nodes += [
        helper.make_node("Identity", [boxes], ["boxes"]),
        helper.make_node("Identity", [scores], ["scores"]),
    ]
    shape = [1, 3, image.height, image.width]
    if image.layout == "nhwc":
        shape = [1, image.height, image.width, 3]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(image.dtype))
    made = model.graph
    nodes = [*front, *made.node, *build.nodes]
    del made.node[:], made.input[:], made.output[:], made.value_info[:]
    made.node.extend(nodes)
    made.initializer.extend(build.constants)
    made.input.append(helper.make_tensor_value_info("image", element, shape))
    made.output.append(helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, None, 4]))
    made.output.append(
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(ids), None])
    )
    del model.metadata_props[:]
    return model


def _boxes(build: _Builder, plan: Plan, size: tuple[int, int]) -> str:
    raw = build.part(plan.boxes)
    coding = plan.coding
    if coding == "grid":  # YOLOX: offsets to the cell in cells, logarithms of sizes in cells
        corner, stride = _cells(plan)
        place = build.op("Add", build.columns(raw, 0, 2), build.of(corner))
        places = build.op("Mul", place, build.of(stride))
        sizes = build.op("Mul", build.op("Exp", build.columns(raw, 2, 4)), build.of(stride))
        raw, coding = build.op("Concat", places, sizes, axis=2), "cxcywh"
    if coding == "distribution":  # Generalized Focal Loss: the mean of a distribution over bins
        bins = plan.boxes.columns // 4
        corner, stride = _cells(plan)
        shift = {"corner": 0.0, "middle": 0.5 * stride, "opencv": 0.5 * (stride - 1)}[plan.centre]
        likely = build.op("Softmax", build.reshape(raw, [1, -1, 4, bins]), axis=3)
        mean = build.op("MatMul", likely, build.of(np.arange(bins)[:, None]))
        away = build.op("Mul", build.reshape(mean, [1, -1, 4]), build.of(stride))
        centre = build.of(corner * stride + shift)
        first = build.op("Sub", centre, build.columns(away, 0, 2))
        last = build.op("Add", centre, build.columns(away, 2, 4))
        raw = build.op("Concat", first, last, axis=2)
        raw = build.op("Min", build.op("Max", raw, build.of(0.0)), build.of([*size, *size]))
    elif coding == "yxyx":
        raw = build.op("Gather", raw, build.of([1, 0, 3, 2], np.int64), axis=2)
    elif coding in ("cxcywh", "xywh"):
        first, extent = build.columns(raw, 0, 2), build.columns(raw, 2, 4)
        if coding == "cxcywh":
            half = build.op("Mul", extent, build.of(0.5))
            corners = (build.op("Sub", first, half), build.op("Add", first, half))
        else:
            corners = (first, build.op("Add", first, extent))
        raw = build.op("Concat", *corners, axis=2)
    if plan.units == "normalised":
        raw = build.op("Mul", raw, build.of([*size, *size]))
    return raw


def _cells(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Cell corners in cells [1, A, 2] as x, y, and strides in px [1, A, 1]; rows of each level."""
    corners, strides = [], []
    for stride, columns, rows in plan.cells:
        y, x = np.mgrid[0:rows, 0:columns]
        corners.append(np.stack([x.ravel(), y.ravel()], 1))
        strides.append(np.full((rows * columns, 1), stride))
    return (
        np.concatenate(corners)[np.newaxis].astype(np.float32),
        np.concatenate(strides)[np.newaxis].astype(np.float32),
    )


def _scores(build: _Builder, plan: Plan, ids: Sequence[int]) -> str:
    """float32 [1, len(ids), A]."""
    raw = build.part(plan.scores)
    if plan.activation == "sigmoid":
        raw = build.op("Sigmoid", raw)
    elif plan.activation == "softmax":
        raw = build.op("Softmax", raw, axis=2)
    if plan.count is not None:  # rows from the count on are padding
        raw = build.op("Mul", raw, _before(build, plan.count, raw))
    if plan.labels is not None:
        numbers = build.of(np.asarray(ids).reshape(1, -1, 1), np.int64)
        labels = build.op("Cast", build.op("Round", build.part(plan.labels)), to=TensorProto.INT64)
        own = build.op("Equal", build.op("Transpose", labels, perm=[0, 2, 1]), numbers)
        by_row = build.op("Transpose", raw, perm=[0, 2, 1])
        return build.op("Mul", build.op("Cast", own, to=TensorProto.FLOAT), by_row)
    if list(ids) != list(range(plan.scores.columns)):
        raw = build.op("Gather", raw, build.of(list(ids), np.int64), axis=2)
    if plan.objectness is not None:
        raw = build.op("Mul", raw, build.part(plan.objectness))
    scores = build.op("Transpose", raw, perm=[0, 2, 1])
    if plan.one_label and len(ids) > 1:
        best = build.op("ArgMax", scores, axis=1, keepdims=1)
        places = build.of(np.arange(len(ids)).reshape(1, -1, 1), np.int64)
        own = build.op("Equal", best, places)
        scores = build.op("Mul", scores, build.op("Cast", own, to=TensorProto.FLOAT))
    return scores


def _before(build: _Builder, count: str, rows: str) -> str:
    """1.0 for rows before the count, else 0.0: float32 [1, A, 1]."""
    scalar = build.of([], np.int64)
    most = build.op("Shape", rows, start=1, end=2)
    every = build.op(
        "Range",
        build.of(0, np.int64),
        build.op("Reshape", most, scalar),
        build.of(1, np.int64),
    )
    given = build.op("Cast", _PREFIX + count, to=TensorProto.INT64)
    own = build.op("Less", every, build.op("Reshape", given, scalar))
    return build.reshape(build.op("Cast", own, to=TensorProto.FLOAT), [1, -1, 1])
