"""Loading graphs with external weights, subgraphs and operators of other domains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.model.adapt.adapter import adapt
from scripts.model.adapt.options import AdaptOptions
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import yolo
from tests.scripts.model.adapt.foreign_graphs import (
    CLASSES,
    HEIGHT,
    WIDTH,
)


def test_external_weights_are_taken_into_the_bundle(tmp_path: Path) -> None:
    model, objects, _ = yolo.yolov5()
    onnx_path = tmp_path / "split.onnx"
    onnx.save_model(
        model,
        str(onnx_path),
        save_as_external_data=True,
        location="split.onnx_data",
        size_threshold=0,
    )
    options = AdaptOptions(classes=",".join(CLASSES))
    adapt(onnx_path, tmp_path / "bundle", name="x", version="1", options=options)
    (tmp_path / "split.onnx_data").unlink()
    assert len(detect(tmp_path, WIDTH, HEIGHT)) == len(objects)


def test_subgraphs_that_use_outer_values_are_upgraded(tmp_path: Path) -> None:
    model, objects, _ = yolo.yolov5()
    model.opset_import[0].version = 11
    last = next(node for node in model.graph.node if node.output[0] == "output0")
    last.output[0] = "plain"
    info = [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None)]
    body = helper.make_graph(
        [
            helper.make_node("Squeeze", ["plain"], ["flat"], axes=[0]),
            helper.make_node("Unsqueeze", ["flat"], ["chosen"], axes=[0]),
        ],
        "body",
        [],
        info,
    )
    model.graph.node.extend(
        [
            helper.make_node("Greater", ["mean", "nothing"], ["yes"]),
            helper.make_node("If", ["yes"], ["output0"], then_branch=body, else_branch=body),
        ]
    )
    adapt_model(tmp_path, model)
    assert len(detect(tmp_path, WIDTH, HEIGHT)) == len(objects)


def test_operators_of_other_domains_are_kept(tmp_path: Path) -> None:
    model, objects, _ = yolo.yolov5()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    last = next(node for node in model.graph.node if node.output[0] == "output0")
    last.output[0] = "plain"
    # FusedMatMul of (…, 8) by the identity
    eye = numpy_helper.from_array(np.eye(8, dtype=np.float32), "eye")
    model.graph.initializer.append(eye)
    model.graph.node.append(
        helper.make_node("FusedMatMul", ["plain", "eye"], ["output0"], domain="com.microsoft")
    )
    adapt_model(tmp_path, model)
    assert len(detect(tmp_path, WIDTH, HEIGHT)) == len(objects)
