"""Finds the layers of a detector's graph that may become int8, in groups quantised together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import onnx

from scripts.tool import ToolError

MAX_GROUPS = 48  # layers are measured one by one up to this many, in runs of neighbours beyond
WEIGHTED_OPS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# What ONNX Runtime computes in int8 on a CPU: between two layers of int8, a step left in float
# costs a Dequantize and a Quantize, which took the whole gain on the default model.
INT8_OPS = [
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Relu", "Clip", "LeakyRelu", "Sigmoid", "Concat"),
    *("MaxPool", "AveragePool", "GlobalAveragePool", "Resize"),
]


@dataclass(frozen=True)
class LayerGroup:
    """Neighbouring layers that are quantised together: their nodes' names, in order."""

    nodes: tuple[str, ...]


def group_layers(model: onnx.ModelProto) -> list[LayerGroup]:
    """The layers that may become int8, in order, at most MAX_GROUPS groups of them.

    A layer is a convolution or matrix product by constant weights, with the int8 operations that
    follow it. The nodes from the image to the first layers and from the last layers to NMS stay
    float, as do those layers themselves. Raises ToolError where no layer is left, or where the
    graph is int8 already.
    """
    nodes = model.graph.node
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in nodes):
        raise ToolError("the graph is quantised already; give the float bundle it was made of")
    weights = {tensor.name for tensor in model.graph.initializer}

    def is_layer(node: onnx.NodeProto) -> bool:
        return node.op_type in WEIGHTED_OPS and len(node.input) > 1 and node.input[1] in weights

    producer = {name: node for node in nodes for name in node.output}
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in nodes:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    float_nodes: set[str] = set()
    pending = list(find_nms(model).input[:2])
    while pending:  # backwards from NMS
        node = producer.get(pending.pop())
        if node is not None and node.name not in float_nodes:
            float_nodes.add(node.name)
            pending += [] if is_layer(node) else list(node.input)
    pending = ["image"]
    while pending:  # forwards from the image
        for node in consumers.get(pending.pop(), []):
            if node.name not in float_nodes:
                float_nodes.add(node.name)
                pending += [] if is_layer(node) else list(node.output)

    layers: list[list[str]] = []
    for node in nodes:
        if node.name in float_nodes or node.op_type not in INT8_OPS:
            continue
        if is_layer(node):
            layers.append([])
        if layers:
            layers[-1].append(node.name)
    if not layers:
        raise ToolError(
            "the graph has no layers between its first convolution and its last ones: "
            "nothing to quantise"
        )
    count = min(len(layers), MAX_GROUPS)
    bounds = np.linspace(0, len(layers), count + 1).round().astype(int)
    return [
        LayerGroup(tuple(name for layer in layers[start:stop] for name in layer))
        for start, stop in itertools.pairwise(bounds)
    ]


def find_nms(model: onnx.ModelProto) -> onnx.NodeProto:
    """The bundle's own NMS, the last one: a network may have others inside. Raises ToolError."""
    nms_nodes = [node for node in model.graph.node if node.op_type == "NonMaxSuppression"]
    if not nms_nodes:
        raise ToolError(
            "the graph has no NonMaxSuppression, so its candidates cannot be found; "
            "make the bundle with scripts.model.export or scripts.model.adapt"
        )
    return nms_nodes[-1]
