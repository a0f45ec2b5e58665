"""Quantising a small trained-like detector: kept where it pays, refused in words where not."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from scripts.model import graph
from scripts.model.quantize import quantize
from scripts.model.quantize.quantize import Pace, QuantizeError, QuantizeOptions
from tests.scripts.model.test_dataset import voc
from tests.support.tiny_bundle import make_tiny_bundle, paint, tiny_manifest

SIDE, CELL, CHANNELS = 96, 8, 64


def network(*, side: int = SIDE, seed: int = 0) -> onnx.ModelProto:
    """The tiny bundle's detector of coloured squares with layers between: 3 x 3 convolutions that
    carry the colours on (an identity and small random weights), as a trained network's would."""
    rng = np.random.default_rng(seed)
    columns = side // CELL
    x, y = np.meshgrid(np.arange(columns) * CELL, np.arange(columns) * CELL)
    boxes = np.stack([x, y, x + CELL, y + CELL], -1).reshape(1, -1, 4).astype(np.float32)
    first = np.zeros((CHANNELS, 3, 1, 1), np.float32)
    first[np.arange(3), np.arange(3)] = 1
    weights = {"first": first}
    nodes = [helper.make_node("Conv", ["image", "first"], ["conv0"])]
    nodes.append(helper.make_node("Relu", ["conv0"], ["relu0"]))
    for number in (1, 2, 3):
        carried = rng.normal(0, 0.002, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
        carried[np.arange(CHANNELS), np.arange(CHANNELS), 1, 1] = 1
        weights[f"carry{number}"] = carried
        nodes += [
            helper.make_node(
                "Conv",
                [f"relu{number - 1}", f"carry{number}"],
                [f"conv{number}"],
                pads=[1, 1, 1, 1],
                name=f"carry/{number}",
            ),
            helper.make_node("Relu", [f"conv{number}"], [f"relu{number}"]),
        ]
    excess = np.zeros((2, CHANNELS, 1, 1), np.float32)
    excess[:, :3, 0, 0] = [[1, -0.5, -0.5], [-0.5, 1, -0.5]]
    weights["excess"] = excess
    weights |= {"zero": np.float32(0), "one": np.float32(1), "cells": boxes}
    nodes += [
        helper.make_node(
            "AveragePool", ["relu3"], ["mean"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]
        ),
        helper.make_node("Conv", ["mean", "excess"], ["raw"]),
        helper.make_node("Clip", ["raw", "zero", "one"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "flat"], ["scores"]),
        helper.make_node("Identity", ["cells"], ["boxes"]),
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1, 2, -1], np.int64), "flat"))
    count = columns * columns
    made = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, count, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2, count]),
        ],
        constants,
    )
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", graph.OPSET)], ir_version=graph.IR_VERSION
    )


