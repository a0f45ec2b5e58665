"""A graph of opset 7 to 17 in, the same at opset 18 out, subgraphs included.

ONNX's own version converter comes first (scripts.model.adapt.foreign): it leaves the bodies of
Loop, Scan and If as they are, which TensorFlow's detectors have, and refuses some operators.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import AttributeProto, helper, numpy_helper

from scripts.model.adapt.errors import AdaptError

# Attributes that became inputs: operator → (the opset that did it, attribute, the input's place).
_TO_INPUT = {
    "Squeeze": (13, "axes", 1),
    "Unsqueeze": (13, "axes", 1),
    "ReduceSum": (13, "axes", 1),
    "Split": (13, "split", 1),
    "TopK": (10, "k", 1),
} | {
    f"Reduce{name}": (18, "axes", 1)
    for name in ("Max", "Min", "Mean", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
}


def upgrade(model: onnx.ModelProto, target: int) -> onnx.ModelProto:
    """Raises AdaptError where an operator's old form has no new one here."""
    version = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    if version < 7:
        raise AdaptError(f"opset {version} is too old: 7 is the oldest known")
    model = onnx.ModelProto.FromString(model.SerializeToString())
    _graph(model.graph, version, iter(range(1_000_000)))
    for item in model.opset_import:
        if item.domain in ("", "ai.onnx"):
            item.version = target
    return model


def _graph(graph: onnx.GraphProto, version: int, fresh: Iterator[int]) -> None:
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _graph(inner, version, fresh)
        if node.domain in ("", "ai.onnx"):
            nodes += _node(graph, node, version, fresh)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]


def _node(
    graph: onnx.GraphProto, node: onnx.NodeProto, version: int, fresh: Iterator[int]
) -> Iterable[onnx.NodeProto]:
    def add(value: object, dtype: type) -> str:
        name = f"upgraded_{next(fresh)}"
        graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def take(name: str) -> AttributeProto | None:
        for attribute in node.attribute:
            if attribute.name == name:
                kept = [other for other in node.attribute if other.name != name]
                del node.attribute[:]
                node.attribute.extend(kept)
                return attribute
        return None

    def put(place: int, name: str) -> None:
        while len(node.input) <= place:
            node.input.append("")
        node.input[place] = name

    kind = node.op_type
    if kind in _TO_INPUT and version < _TO_INPUT[kind][0]:
        _, name, place = _TO_INPUT[kind]
        attribute = take(name)
        if attribute is not None:
            value = list(attribute.ints) or [attribute.i]
            put(place, add(value, np.int64))
    if kind == "Split" and len([name for name in node.input if name]) == 1:
        take("num_outputs")
        node.attribute.append(helper.make_attribute("num_outputs", len(node.output)))
    if kind == "Slice" and version < 10:
        for place, name in ((1, "starts"), (2, "ends"), (3, "axes")):
            attribute = take(name)
            if attribute is not None:
                put(place, add(list(attribute.ints), np.int64))
    if kind == "Clip" and version < 11:
        for place, name in ((1, "min"), (2, "max")):
            attribute = take(name)
            if attribute is not None:
                put(place, add(attribute.f, np.float32))
    if kind == "Pad" and version < 11:
        pads, value = take("pads"), take("value")
        if pads is not None:
            put(1, add(list(pads.ints), np.int64))
        if value is not None:
            put(2, add(value.f, np.float32))
    if kind == "Dropout":
        return [helper.make_node("Identity", [node.input[0]], [node.output[0]])]
    if kind == "BatchNormalization":
        take("spatial")
        del node.output[1:]
    if kind == "Upsample":
        if version < 9:
            scales = take("scales")
            put(1, add(list(scales.floats) if scales else [1.0], np.float32))
        return _resize(node, add)
    if kind == "Resize" and version < 11:
        return _resize(node, add)
    if kind == "Scatter":
        node.op_type = "ScatterElements"
    if kind in ("Softmax", "LogSoftmax", "Hardmax") and version < 13:
        # Until 13 all axes from `axis` on were one.
        attribute = take("axis")
        axis = attribute.i if attribute is not None else 1
        source, result = node.input[0], node.output[0]
        if axis == -1:
            node.attribute.append(helper.make_attribute("axis", -1))
            return [node]
        flat, soft, shape = (f"upgraded_{next(fresh)}" for _ in range(3))
        return [
            helper.make_node("Shape", [source], [shape]),
            helper.make_node("Flatten", [source], [flat], axis=axis),
            helper.make_node(kind, [flat], [soft], axis=-1),
            helper.make_node("Reshape", [soft, shape], [result]),
        ]
    return [node]


def _resize(node: onnx.NodeProto, add: object) -> Iterable[onnx.NodeProto]:
    """Upsample, and Resize before 11: asymmetric coordinates, rounded down."""
    mode = next((a.s.decode() for a in node.attribute if a.name == "mode"), "nearest")
    return [
        helper.make_node(
            "Resize",
            [node.input[0], "", node.input[1]],
            list(node.output),
            name=node.name,
            mode="nearest" if mode == "nearest" else "linear",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    ]
