"""A graph of an old opset gives the same after its upgrade."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from scripts.model.adapt.loading import opset


def old_graph(version: int) -> onnx.ModelProto:
    """A graph of opset 9 to 12 with the operators whose form changed since, some inside an If."""
    inner = [
        helper.make_node("Squeeze", ["column"], ["inner_flat"], axes=[1]),
        helper.make_node("ReduceSum", ["inner_flat"], ["then_sum"], axes=[0], keepdims=0),
    ]
    other = [helper.make_node("ReduceMax", ["column"], ["else_max"], axes=[0, 1], keepdims=0)]
    value = helper.make_tensor_value_info
    branch = {
        "then_branch": helper.make_graph(inner, "a", [], [value("then_sum", 1, None)]),
        "else_branch": helper.make_graph(other, "b", [], [value("else_max", 1, None)]),
    }
    nodes = [
        helper.make_node("Softmax", ["x"], ["soft"], axis=1),  # over both last axes together
        helper.make_node("Split", ["soft"], ["low", "high"], axis=2, split=[1, 3]),
        helper.make_node("ReduceMean", ["high"], ["mean"], axes=[2], keepdims=0),
        helper.make_node("Unsqueeze", ["mean"], ["wide"], axes=[0]),
        helper.make_node("Squeeze", ["wide"], ["column"], axes=[0, 1]),
        helper.make_node("Unsqueeze", ["column"], ["column_2"], axes=[1]),
        helper.make_node("ReduceSum", ["column"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "tiny"], ["yes"]),
        helper.make_node("Identity", ["low"], ["y"]),
    ]
    for subgraph in branch.values():
        for node in subgraph.node:
            node.input[:] = ["column_2" if name == "column" else name for name in node.input]
    nodes.append(helper.make_node("If", ["yes"], ["z"], **branch))
    graph = helper.make_graph(
        nodes,
        "old",
        [value("x", 1, [1, 3, 4])],
        [value("y", 1, None), value("z", 1, None)],
        [numpy_helper.from_array(np.float32(-1), "tiny")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=7)


@pytest.mark.parametrize("version", [9, 11, 12])
def test_an_old_graph_is_brought_up_to_date_bodies_included(version: int) -> None:
    model = old_graph(version)
    x = np.random.default_rng(0).normal(0, 1, (1, 3, 4)).astype(np.float32)

    def outputs(model: onnx.ModelProto) -> list[np.ndarray]:
        return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})

    upgraded = opset.upgrade(model, 18)
    assert upgraded.opset_import[0].version == 18
    for old, new in zip(outputs(model), outputs(upgraded), strict=True):
        assert old.shape == new.shape and np.allclose(old, new)
