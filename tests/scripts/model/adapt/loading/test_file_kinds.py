"""Files of other kinds in the place of an ONNX file are refused by their name."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from scripts.model.adapt.loading.file_kinds import refuse_other_kinds
from scripts.model.adapt.loading.model_file import read_model
from scripts.tool import ToolError
from tests.scripts.model.adapt.cases import CASES


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 120, 90)).save(stream, kind)
    return stream.getvalue()


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.onnx"))
    return stream.getvalue()


def message(field: int, content: bytes) -> bytes:
    """A protobuf field of wire type 2 (https://protobuf.dev/programming-guides/encoding)."""
    length, varint = len(content), bytearray()
    while True:
        varint.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes([field << 3 | 2]) + bytes(varint) + content


def saved_model() -> bytes:
    """tensorflow/core/protobuf: SavedModel {1: schema version, 2: MetaGraphDef {1: MetaInfoDef
    {4: tags}}}."""
    meta_graph = message(1, message(4, b"serve") + b" " * 300)
    return b"\x08\x01" + message(2, meta_graph)


def core_ml() -> bytes:
    """CoreML's Model {1: specification version, 2: ModelDescription {1: input}}."""
    return b"\x08\x04" + message(2, message(1, message(1, b"image")))


def frozen_graph() -> bytes:
    """TensorFlow's GraphDef {1: NodeDef {1: name, 2: op}}."""
    return message(1, message(1, b"input") + message(2, b"Placeholder"))


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


def engine_of_ultralytics() -> bytes:
    header = json.dumps({"description": "Ultralytics YOLOv8n"}).encode()
    return len(header).to_bytes(4, "little") + header + b"ftrt" + bytes(20)


LFS = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345678\n"
)

OTHERS: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "nothing": (b"", "an empty file (0 bytes)"),
    "zeros": (bytes(5000), "a file of zero bytes only"),
    "text": (b"see the wiki", "plain text ('see the wiki'…)"),
    "umlauts": ("Modell für Zählung".encode(), "plain text"),
    "lfs": (LFS, "a Git LFS pointer, not an ONNX file: the model of 12.3 MB itself is fetched by"),
    "annex": (b"/annex/objects/SHA256E-s12--ab.onnx\n", "a git-annex pointer"),
    "html": (b"\n<!DOCTYPE html>\n<html><title>x</title>", "a web page (HTML)"),
    "bare html": (b"<html><body>404</body></html>", "a web page (HTML)"),
    "openvino": (b'<?xml version="1.0"?>\n<net name="yolo" version="11">', "an OpenVINO model"),
    "xml": (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "XML"),
    "json": (b'{"message": "Not Found"}', "JSON text"),
    "onnx as text": (b"ir_version: 8\ngraph {\n  node {\n", "an ONNX model written as text"),
    "prototxt": (b'name: "SSD"\nlayer {\n  name: "data"\n', "a Caffe model's text"),
    "darknet": (b"[net]\nbatch=64\n", "a Darknet configuration"),
    "jpeg": (lambda: picture("JPEG"), "a JPEG picture, not an ONNX file: the model comes first"),
    "png": (lambda: picture("PNG"), "a PNG picture"),
    "gif": (lambda: picture("GIF"), "a GIF picture"),
    "webp": (lambda: picture("WEBP"), "a WebP picture"),
    "gzip": (lambda: gzip.compress(b"x"), "a gzip archive"),
    "tar": (tar, "a tar archive"),
    "zip": (lambda: zipped("a/model.onnx"), "a zip archive with a/model.onnx in it"),
    "pytorch": (lambda: zipped("best/data.pkl", "best/version"), "a PyTorch checkpoint"),
    "torchscript": (
        lambda: zipped("m/data.pkl", "m/code/__torch__.py"),
        "a TorchScript model",
    ),
    "keras": (lambda: zipped("config.json", "model.weights.h5"), "a Keras model"),
    "zipped saved model": (lambda: zipped("m/saved_model.pb"), "a zip archive with a TensorFlow"),
    "half a zip": (lambda: zipped("model.onnx")[:50], "a zip archive that is cut short"),
    "pickle": (lambda: pickle.dumps({"w": [1.0]}), "a Python pickle"),
    # torch.save before 1.6 starts with this number, pickled by protocol 2
    "old pytorch": (
        lambda: pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2),
        "a PyTorch checkpoint of the old kind",
    ),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(20), "an HDF5 file (Keras)"),
    "tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(20), "a TensorFlow Lite model"),
    "saved model": (saved_model, "a TensorFlow SavedModel"),
    "frozen graph": (frozen_graph, "a frozen TensorFlow graph"),
    "core ml": (core_ml, "a CoreML model"),
    "safetensors": (safetensors, "a safetensors file"),
    "engine": (b"ftrt" + bytes(40), "a TensorRT engine"),
    "ultralytics engine": (engine_of_ultralytics, "a TensorRT engine"),
    "ort": (b"\x18\x00\x00\x00ORTM" + bytes(20), "a model in ORT format"),
    "gguf": (b"GGUF\x03\x00\x00\x00", "a GGUF language model"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_kind_is_refused_by_its_name(case: str, tmp_path: Path) -> None:
    made, expected = OTHERS[case]
    path = tmp_path / "model.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made())
    with pytest.raises(ToolError) as raised:
        read_model(path)
    text = str(raised.value)
    assert text.startswith(f"{path} is {expected}"), text
    assert len(text.split(": ", 1)[1]) > 15, "it says what to do"


def test_an_engine_is_known_by_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(b"\xf1\x02\x03\x04" * 9)
    with pytest.raises(ToolError, match="is a TensorRT engine"):
        read_model(path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["saved_model.pb"], "a folder with a TensorFlow SavedModel"),
        (["yolo.onnx", "notes.txt"], "yolo.onnx"),
        (["model.onnx", "model.json"], "looks like a bundle already"),
        ([], "give the .onnx file"),
    ],
)
def test_a_folder_is_refused_by_what_is_in_it(
    names: list[str], expected: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ToolError, match="is no file") as raised:
        read_model(tmp_path)
    assert expected in str(raised.value)


@pytest.mark.parametrize("case", CASES)
def test_an_onnx_file_is_no_other_kind(case: str, tmp_path: Path) -> None:
    model = CASES[case][1]().model
    for producer in ("", "pytorch", "tf2onnx", "onnx.quantize"):
        model.producer_name = producer
        refuse_other_kinds(tmp_path / "model.onnx", model.SerializeToString())
