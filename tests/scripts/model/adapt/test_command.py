"""adapt as a command: what it prints and writes, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from handler.bundle.files import load_bundle
from scripts.model.adapt.__main__ import main
from tests.scripts.model.adapt.check.square_finder import red_pictures, square_finder
from tests.scripts.model.adapt.foreign_graphs import (
    CLASSES,
    HEIGHT,
    WIDTH,
    decoded_table,
    make_model,
    save,
)


def run(capsys: Any, *arguments: object) -> tuple[str, str]:
    """What the command prints: (stdout, the message it exits with)."""
    message = ""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as error:
        message = str(error.code)
    return capsys.readouterr().out, message


def tiny(folder: Path, **options: Any) -> Path:
    table = decoded_table(objectness=True)
    return save(make_model({"output": table[None].astype(np.float32)}, **options), folder)


def photo(folder: Path) -> Path:
    path = folder / "photo.png"
    Image.new("RGB", (300, 200), (90, 120, 90)).save(path)
    return path


def test_the_command_prints_what_it_recognised(tmp_path: Path, capsys: Any) -> None:
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
    assert "photo.png: 2 found" in printed and "ant" in printed
    assert "so the default stays" in printed and "(default)" in printed
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
    report = json.loads(printed)
    assert report["format"] == "yolox"
    [picture] = report["check"]["pictures"]
    assert len(picture["detections"]) == 2 and picture["detections"][0]["label"] == "ant"


def test_json_has_the_readings_and_the_decision(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    printed, _ = run(
        capsys, save(square_finder(scale=255), tmp_path), "--out", out, "--name", "t",
        "--version", "1", "--classes", "tomato", "--json", "--check",
        *red_pictures(tmp_path / "photos"),
    )  # fmt: skip
    report = json.loads(printed)
    decision, variants = report["check"]["decision"], report["check"]["variants"]
    assert (decision["outcome"], decision["chosen"]) == ("decided", "--scale 255")
    assert decision["default_option"] == "--scale 1"
    assert len(variants) >= 12 and variants[0]["options"].startswith("--scale 255")
    assert {each["preprocessing"]["order"] for each in variants} == {"rgb", "bgr"}
    assert report["preprocessing"]["scale"] == 255
    assert [len(each["detections"]) for each in report["check"]["pictures"]] == [3, 3, 3]


def test_a_decision_is_said_loudly(tmp_path: Path, capsys: Any) -> None:
    red_pictures(tmp_path / "photos")
    printed, _ = run(
        capsys, save(square_finder(scale=255), tmp_path), "--out", tmp_path / "out", "--name", "t",
        "--version", "1", "--classes", "tomato", "--check", tmp_path / "photos",
    )  # fmt: skip
    assert "pixels     RGB 0..255" in printed
    assert "decided    pixels 0..255, not pixels 0..1, the format's default" in printed
    assert "--scale 1 makes it with the default" in printed


def test_what_is_assumed_without_pictures_is_said(tmp_path: Path, capsys: Any) -> None:
    common = ["--out", tmp_path / "out", "--name", "t", "--version", "1", "--classes", "a,b,c"]
    assumed = "assumed, not tried on a picture: give --check photo.jpg"
    printed, _ = run(capsys, tiny(tmp_path), *common)
    assert f"--order and --scale are {assumed}" in printed
    printed, _ = run(capsys, tiny(tmp_path), *common, "--scale", "255")
    assert f"--order is {assumed}" in printed
    printed, _ = run(capsys, tiny(tmp_path), *common, "--scale", "255", "--order", "bgr")
    assert assumed not in printed


def test_a_picture_without_detections_is_reported(tmp_path: Path, capsys: Any) -> None:
    printed, _ = run(
        capsys, tiny(tmp_path), "--out", tmp_path / "out", "--name", "t", "--version", "1",
        "--classes", ",".join(CLASSES), "--check", photo(tmp_path), "--score-threshold", "0.99",
    )  # fmt: skip
    assert "nothing is found in any reading" in printed


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


def opset_5(folder: Path) -> Path:
    model = onnx.load(tiny(folder))
    model.opset_import[0].version = 5
    return save(model, folder)


def unknown_operator(folder: Path) -> Path:
    model = onnx.load(tiny(folder))
    model.opset_import.append(helper.make_opsetid("acme", 1))
    model.graph.node[-1].domain = "acme"
    return save(model, folder)


def classifier(folder: Path) -> Path:
    return save(make_model({"logits": np.zeros((1, 1000), np.float32)}), folder)


def anchor_heads(folder: Path) -> Path:
    heads = {f"o{s}": np.zeros((1, 3, HEIGHT // s, WIDTH // s, 8), np.float32) for s in (8, 16, 32)}
    return save(make_model(heads), folder)


def batch_of_eight(folder: Path) -> Path:
    return tiny(folder, shape=(8, 3, HEIGHT, WIDTH))


def open_size(folder: Path) -> Path:
    return tiny(folder, shape=(1, 3, "h", "w"))


def one_channel(folder: Path) -> Path:
    return tiny(folder, shape=(1, 1, HEIGHT, WIDTH))


def int32_input(folder: Path) -> Path:
    return tiny(folder, dtype=TensorProto.INT32)


def unknown_input(folder: Path) -> Path:
    return tiny(folder, inputs=[("temperature", TensorProto.FLOAT, (1,))])


def missing_weights(folder: Path) -> Path:
    path = folder / "split.onnx"
    model = onnx.load(tiny(folder))
    onnx.save_model(
        model, str(path), save_as_external_data=True, location="split.data", size_threshold=0
    )
    (folder / "split.data").unlink()
    return path


@pytest.mark.parametrize(
    ("make_file", "options", "message_part"),
    [
        (lambda folder: folder / "no.onnx", [], "no.onnx is no file"),
        (lambda folder: folder, [], "is no file"),
        (truncated, [], "is not ONNX, or cut short"),
        (text_file, [], "is plain text ('this is no model'…), not an ONNX file"),
        (empty_file, [], "is an empty file (0 bytes)"),
        (opset_5, [], "ONNX Runtime cannot load it"),
        (unknown_operator, [], "ONNX Runtime cannot load it"),
        (classifier, [], "this is a classifier, no detector (logits [1, 1000] has 1000 values"),
        (anchor_heads, [], "export with decoding"),
        (batch_of_eight, [], "takes 8 pictures at once"),
        (open_size, [], "say it with --size WxH"),
        (one_channel, [], "has 1 channel read as nchw"),
        (int32_input, [], "is int32; float32, float16 and uint8"),
        (unknown_input, [], "--set temperature=VALUE"),
        (missing_weights, [], "keeps its weights in split.data, which is not beside it"),
        (tiny, ["--size", "64x64"], "the graph takes 128 x 96 px, --size says 64 x 64"),
        (tiny, ["--classes", "a,b"], "read as yolox with 3 classes (the file names none); 2 names"),
        (tiny, ["--classes", "a,b,a"], "the class 'a' is named more than once"),
        (tiny, ["--classes", "a,,b"], "has an empty name"),
        (tiny, ["--classes", "gone.txt"], "gone.txt is no file"),
        (tiny, ["--format", "tf-ssd"], "do not read as tf-ssd"),
        (tiny, ["--std", "0"], "--std must not be 0"),
        (tiny, ["--name", "My Model"], "name must be lower case"),
        (tiny, ["--set", "gone=1"], "--set gone"),
        (tiny, ["--check", "gone.jpg"], "gone.jpg cannot be read"),
        (tiny, ["--check", __file__], "test_command.py: expected JPEG"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    make_file: Any, options: list[str], message_part: str, tmp_path: Path, capsys: Any
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    out = tmp_path / "out"
    printed, message = run(
        capsys, make_file(source), "--out", out, "--name", "t", "--version", "1",
        "--classes", ",".join(CLASSES), *options,
    )  # fmt: skip
    assert message.startswith("adapt: ") and message_part in message, message
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
