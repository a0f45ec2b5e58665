"""Graphs that exporters leave in disorder: mended, with the same numbers and no warnings."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from scripts.model.adapt.loading.mending import drop_unused_weights, mend, sort_nodes
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import yolo
from tests.scripts.model.adapt.foreign_graphs import HEIGHT, WIDTH, save
from tests.support.paths import ROOT, SHARED_DATA

LOAD = """
import sys
from pathlib import Path
from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
Detector.load(load_bundle(Path(sys.argv[1])), threads=1)
"""


def warnings_at_load(bundle_dir: Path) -> str:
    """What a process that loads the bundle prints on stderr."""
    ran = subprocess.run(
        [sys.executable, "-c", LOAD, str(bundle_dir)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"ORT_DISABLE_TELEMETRY": "1"},
    )
    return ran.stderr


def branch(name: str, weight: str) -> onnx.GraphProto:
    """z + w, its two nodes in the wrong order, its own weight, an unused one, and a stale shape."""
    return helper.make_graph(
        [
            helper.make_node("Add", [f"{name}_twice", weight], [name]),
            helper.make_node("Add", ["late", "outer"], [f"{name}_twice"]),
        ],
        name,
        [],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])],
        [
            numpy_helper.from_array(np.float32(5), weight),
            numpy_helper.from_array(np.ones(3, np.float32), f"{name}_unused"),
        ],
        value_info=[helper.make_tensor_value_info(f"{name}_twice", TensorProto.FLOAT, [9, 9])],
    )


def disordered() -> onnx.ModelProto:
    """If's branches need `late`, which the file has behind it; x → x + 1 + 2 + 5."""
    graph = helper.make_graph(
        [
            helper.make_node(
                "If",
                ["yes"],
                ["y"],
                then_branch=branch("a", "five_a"),
                else_branch=branch("b", "five_b"),
            ),
            helper.make_node("Add", ["x", "one"], ["late"]),
        ],
        "disordered",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
        [
            numpy_helper.from_array(np.array(True), "yes"),
            numpy_helper.from_array(np.float32(1), "one"),
            numpy_helper.from_array(np.float32(2), "outer"),
            numpy_helper.from_array(np.zeros(7, np.float32), "unused"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_a_disordered_graph_gives_the_same_numbers_when_mended() -> None:
    mended, notes = mend(disordered())
    onnx.checker.check_model(mended, full_check=True)  # it wants nodes in order
    session = onnxruntime.InferenceSession(mended.SerializeToString())
    x = np.array([1.5, -2], np.float32)
    assert session.run(None, {"x": x})[0].tolist() == [9.5, 6.0]
    assert [node.op_type for node in mended.graph.node] == ["Add", "If"]
    body = mended.graph.node[1].attribute[0].g
    assert [tensor.name for tensor in body.initializer] in (["five_a"], ["five_b"])
    assert not body.value_info
    assert "out of order" in notes[0] and "3 initialisers that nothing uses" in notes[1]


def test_an_ordered_graph_stays_as_it_is() -> None:
    model = yolo.yolov5().model
    before = model.SerializeToString()
    mended, notes = mend(model)
    assert mended.SerializeToString() == before and notes == ()


def test_nodes_in_a_cycle_are_left_alone() -> None:
    model = disordered()
    model.graph.node.append(helper.make_node("Add", ["q", "one"], ["p"]))
    model.graph.node.append(helper.make_node("Add", ["p", "one"], ["q"]))
    assert not sort_nodes(model.graph)
    assert [node.op_type for node in model.graph.node] == ["If", "Add", "Add", "Add"]


def test_a_weight_that_is_an_output_stays() -> None:
    model = disordered()
    model.graph.output.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, [7]))
    drop_unused_weights(model)
    assert "unused" in {tensor.name for tensor in model.graph.initializer}


def test_a_weight_that_only_a_subgraph_hands_on_stays() -> None:
    model = disordered()
    body = next(node for node in model.graph.node if node.op_type == "If").attribute[0].g
    body.output.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, [7]))
    drop_unused_weights(model)
    assert "unused" in {tensor.name for tensor in model.graph.initializer}


def test_local_functions_become_nodes() -> None:
    model = disordered()
    model.opset_import.append(helper.make_opsetid("mine", 1))
    model.graph.node[1].op_type, model.graph.node[1].domain = "Plus", "mine"
    model.functions.append(
        helper.make_function(
            "mine",
            "Plus",
            ["p", "q"],
            ["r"],
            [helper.make_node("Add", ["p", "q"], ["r"])],
            [helper.make_opsetid("", 18)],
        )
    )
    mended, _ = mend(model)
    assert not mended.functions
    session = onnxruntime.InferenceSession(mended.SerializeToString())
    assert session.run(None, {"x": np.zeros(2, np.float32)})[0].tolist() == [8.0, 8.0]


def test_a_bundle_of_a_disordered_file_loads_without_a_warning(tmp_path: Path) -> None:
    model, objects, _ = yolo.yolov8()
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for number in range(40):
        model.graph.initializer.append(
            numpy_helper.from_array(np.zeros((), np.int64), f"bn{number}.num_batches_tracked")
        )
    model.graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("mean", "gone")
    )
    result = adapt_model(tmp_path, model, classes=None)
    assert any("out of order" in note for note in result.notes)
    assert any("40 initialisers" in note for note in result.notes)
    assert len(detect(tmp_path, WIDTH, HEIGHT)) == len(objects)
    assert warnings_at_load(tmp_path / "bundle") == ""


def test_the_input_that_the_graph_does_not_use_gives_no_warning(tmp_path: Path) -> None:
    model, _, _ = yolo.yolov5()
    model.graph.input.append(helper.make_tensor_value_info("im_shape", TensorProto.FLOAT, [1, 2]))
    adapt_model(tmp_path, model)
    assert warnings_at_load(tmp_path / "bundle") == ""


@pytest.mark.needs_shared_data
@pytest.mark.parametrize("name", ["unsorted", "unused_init"])
def test_shared_files_in_disorder_are_mended(name: str, tmp_path: Path) -> None:
    model = onnx.load(SHARED_DATA / "onnx" / "odd" / f"{name}.onnx")
    result = adapt_model(tmp_path, model, classes=None)
    assert result.reading.format == "yolov8" and result.foreign.notes
    assert warnings_at_load(tmp_path / "bundle") == ""


def test_the_loader_of_this_test_sees_warnings(tmp_path: Path) -> None:
    adapt_model(tmp_path, yolo.yolov8().model, classes=None)
    bundled = onnx.load(tmp_path / "bundle" / "model.onnx")
    bundled.graph.initializer.append(numpy_helper.from_array(np.float32(0), "nobody"))
    save(bundled, tmp_path / "bundle")
    manifest_path = tmp_path / "bundle" / "model.json"
    manifest = json.loads(manifest_path.read_text())
    content = (tmp_path / "bundle" / "model.onnx").read_bytes()
    manifest["sha256"] = hashlib.sha256(content).hexdigest()
    manifest_path.write_text(json.dumps(manifest))
    assert "nobody" in warnings_at_load(tmp_path / "bundle")
