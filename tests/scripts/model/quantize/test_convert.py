"""A small detector with layers is converted; the result is kept where it pays."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from scripts.model import graph
from scripts.model.quantize import convert
from scripts.model.quantize.calibration import read_feeds
from scripts.model.quantize.convert import convert_bundle
from scripts.model.quantize.options import QuantizeOptions
from scripts.model.quantize.sensitivity import open_candidates_session, run_candidates
from scripts.tool import ToolError
from tests.scripts.model.quantize.fake_clock import always
from tests.scripts.model.quantize.layered_bundle import (
    CHANNELS,
    make_network,
    write_network_bundle,
)
from tests.support.tiny_bundle import make_tiny_bundle


def quantize_options(bundle_dir: Path, out_dir: Path, **more: object) -> QuantizeOptions:
    return dataclasses.replace(QuantizeOptions(bundle_dir, out_dir, None, ()), rounds=2, **more)


def test_int8_is_kept_where_it_is_faster_and_as_good(
    source, labelled, pictures, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(convert, "compare_speed", always(faster=True))
    out = tmp_path / "int8"
    result = convert_bundle(
        quantize_options(
            source,
            out,
            calibration_dir=pictures,
            evaluation_dirs=(labelled,),
            command="how it was made",
        )
    )
    assert result.kept and result.float_layers == ()
    assert result.losses[0].ap50_before == 1 and result.losses[0].truth == "labels"
    assert result.mb_after < 0.5 * result.mb_before
    assert [item.layers for item in result.sensitivity] == [1, 1, 1]
    converted, original = load_bundle(out), load_bundle(source)
    assert converted.manifest.version == "1.0.0-int8"
    assert converted.manifest.provenance.training_command == "how it was made"
    model, float_model = onnx.load(converted.onnx_path), onnx.load(original.onnx_path)
    for part in ("input", "output"):
        assert getattr(model.graph, part) == getattr(float_model.graph, part)
    assert ("", graph.OPSET) in [(item.domain, item.version) for item in model.opset_import]
    assert model.ir_version == float_model.ir_version and not model.metadata_props
    # The first and the last convolution take float weights, those between int8 ones.
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    weights = [
        (node.op_type, kinds[node.input[3 if node.op_type == "QLinearConv" else 1]])
        for node in model.graph.node
        if node.op_type.endswith("Conv")
    ]
    first, *between, last = weights
    assert first[1] == last[1] == TensorProto.FLOAT
    assert between == [("QLinearConv", TensorProto.INT8)] * 3
    Detector.load(converted, threads=1)


def test_scales_are_of_each_channel(source, pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(convert, "compare_speed", always(faster=True))
    convert_bundle(quantize_options(source, tmp_path / "int8", calibration_dir=pictures))
    model = onnx.load(tmp_path / "int8" / "model.onnx")
    sizes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    scales = [sizes[node.input[4]] for node in model.graph.node if node.op_type == "QLinearConv"]
    assert scales == [[CHANNELS]] * 3


def test_with_a_reduced_range_no_sum_of_16_bits_can_overflow(
    source, pictures, tmp_path, monkeypatch
) -> None:
    """x86 without VNNI adds two products of a byte and a weight in 16 bits, and saturates."""
    monkeypatch.setattr(convert, "compare_speed", always(faster=True))
    for reduce_range in (False, True):
        out = tmp_path / str(reduce_range)
        options = quantize_options(source, out, calibration_dir=pictures, reduce_range=reduce_range)
        convert_bundle(options)
        assert (_largest_sum_of_two(out) <= 2**15 - 1) == reduce_range


def _largest_sum_of_two(bundle_dir) -> int:
    """Of two neighbouring products of the brightest byte and a weight, whatever their order."""
    model = onnx.load(bundle_dir / "model.onnx")
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    largest = 0
    for node in model.graph.node:
        if node.op_type == "QLinearConv":
            values = np.abs(numpy_helper.to_array(weights[node.input[3]]).astype(int))
            largest = max(largest, int(values.max()))
    assert largest, "no int8 weights"
    return 2 * 255 * largest


def test_layers_that_cost_accuracy_stay_float(tmp_path, labelled, pictures, monkeypatch) -> None:
    # Int8 ruins the second carrying layer: its colours are a thousandth of its other channels, less
    # than one of the 255 steps of their common scale.
    network = make_network()
    weights = {tensor.name: tensor for tensor in network.graph.initializer}
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
    source = write_network_bundle(tmp_path / "hard", network)
    monkeypatch.setattr(convert, "compare_speed", always(faster=True))
    result = convert_bundle(
        quantize_options(
            source, tmp_path / "out", calibration_dir=pictures, evaluation_dirs=(labelled,)
        )
    )
    assert result.kept and result.losses[0].points <= 1
    # The layer before that activation and the one after it; the other stays int8.
    assert result.float_layers == ("network/carry/2", "network/carry/3")
    errors = {item.layer: item.error for item in result.sensitivity}
    assert errors["network/carry/1"] < 0.1 < min(errors[name] for name in result.float_layers)

    refused = convert_bundle(
        quantize_options(
            source,
            tmp_path / "no",
            calibration_dir=pictures,
            evaluation_dirs=(labelled,),
            max_loss=-1.0,
        )
    )
    assert not refused.kept and "more than the -1 allowed" in refused.verdict
    assert not (tmp_path / "no").exists()


def test_without_labels_the_float_model_is_the_truth(
    source, pictures, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(convert, "compare_speed", always(faster=True))
    result = convert_bundle(quantize_options(source, tmp_path / "int8", calibration_dir=pictures))
    assert result.losses[0].truth == "the float model's detections"
    assert result.losses[0].ap50_before == 1 and result.losses[0].pictures == 6


def test_half_halves_the_file_and_hardly_the_answers(source, labelled, tmp_path) -> None:
    out = tmp_path / "half"
    result = convert_bundle(quantize_options(source, out, evaluation_dirs=(labelled,)))
    assert result.kept and result.speed.rounds == 2
    size = (out / "model.onnx").stat().st_size / (source / "model.onnx").stat().st_size
    assert size < 0.55
    bundle = load_bundle(out)
    assert bundle.manifest.version == "1.0.0-half"
    (feed,) = read_feeds(Detector.load(bundle, threads=1), [labelled / "0.png"])
    candidates, expected = (
        run_candidates(open_candidates_session(onnx.load(path / "model.onnx")), feed)
        for path in (out, source)
    )
    np.testing.assert_array_equal(candidates.boxes, expected.boxes)
    np.testing.assert_allclose(candidates.scores, expected.scores, atol=1e-3)
    assert np.abs(candidates.scores - expected.scores).max() > 0  # they are other weights


def test_graphs_that_cannot_be_quantised(source, pictures, tmp_path, monkeypatch) -> None:
    plain = make_tiny_bundle(tmp_path / "plain")  # one convolution: first and last
    with pytest.raises(ToolError, match="nothing to quantise"):
        convert_bundle(quantize_options(plain, tmp_path / "out", calibration_dir=pictures))
    with pytest.raises(ToolError, match="no float32 weights"):
        convert_bundle(
            quantize_options(make_tiny_bundle(tmp_path / "s", size=(32, 32)), tmp_path / "out")
        )
    monkeypatch.setattr(convert, "compare_speed", always(faster=True))
    convert_bundle(quantize_options(source, tmp_path / "int8", calibration_dir=pictures))
    with pytest.raises(ToolError, match="quantised already"):
        convert_bundle(
            quantize_options(tmp_path / "int8", tmp_path / "out", calibration_dir=pictures)
        )
    assert not (tmp_path / "out").exists()
