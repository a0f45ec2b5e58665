"""Rewrites a graph of opset 7 to 17 for opset 18, subgraphs included.

It is for what ONNX's own version converter cannot do: it leaves the bodies of Loop, Scan and If as
they are, which TensorFlow's detectors have, and refuses some operators.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import AttributeProto, helper, numpy_helper

from scripts.tool import ToolError

# Attributes that became inputs: operator → (the opset of the change, attribute, input index).
_ATTRIBUTE_TO_INPUT = {
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
    """A copy of the model at opset `target`. Raises ToolError where its opset is older than 7."""
    version = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    if version < 7:
        raise ToolError(f"opset {version} is too old: 7 is the oldest known")
    model = onnx.ModelProto.FromString(model.SerializeToString())
    _upgrade_graph(model.graph, version, itertools.count())
    for item in model.opset_import:
        if item.domain in ("", "ai.onnx"):
            item.version = target
    return model


def _upgrade_graph(graph: onnx.GraphProto, version: int, numbers: Iterator[int]) -> None:
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _upgrade_graph(inner, version, numbers)
        if node.domain in ("", "ai.onnx"):
            nodes += _upgrade_node(graph, node, version, numbers)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]


def _upgrade_node(
    graph: onnx.GraphProto, node: onnx.NodeProto, version: int, numbers: Iterator[int]
) -> Iterable[onnx.NodeProto]:
    """The nodes that do at opset 18 what `node` did; constants go into the graph.

    numbers: for names that no two constants share.
    """

    def add_constant(value: object, dtype: type) -> str:
        name = f"upgraded_{next(numbers)}"
        graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def pop_attribute(name: str) -> AttributeProto | None:
        for attribute in node.attribute:
            if attribute.name == name:
                others = [other for other in node.attribute if other.name != name]
                del node.attribute[:]
                node.attribute.extend(others)
                return attribute
        return None

    def set_input(index: int, name: str) -> None:
        while len(node.input) <= index:
            node.input.append("")
        node.input[index] = name

    kind = node.op_type
    if kind in _ATTRIBUTE_TO_INPUT and version < _ATTRIBUTE_TO_INPUT[kind][0]:
        _, name, index = _ATTRIBUTE_TO_INPUT[kind]
        attribute = pop_attribute(name)
        if attribute is not None:
            value = list(attribute.ints) or [attribute.i]
            set_input(index, add_constant(value, np.int64))
    if kind == "Split" and len([name for name in node.input if name]) == 1:
        pop_attribute("num_outputs")
        node.attribute.append(helper.make_attribute("num_outputs", len(node.output)))
    if kind == "Slice" and version < 10:
        for index, name in ((1, "starts"), (2, "ends"), (3, "axes")):
            attribute = pop_attribute(name)
            if attribute is not None:
                set_input(index, add_constant(list(attribute.ints), np.int64))
    if kind == "Clip" and version < 11:
        for index, name in ((1, "min"), (2, "max")):
            attribute = pop_attribute(name)
            if attribute is not None:
                set_input(index, add_constant(attribute.f, np.float32))
    if kind == "Pad" and version < 11:
        pads, fill = pop_attribute("pads"), pop_attribute("value")
        if pads is not None:
            set_input(1, add_constant(list(pads.ints), np.int64))
        if fill is not None:
            set_input(2, add_constant(fill.f, np.float32))
    if kind == "Dropout":
        return [helper.make_node("Identity", [node.input[0]], [node.output[0]])]
    if kind == "BatchNormalization":
        pop_attribute("spatial")
        del node.output[1:]
    if kind == "Upsample":
        if version < 9:
            scales = pop_attribute("scales")
            set_input(1, add_constant(list(scales.floats) if scales else [1.0], np.float32))
        return _replace_by_resize(node)
    if kind == "Resize" and version < 11:
        return _replace_by_resize(node)
    if kind == "Scatter":
        node.op_type = "ScatterElements"
    if kind in ("Softmax", "LogSoftmax", "Hardmax") and version < 13:
        # Before opset 13, all axes from `axis` on count as one.
        attribute = pop_attribute("axis")
        axis = attribute.i if attribute is not None else 1
        source, result = node.input[0], node.output[0]
        if axis == -1:
            node.attribute.append(helper.make_attribute("axis", -1))
            return [node]
        flat, soft, shape = (f"upgraded_{next(numbers)}" for _ in range(3))
        return [
            helper.make_node("Shape", [source], [shape]),
            helper.make_node("Flatten", [source], [flat], axis=axis),
            helper.make_node(kind, [flat], [soft], axis=-1),
            helper.make_node("Reshape", [soft, shape], [result]),
        ]
    return [node]


def _replace_by_resize(node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
    """Upsample, and Resize before opset 11, have asymmetric coordinates, rounded down."""
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
