"""adapt as a command: real files against their own code, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.letterbox import opencv_linear
from handler.images.decode import decode
from scripts.model.adapt import opset
from scripts.model.adapt.__main__ import main
from scripts.model.adapt.adapter import adapt
from scripts.model.adapt.options import AdaptOptions
from scripts.model.evaluate import accuracy
from tests.scripts.model.adapt.foreign_graphs import (
    CLASSES,
    HEIGHT,
    WIDTH,
    decoded_table,
    graph,
    save,
)
from tests.support.paths import SHARED_DATA as SHARED

PHOTOS = sorted((SHARED / "fridge_samples" / "images").glob("*.jpg"))
needs_files = pytest.mark.skipif(
    not (SHARED / "onnx").is_dir() or not PHOTOS,
    reason="../shared/data/onnx and fridge_samples are not on this machine",
)


def yolox_reference(path: Path, rgb: np.ndarray, score: float, iou: float) -> list[Any]:
    """Megvii YOLOX's demo/ONNXRuntime/onnx_inference.py, in numpy: preproc, demo_postprocess and
    multiclass_nms (class-agnostic). cv2.resize is opencv_linear, which equals it bit for bit."""
    height, width = rgb.shape[:2]
    ratio = min(416 / height, 416 / width)
    padded = np.full((416, 416, 3), 114, np.uint8)
    new_width, new_height = int(width * ratio), int(height * ratio)
    padded[:new_height, :new_width] = opencv_linear(rgb[..., ::-1], new_width, new_height)
    blob = padded.transpose(2, 0, 1)[None].astype(np.float32)
    session = onnxruntime.InferenceSession(str(path))
    raw = session.run(None, {"images": blob})[0][0].astype(np.float64)
    cells = np.array(
        [(x, y, s) for s in (8, 16, 32) for y in range(416 // s) for x in range(416 // s)]
    )
    centre = (raw[:, :2] + cells[:, :2]) * cells[:, 2:]
    half = np.exp(raw[:, 2:4]) * cells[:, 2:] / 2
    boxes = np.concatenate([centre - half, centre + half], 1) / ratio
    scores = raw[:, 4:5] * raw[:, 5:]
    best, label = scores.max(1), scores.argmax(1)
    kept: list[Any] = []
    for row in np.argsort(-best):
        if best[row] <= score:
            break
        rivals = np.array([k[2] for k in kept]).reshape(-1, 4)
        if not (accuracy.iou(boxes[row][None], rivals) > iou).any():
            kept.append((int(label[row]), best[row], boxes[row]))
    return kept


@needs_files
@pytest.mark.parametrize("score", [0.3, 0.1])
def test_yolox_nano_gives_what_yolox_gives(score: float, tmp_path: Path) -> None:
    source = SHARED / "onnx" / "yolox_nano_416" / "model.onnx"
    options = AdaptOptions(classes=str(SHARED / "onnx" / "coco_names.txt"), score_threshold=score)
    adapt(source, tmp_path / "out", name="yolox", version="1", options=options)
    detector = Detector.load(load_bundle(tmp_path / "out"), threads=1)
    seen = 0
    for photo in PHOTOS:
        picture = decode(photo.read_bytes(), max_pixels=10**8)
        found = detector.detect(picture, Thresholds(score, 0.45, 300)).detections
        wanted = yolox_reference(source, picture.rgb, score, 0.45)
        assert found.class_ids.tolist() == [label for label, _, _ in wanted], photo.name
        limit = [picture.width, picture.height] * 2
        for box, (_, _, place) in zip(found.boxes, wanted, strict=True):
            assert np.abs(box - np.clip(place, 0, limit)).max() < 0.05
        seen += len(found)
    assert seen >= 8


@needs_files
def test_the_same_weights_with_nms_inside_give_the_same_boxes(tmp_path: Path) -> None:
    source = SHARED / "onnx" / "mmdeploy_style" / "mmdeploy_style.onnx"
    options = AdaptOptions(classes=str(SHARED / "onnx" / "coco_names.txt"))
    made = adapt(
        source, tmp_path / "out", name="m", version="1", options=options, check_path=PHOTOS[-1]
    )
    assert made.reading.format == "mmdeploy" and made.detections is not None
    picture = decode(PHOTOS[-1].read_bytes(), max_pixels=10**8)
    reference = SHARED / "onnx" / "yolox_nano_416" / "model.onnx"
    wanted = yolox_reference(reference, picture.rgb, 0.3, 0.45)
    assert len(made.detections) == len(wanted) >= 2
    for box, (_, _, place) in zip(made.detections.boxes, wanted, strict=True):
        assert np.abs(box - place).max() < 0.1
    with Image.open(tmp_path / "out" / "check.jpg") as drawn:
        assert drawn.size == (picture.width, picture.height)
    assert any("score 0.05" in text for text in made.warnings)


def run(capsys: Any, *arguments: object) -> tuple[str, str]:
    """What the command prints: (stdout, the message it exits with)."""
    message = ""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as left:
        message = str(left.code)
    return capsys.readouterr().out, message


def tiny(folder: Path, **options: Any) -> Path:
    table = decoded_table(objectness=True)
    return save(graph({"output": table[None].astype(np.float32)}, **options), folder)


def photo(folder: Path) -> Path:
    path = folder / "photo.png"
    Image.new("RGB", (300, 200), (90, 120, 90)).save(path)
    return path


def test_the_command_says_what_it_took_for_what(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "deep" / "bundle"
    printed, message = run(
        capsys, tiny(tmp_path), "--out", out, "--name", "tiny", "--version", "1",
        "--classes", ",".join(CLASSES), "--check", photo(tmp_path),
    )  # fmt: skip
    assert message == ""
    assert "format     yolox" in printed
    assert "252 = 12×16 + 6×8 + 3×4 cells" in printed
    assert "pixels     BGR 0..255" in printed
    assert "placed     yolox, fill 114 114 114" in printed
    assert "2 found" in printed and "ant" in printed
    assert sorted(path.name for path in out.iterdir()) == ["check.jpg", "model.json", "model.onnx"]
    assert [path.name for path in out.parent.iterdir()] == ["bundle"]
    manifest = load_bundle(out).manifest
    assert (manifest.provenance.framework, manifest.provenance.model) == ("onnx", "yolox")
    assert manifest.resize.fit == "yolox"


def test_the_command_as_json(tmp_path: Path, capsys: Any) -> None:
    printed, _ = run(
        capsys, tiny(tmp_path), "--out", tmp_path / "out", "--name", "t", "--version", "1",
        "--classes", ",".join(CLASSES), "--check", photo(tmp_path), "--json",
    )  # fmt: skip
    whole = json.loads(printed)
    assert whole["format"] == "yolox" and len(whole["detections"]) == 2
    assert whole["detections"][0]["label"] == "ant"


def test_nothing_found_is_said(tmp_path: Path, capsys: Any) -> None:
    printed, _ = run(
        capsys, tiny(tmp_path), "--out", tmp_path / "out", "--name", "t", "--version", "1",
        "--classes", ",".join(CLASSES), "--check", photo(tmp_path), "--score-threshold", "0.99",
    )  # fmt: skip
    assert "nothing found on the picture" in printed


def truncated(folder: Path) -> Path:
    path = tiny(folder)
    path.write_bytes(path.read_bytes()[:-500])
    return path


def text_file(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_text("this is no model")
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(b"")
    return path


def of_opset_5(folder: Path) -> Path:
    model = onnx.load(tiny(folder))
    model.opset_import[0].version = 5
    return save(model, folder)


def unknown_operator(folder: Path) -> Path:
    model = onnx.load(tiny(folder))
    model.opset_import.append(helper.make_opsetid("acme", 1))
    model.graph.node[-1].domain = "acme"
    return save(model, folder)


def classifier(folder: Path) -> Path:
    return save(graph({"logits": np.zeros((1, 1000), np.float32)}), folder)


def anchor_heads(folder: Path) -> Path:
    heads = {f"o{s}": np.zeros((1, 3, HEIGHT // s, WIDTH // s, 8), np.float32) for s in (8, 16, 32)}
    return save(graph(heads), folder)


def of_eight(folder: Path) -> Path:
    return tiny(folder, shape=(8, 3, HEIGHT, WIDTH))


def open_size(folder: Path) -> Path:
    return tiny(folder, shape=(1, 3, "h", "w"))


def grey(folder: Path) -> Path:
    return tiny(folder, shape=(1, 1, HEIGHT, WIDTH))


def of_int32(folder: Path) -> Path:
    return tiny(folder, dtype=TensorProto.INT32)


def second_input(folder: Path) -> Path:
    return tiny(folder, inputs=[("temperature", TensorProto.FLOAT, (1,))])


def weights_gone(folder: Path) -> Path:
    path = folder / "split.onnx"
    model = onnx.load(tiny(folder))
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="split.data", size_threshold=0
    )
    (folder / "split.data").unlink()
    return path


@pytest.mark.parametrize(
    ("make", "more", "words"),
    [
        (lambda folder: folder / "no.onnx", [], "no.onnx is no file"),
        (lambda folder: folder, [], "is no file"),
        (truncated, [], "is not ONNX, or cut short"),
        (text_file, [], "is not ONNX"),
        (empty_file, [], "it has no nodes"),
        (of_opset_5, [], "ONNX Runtime cannot load it"),
        (unknown_operator, [], "ONNX Runtime cannot load it"),
        (classifier, [], "no known format fits the outputs at 128 x 96 px: logits float32"),
        (anchor_heads, [], "export with decoding"),
        (of_eight, [], "takes 8 pictures at once"),
        (open_size, [], "say it with --size WxH"),
        (grey, [], "has 1 channels"),
        (of_int32, [], "is int32; float32, float16 and uint8"),
        (second_input, [], "--set temperature=VALUE"),
        (weights_gone, [], "keeps its weights in split.data, which is not beside it"),
        (tiny, ["--size", "64x64"], "the graph takes 128 x 96 px, --size says 64 x 64"),
        (tiny, ["--classes", "a,b"], "the graph has 3 classes, 2 names are given"),
        (tiny, ["--classes", "a,b,a"], "the class 'a' is named more than once"),
        (tiny, ["--classes", "a,,b"], "has an empty name"),
        (tiny, ["--classes", "gone.txt"], "gone.txt is no file"),
        (tiny, ["--format", "tf-ssd"], "do not read as tf-ssd"),
        (tiny, ["--std", "0"], "--std must not be 0"),
        (tiny, ["--name", "My Model"], "name must be lower case"),
        (tiny, ["--set", "gone=1"], "--set gone"),
        (tiny, ["--check", "gone.jpg"], "gone.jpg cannot be read"),
        (tiny, ["--check", __file__], "test_adapt.py: expected JPEG"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    make: Any, more: list[str], words: str, tmp_path: Path, capsys: Any
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    out = tmp_path / "out"
    printed, message = run(
        capsys, make(source), "--out", out, "--name", "t", "--version", "1",
        "--classes", ",".join(CLASSES), *more,
    )  # fmt: skip
    assert message.startswith("adapt: ") and words in message, message
    assert printed == "" and "Traceback" not in message
    assert "\n" not in message or "Name one with --format" in message
    assert not out.exists() and [path.name for path in tmp_path.iterdir()] == ["in"]


def test_missing_names_are_counted(tmp_path: Path, capsys: Any) -> None:
    _, message = run(
        capsys, tiny(tmp_path), "--out", tmp_path / "out", "--name", "t", "--version", "1"
    )
    assert "names no classes; give 3 names with --classes" in message


def test_an_older_bundle_survives_a_failure(tmp_path: Path, capsys: Any) -> None:
    common = ["--out", tmp_path / "out", "--name", "t", "--version", "1"]
    run(capsys, tiny(tmp_path), *common, "--classes", ",".join(CLASSES))
    before = (tmp_path / "out" / "model.onnx").read_bytes()
    _, message = run(capsys, truncated(tmp_path), *common, "--classes", ",".join(CLASSES))
    assert message
    assert (tmp_path / "out" / "model.onnx").read_bytes() == before
    assert load_bundle(tmp_path / "out").manifest.name == "t"


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
    for graph_ in branch.values():
        for node in graph_.node:
            node.input[:] = ["column_2" if name == "column" else name for name in node.input]
    nodes.append(helper.make_node("If", ["yes"], ["z"], **branch))
    made = helper.make_graph(
        nodes,
        "old",
        [value("x", 1, [1, 3, 4])],
        [value("y", 1, None), value("z", 1, None)],
        [numpy_helper.from_array(np.float32(-1), "tiny")],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", version)], ir_version=7)


@pytest.mark.parametrize("version", [9, 11, 12])
def test_an_old_graph_is_brought_up_to_date_bodies_included(version: int) -> None:
    model = old_graph(version)
    x = np.random.default_rng(0).normal(0, 1, (1, 3, 4)).astype(np.float32)

    def outputs(one: onnx.ModelProto) -> list[np.ndarray]:
        return onnxruntime.InferenceSession(one.SerializeToString()).run(None, {"x": x})

    upgraded = opset.upgrade(model, 18)
    assert upgraded.opset_import[0].version == 18
    for old, new in zip(outputs(model), outputs(upgraded), strict=True):
        assert old.shape == new.shape and np.allclose(old, new)
