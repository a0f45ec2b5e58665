"""Mends what exporters and converters leave wrong in a graph that computes what it should.

ONNX Runtime forgives these, but ONNX's checker and converter do not, or a warning for each is
printed wherever the bundle is loaded.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import onnx
from onnx import inliner

from scripts.model.adapt.loading.tensorrt_plugins import replace_plugins
from scripts.model.plurals import counted


def mend(model: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The model, changed in place where that can be, and a sentence for each thing mended.

    Nodes are put into an order in which each comes after those it needs, in subgraphs, too; weights
    that nothing uses are left out; functions become nodes; weights are no inputs (before IR 4 they
    had to be); shapes that the file notes of values inside are forgotten; TensorRT's NMS becomes
    ONNX's. Raises ToolError.
    """
    if model.functions:
        model = inliner.inline_local_functions(model)
    notes = [*replace_plugins(model)]
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for graph in _graphs(model.graph):
        del graph.value_info[:]
    sorted_count = sum(sort_nodes(graph) for graph in _graphs(model.graph))
    if sorted_count:
        notes.append("the file's nodes are out of order, as float16 converters leave them: sorted")
    dropped = drop_unused_weights(model)
    if dropped:
        notes.append(
            f"left out {counted(dropped, 'initialiser')} that nothing uses (ONNX Runtime warns of "
            "each at every load)"
        )
    return model, tuple(notes)


def sort_nodes(graph: onnx.GraphProto) -> bool:
    """Put the graph's own nodes into topological order, in place; whether they were not.

    Nodes that may stay in their order do. Nodes in a cycle are left to ONNX Runtime to refuse.
    """
    producers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needs = [
        {producers[name] for name in _names_read(node) if name in producers} for node in graph.node
    ]
    if all(max(before, default=-1) < index for index, before in enumerate(needs)):
        return False
    followers: dict[int, list[int]] = {}
    for index, before in enumerate(needs):
        for earlier in before:
            followers.setdefault(earlier, []).append(index)
    missing = [len(before) for before in needs]
    ready = [index for index, count in enumerate(missing) if not count]
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for follower in followers.get(index, []):
            missing[follower] -= 1
            if not missing[follower]:
                heapq.heappush(ready, follower)
    if len(order) < len(needs):
        return False
    nodes = [graph.node[index] for index in order]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    return True


def drop_unused_weights(model: onnx.ModelProto) -> int:
    """Remove the initialisers that no node and no output uses, in subgraphs, too; how many."""
    dropped = 0
    for graph in _graphs(model.graph):
        used = {name for node in graph.node for name in _names_read(node)}
        used |= {output.name for output in graph.output}
        for tensors in (graph.initializer, graph.sparse_initializer):
            unused = [
                index
                for index, tensor in enumerate(tensors)
                if (tensor.values.name if hasattr(tensor, "indices") else tensor.name) not in used
            ]
            for index in reversed(unused):
                del tensors[index]
            dropped += len(unused)
    return dropped


def _names_read(node: onnx.NodeProto) -> Iterator[str]:
    """The values that a node takes, those that its subgraphs take from outside included."""
    yield from (name for name in node.input if name)
    for graph in _subgraphs(node):
        for inner in graph.node:
            yield from _names_read(inner)
        yield from (output.name for output in graph.output)


def _subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph, and every subgraph of its nodes."""
    yield graph
    for node in graph.node:
        for subgraph in _subgraphs(node):
            yield from _graphs(subgraph)