def write_bundle(folder: Path, model: onnx.ModelProto) -> Path:
    whole = graph.wrap(model, width=SIDE, height=SIDE, mean=(0, 0, 0), std=(1, 1, 1))
    data = whole.SerializeToString()
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    (folder / "model.json").write_text(json.dumps(tiny_manifest(data, size=(SIDE, SIDE))))
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("float") / "squares", network())


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    """Six pictures with two squares each on the graph's grid, labelled."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(3)
    for number in range(6):
        squares, objects = [], []
        for colour, row in (("red", 2), ("green", 7)):
            column = int(rng.integers(0, SIDE // CELL))
            box = (column * CELL, row * CELL, (column + 1) * CELL, (row + 1) * CELL)
            squares.append((colour, box))
            objects.append((colour, box))
        voc(folder, f"{number}.png", objects)
        Image.fromarray(paint(SIDE, SIDE, squares)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, labelled: Path) -> Path:
    """The same pictures without labels."""
    folder = tmp_path_factory.mktemp("pictures")
    for path in labelled.glob("*.png"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def always(faster: bool):
    """Stands for the clock, which a shared machine does not keep."""
    made = Pace(10.0, 5.0, 4, 4) if faster else Pace(10.0, 11.0, 4, 0)
    return lambda *_: made


def asked(source: Path, out: Path, **more: object) -> QuantizeOptions:
    return dataclasses.replace(QuantizeOptions(source, out, None, ()), rounds=2, **more)


def test_int8_is_kept_where_it_is_faster_and_as_good(
    source, labelled, pictures, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(quantize, "pace", always(faster=True))
    out = tmp_path / "int8"
    outcome = quantize.convert(
        asked(source, out, calibrate=pictures, evaluation=(labelled,), command="how it was made")
    )
    assert outcome.kept and outcome.float_layers == ()
    assert outcome.losses[0].ap50_before == 1 and outcome.losses[0].truth == "labels"
    assert outcome.mb_after < 0.5 * outcome.mb_before
    assert [item.layers for item in outcome.sensitivity] == [1, 1, 1]
    made, old = load_bundle(out), load_bundle(source)
    assert made.manifest.version == "1.0.0-int8" and made.manifest.provenance.training_command == (
        "how it was made"
    )
    model, float_model = onnx.load(made.onnx_path), onnx.load(old.onnx_path)
    for part in ("input", "output"):
        assert getattr(model.graph, part) == getattr(float_model.graph, part)
    assert [(item.domain, item.version) for item in model.opset_import] == [("", graph.OPSET)]
    assert model.ir_version == float_model.ir_version and not model.metadata_props
    # The first and the last convolution take float weights, those between int8 ones.
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    dequantised = {
        node.output[0]: kinds.get(node.input[0])
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
    }
    weights = [dequantised.get(n.input[1]) for n in model.graph.node if n.op_type == "Conv"]
    assert weights == [None, TensorProto.INT8, TensorProto.INT8, TensorProto.INT8, None]
    Detector.load(made, threads=1)


def test_scales_are_of_each_channel(source, pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(quantize, "pace", always(faster=True))
    quantize.convert(asked(source, tmp_path / "int8", calibrate=pictures))
    model = onnx.load(tmp_path / "int8" / "model.onnx")
    sizes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    scales = [
        sizes[node.input[1]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and len(sizes.get(node.input[0], [])) == 4
    ]
    assert scales == [[CHANNELS]] * 3


def test_int8_that_is_slower_is_not_kept(source, labelled, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(quantize, "pace", always(faster=False))
    out = tmp_path / "int8"
    quantize.main([str(source), "--calibrate", str(labelled), "--out", str(out)])
    said = capsys.readouterr().out
    assert "Not kept, nothing written, float stays: one thread of this machine is not" in said
    assert "10.0 ms before, 11.0 after, 0 of 4 rounds won" in said
    assert not out.exists()


def test_anyway_writes_what_is_not_kept(source, labelled, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(quantize, "pace", always(faster=False))
    out = tmp_path / "int8"
    quantize.main(
        [str(source), "--calibrate", str(labelled), "--out", str(out), "--anyway", "--json"]
    )
    said = json.loads(capsys.readouterr().out)
    assert said["kept"] is False and "not faster" in said["verdict"]
    assert load_bundle(out).manifest.version == "1.0.0-int8"


def test_layers_that_cost_accuracy_stay_float(tmp_path, labelled, pictures, monkeypatch) -> None:
    # The second carrying layer is made unfit for int8: its colours leave at a thousandth of what
    # its other channels reach, so 255 steps of the common scale leave nothing of them.
    model = network()
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, factor in (("carry2", 1e-3), ("carry3", 1e3)):
        values = numpy_helper.to_array(weights[name]).copy()
        if factor < 1:
            values[:3] *= factor  # the colours, small
            values[3:] = 0
            values[3:, :3, 1, 1] = 4  # the others, large
        else:
            values[:, 3:] = 0
            values[:, :3] *= factor
        weights[name].CopyFrom(numpy_helper.from_array(values, name))
    source = write_bundle(tmp_path / "hard", model)
    monkeypatch.setattr(quantize, "pace", always(faster=True))
    outcome = quantize.convert(
        asked(source, tmp_path / "out", calibrate=pictures, evaluation=(labelled,))
    )
    assert outcome.kept and outcome.losses[0].points <= 1
    # Both layers that meet in the unfit activation; the other stays int8.
    assert outcome.float_layers == ("network/carry/2", "network/carry/3")
    errors = {item.layer: item.error for item in outcome.sensitivity}
    assert errors["network/carry/1"] < 0.1 < min(errors[name] for name in outcome.float_layers)

    refused = quantize.convert(
        asked(source, tmp_path / "no", calibrate=pictures, evaluation=(labelled,), max_loss=-1.0)
    )
    assert not refused.kept and "more than the -1 allowed" in refused.verdict
    assert not (tmp_path / "no").exists()


def test_without_labels_the_float_model_is_the_truth(
    source, pictures, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(quantize, "pace", always(faster=True))
    outcome = quantize.convert(asked(source, tmp_path / "int8", calibrate=pictures))
    assert outcome.losses[0].truth == "the float model's detections"
    assert outcome.losses[0].ap50_before == 1 and outcome.losses[0].pictures == 6


def test_half_halves_the_file_and_hardly_the_answers(source, labelled, tmp_path) -> None:
    out = tmp_path / "half"
    outcome = quantize.convert(asked(source, out, evaluation=(labelled,)))
    assert outcome.kept and outcome.pace.rounds == 2
    size = (out / "model.onnx").stat().st_size / (source / "model.onnx").stat().st_size
    assert size < 0.55
    made = load_bundle(out)
    assert made.manifest.version == "1.0.0-half"
    (feed,) = quantize.inputs_of(Detector.load(made, threads=1), [labelled / "0.png"])
    found, expected = (
        quantize._run_candidates(quantize._session(onnx.load(path / "model.onnx")), feed)
        for path in (out, source)
    )
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-3)
    assert np.abs(found[1] - expected[1]).max() > 0  # they are other weights


def test_anchors_are_stored_as_bytes_without_loss(tmp_path) -> None:
    model = network()
    cells = next(tensor for tensor in model.graph.initializer if tensor.name == "cells")
    values = np.tile(numpy_helper.to_array(cells) + np.float32(600.3), (1, 9, 1))
    cells.CopyFrom(numpy_helper.from_array(values, "cells"))
    made = quantize.to_float16(quantize.tabled(model))
    kinds = {tensor.name: tensor.data_type for tensor in made.graph.initializer}
    assert kinds["cells/which"] == TensorProto.UINT8 and kinds["cells/table"] == TensorProto.FLOAT
    assert kinds["carry1/half"] == TensorProto.FLOAT16 and "cells" not in kinds
    del made.graph.node[-2:]  # the scores no longer fit the boxes' number
    del made.graph.output[:]
    made.graph.output.append(helper.make_tensor_value_info("cells", TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {"image": np.zeros((1, 3, SIDE, SIDE), np.float32)})
    np.testing.assert_array_equal(found[0], values)


def test_faster_wants_most_rounds() -> None:
    assert Pace(10, 9, 40, 30).faster
    assert not Pace(10, 9, 40, 29).faster
    assert not Pace(10, 10, 40, 40).faster


def refusal(capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        quantize.main([str(argument) for argument in arguments])
    assert isinstance(stopped.value.code, str), capsys.readouterr().err
    return stopped.value.code


def test_bad_input_is_told_and_nothing_written(
    source, pictures, labelled, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    empty = tmp_path / "empty"
    empty.mkdir()
    said = refusal(capsys, source, "--calibrate", empty, "--out", out)
    assert said.startswith(f"quantize: {empty}: no picture in it")
    said = refusal(capsys, source, "--calibrate", tmp_path / "nowhere", "--out", out)
    assert said.endswith("nowhere: no such folder")
    said = refusal(capsys, empty, "--calibrate", pictures, "--out", out)
    assert "model.json is missing; a bundle is" in said
    said = refusal(capsys, source, "--calibrate", pictures, "--out", source)
    assert "--out is the bundle itself" in said
    said = refusal(capsys, source, "--half", "--out", source / "model.json")
    assert "--out is a file" in said
    said = refusal(capsys, source, "--half", "--out", out, "--evaluate", pictures)
    assert "neither VOC XML files nor a COCO" in said
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.jpg").write_bytes(b"no picture at all")
    said = refusal(capsys, source, "--calibrate", broken, "--out", out)
    assert f"{broken / 'a.jpg'}:" in said and "take it out of the folder" in said
    assert not out.exists()


def test_graphs_that_cannot_be_quantised(source, pictures, tmp_path, monkeypatch) -> None:
    plain = make_tiny_bundle(tmp_path / "plain")  # one convolution: first and last
    with pytest.raises(QuantizeError, match="nothing to quantise"):
        quantize.convert(asked(plain, tmp_path / "out", calibrate=pictures))
    with pytest.raises(QuantizeError, match="no float32 weights"):
        quantize.convert(asked(make_tiny_bundle(tmp_path / "s", size=(32, 32)), tmp_path / "out"))
    monkeypatch.setattr(quantize, "pace", always(faster=True))
    quantize.convert(asked(source, tmp_path / "int8", calibrate=pictures))
    with pytest.raises(QuantizeError, match="quantised already"):
        quantize.convert(asked(tmp_path / "int8", tmp_path / "out", calibrate=pictures))
    assert not (tmp_path / "out").exists()
