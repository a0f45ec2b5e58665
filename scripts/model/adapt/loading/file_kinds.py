"""What a file is that was given in the place of an ONNX file, by its first bytes, and what to do.

Each kind is known by the signature that its own format defines. ONNX has none, as every protobuf
message; so a file is looked at here before it is parsed, and again where it does not parse.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.tool import ToolError

_HEAD_BYTES = 65_536
_PICTURE = "the model comes first, a picture after --check"
_EXPORT_TORCH = (
    "it holds weights without the graph; export it from the code that it was trained with, by "
    "torch.onnx.export or that code's own command"
)
_EXPORT_ULTRALYTICS = "ultralytics: yolo export model=FILE format=onnx"
_ENGINE = "it runs on one kind of GPU only; give the ONNX file that it was built from"
_UNPACK = "unpack it and give the .onnx file in it"


@dataclass(frozen=True)
class FileKind:
    """name: with its article. advice: what to do instead."""

    name: str
    advice: str


def refuse_other_kinds(onnx_path: Path, content: bytes) -> None:
    """Raise a ToolError with the kind's name where the file is certainly not an ONNX file."""
    kind = _kind(onnx_path, content)
    if kind is not None:
        raise ToolError(f"{onnx_path} is {kind.name}, not an ONNX file: {kind.advice}")


def refuse_folder(folder: Path) -> None:
    """Raise a ToolError that says what kind of folder this is, and what to do."""
    names = {path.name for path in folder.iterdir()}
    onnx_names = sorted(name for name in names if name.endswith(".onnx"))
    if "saved_model.pb" in names:
        kind = FileKind(
            "a folder with a TensorFlow SavedModel",
            "convert it: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx",
        )
    elif folder.suffix == ".mlpackage" or "com.apple.CoreML" in names:
        kind = _COREML
    elif {"model.json", "model.onnx"} <= names:
        kind = FileKind("a folder", "it looks like a bundle already; scripts/demo serves it")
    elif onnx_names:
        more = f" (or {', '.join(onnx_names[1:3])})" if len(onnx_names) > 1 else ""
        kind = FileKind("a folder", f"give the file in it: {folder / onnx_names[0]}{more}")
    else:
        kind = FileKind("a folder", "give the .onnx file")
    raise ToolError(f"{folder} is no file: it is {kind.name}; {kind.advice}")


_COREML = FileKind("a CoreML model", "export it to ONNX from the framework it was trained in")
_SAVED_MODEL = FileKind(
    "a TensorFlow SavedModel",
    "convert its folder: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx",
)
_FROZEN_GRAPH = FileKind(
    "a frozen TensorFlow graph",
    "convert it: python -m tf2onnx.convert --graphdef FILE --inputs … --outputs … "
    "--output model.onnx",
)
_HDF5 = FileKind(
    "an HDF5 file (Keras)",
    "load it in Keras, then model.export(FOLDER) and python -m tf2onnx.convert "
    "--saved-model FOLDER --output model.onnx",
)
_TFLITE = FileKind(
    "a TensorFlow Lite model",
    "convert it: python -m tf2onnx.convert --tflite FILE --output model.onnx",
)
_PYTORCH = FileKind("a PyTorch checkpoint", f"{_EXPORT_TORCH} ({_EXPORT_ULTRALYTICS})")
_TORCHSCRIPT = FileKind(
    "a TorchScript model", f"export to ONNX instead of it ({_EXPORT_ULTRALYTICS})"
)
_SAFETENSORS = FileKind("a safetensors file", _EXPORT_TORCH)
_TENSORRT = FileKind("a TensorRT engine", _ENGINE)
_PADDLE = FileKind(
    "a PaddlePaddle program",
    "convert it with its weights: paddle2onnx --model_dir FOLDER --model_filename … "
    "--params_filename … --save_file model.onnx",
)
_TRUNCATED_DOWNLOAD = "was a download, or a copy, broken off? Fetch it again"

# (offset, signature, kind), of formats whose files start in one way only.
_SIGNATURES: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, b"\xff\xd8\xff", FileKind("a JPEG picture", _PICTURE)),
    (0, b"\x89PNG\r\n\x1a\n", FileKind("a PNG picture", _PICTURE)),
    (0, b"GIF8", FileKind("a GIF picture", _PICTURE)),
    (0, b"BM", FileKind("a BMP picture", _PICTURE)),
    (0, b"II*\x00", FileKind("a TIFF picture", _PICTURE)),
    (0, b"MM\x00*", FileKind("a TIFF picture", _PICTURE)),
    (8, b"WEBP", FileKind("a WebP picture", _PICTURE)),
    (4, b"ftyp", FileKind("a video, or a HEIC or AVIF picture", _PICTURE)),
    (0, b"%PDF", FileKind("a PDF document", "give the .onnx file")),
    (0, b"\x1f\x8b", FileKind("a gzip archive", f"{_UNPACK} (tar xzf FILE, or gunzip FILE)")),
    (0, b"BZh", FileKind("a bzip2 archive", _UNPACK)),
    (0, b"\xfd7zXZ\x00", FileKind("an xz archive", _UNPACK)),
    (0, b"\x28\xb5\x2f\xfd", FileKind("a zstandard archive", _UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", _UNPACK)),
    (0, b"Rar!", FileKind("a RAR archive", _UNPACK)),
    (257, b"ustar", FileKind("a tar archive", f"{_UNPACK} (tar xf FILE)")),
    (0, b"\x89HDF\r\n\x1a\n", _HDF5),
    (4, b"TFL3", _TFLITE),
    (4, b"ORTM", FileKind("a model in ORT format", "give the ONNX file that it was made from")),
    (0, b"GGUF", FileKind("a GGUF language model", "it is no detector of pictures")),
    (0, b"RKNN", FileKind("a model for Rockchip's NPU", "give the ONNX file it was made from")),
    (0, b"ftrt", _TENSORRT),
    (0, b"ptrt", _TENSORRT),
    (0, b"7767517\n", FileKind("an ncnn model", "give the ONNX file that it was made from")),
    (0, b"\x93NUMPY", FileKind("a numpy array", "give the .onnx file")),
    (0, b"PAR1", FileKind("a Parquet table", "give the .onnx file")),
)


def _kind(onnx_path: Path, content: bytes) -> FileKind | None:
    head = content[:_HEAD_BYTES]
    if not content:
        return FileKind("an empty file (0 bytes)", _TRUNCATED_DOWNLOAD)
    if not head.strip(b"\x00"):
        return FileKind("a file of zero bytes only", _TRUNCATED_DOWNLOAD)
    for offset, signature, kind in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return kind
    finders: tuple[Callable[[Path, bytes], FileKind | None], ...] = (
        _zip_kind,
        _pickle_kind,
        _safetensors_kind,
        _protobuf_kind,
        _text_kind,
        _suffix_kind,
    )
    return next((kind for find in finders if (kind := find(onnx_path, head)) is not None), None)


def _zip_kind(onnx_path: Path, head: bytes) -> FileKind | None:
    if not head.startswith(b"PK\x03\x04"):
        return None
    try:
        with zipfile.ZipFile(onnx_path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return FileKind("a zip archive that is cut short", _TRUNCATED_DOWNLOAD)
    if any(name.endswith("data.pkl") for name in names):
        return _TORCHSCRIPT if any("/code/" in name for name in names) else _PYTORCH
    if any(name.endswith("saved_model.pb") for name in names):
        return FileKind("a zip archive with a TensorFlow SavedModel", _SAVED_MODEL.advice)
    if "model.weights.h5" in names:
        return FileKind("a Keras model", _HDF5.advice)
    if names and all(name.endswith(".npy") for name in names):
        return FileKind("a numpy archive", _EXPORT_TORCH)
    onnx_names = [name for name in names if name.endswith(".onnx")]
    contents = f" with {onnx_names[0]} in it" if onnx_names else ""
    return FileKind(f"a zip archive{contents}", _UNPACK)


def _pickle_kind(onnx_path: Path, head: bytes) -> FileKind | None:
    # PROTO, its number, and an opcode that objects begin with; no field of ONNX has this tag.
    if len(head) < 3 or head[0] != 0x80 or head[1] not in (2, 3, 4, 5):
        return None
    if b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" in head[:32]:  # torch.save's old magic number
        return FileKind("a PyTorch checkpoint of the old kind", _PYTORCH.advice)
    if b"paddle" in head:
        return FileKind("a pickle of PaddlePaddle's weights", _PADDLE.advice)
    return FileKind("a Python pickle", _EXPORT_TORCH)


def _safetensors_kind(onnx_path: Path, head: bytes) -> FileKind | None:
    header_size = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= header_size <= 100_000_000:
        return _SAFETENSORS
    # ultralytics puts the length of its JSON, then the JSON, before the engine
    if head[4:5] == b"{" and int.from_bytes(head[:4], "little") < 1_000_000:
        return _TENSORRT
    return None


def _protobuf_kind(onnx_path: Path, head: bytes) -> FileKind | None:
    """Messages of others: where ONNX has its producer's name, these have a message."""
    if re.match(rb"\x08.\x12[\x80-\xff]*[\x00-\x7f]\x0a", head, re.DOTALL):
        if any(word in head for word in (b"serve", b"tensorflow", b"SavedModel")):
            return _SAVED_MODEL
        return _COREML
    if re.match(rb"\x0a[\x80-\xff]*[\x00-\x7f]\x0a", head) and (
        b"\x12\x0bPlaceholder" in head or b"\x12\x05Const" in head
    ):
        return _FROZEN_GRAPH
    if head.startswith(b"\x0a") and b"feed" in head and b"fetch" in head:
        return _PADDLE
    if re.match(rb"\x00{4}[\x00-\x02]\x00{3}[\x00-\x09]\x00{3}", head):
        return FileKind(
            "a file of Darknet weights", "convert them with their .cfg, to ONNX, by Darknet's tools"
        )
    return None


def _text_kind(onnx_path: Path, head: bytes) -> FileKind | None:
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else a character is cut at the end of the head
            return None
        text = head[: error.start].decode("utf-8-sig")
    if re.search(r"[\x00-\x08\x0e-\x1f]", text):
        return None
    start = text.lstrip()
    lower = start[:2000].lower()
    if start.startswith("version https://git-lfs"):
        size = re.search(r"^size (\d+)$", text, re.MULTILINE)
        expected = f" of {int(size[1]) / 1e6:.1f} MB" if size else ""
        return FileKind(
            "a Git LFS pointer", f"the model{expected} itself is fetched by: git lfs pull"
        )
    if "/annex/objects/" in start[:200]:
        return FileKind("a git-annex pointer", "fetch the model itself: git annex get FILE")
    if lower.startswith("<!doctype html") or "<html" in lower:
        return FileKind(
            "a web page (HTML)",
            "a page about the file was saved instead of the file; fetch its download link "
            "(GitHub: raw, Hugging Face: resolve instead of blob)",
        )
    if lower.startswith("<"):
        if re.search(r"<net\b", lower):
            return FileKind(
                "an OpenVINO model (XML)", "export to ONNX from the framework it was trained in"
            )
        return FileKind("XML", "if a server's error was saved here, fetch the file again")
    if lower.startswith(("{", "[")) and re.match(r'[{\[]\s*["{\[}\]\d]', lower):
        return FileKind("JSON text", "if a server's error was saved here, fetch the file again")
    if re.match(r"<?\s*ir_version\s*:", lower):
        return FileKind(
            "an ONNX model written as text",
            "write it as bytes: onnx.save(onnx.load(FILE, format='textproto'), 'model.onnx')",
        )
    if re.search(r"^\s*layers?\s*\{", lower, re.MULTILINE):
        return FileKind("a Caffe model's text (prototxt)", "convert it to ONNX with its weights")
    if lower.startswith("[net]"):
        return FileKind("a Darknet configuration", "convert it to ONNX with its weights")
    first_line = start.splitlines()[0] if start else ""
    quoted = f" ({first_line[:40]!r}…)" if first_line else ""
    return FileKind(f"plain text{quoted}", "give the .onnx file that the model's export wrote")


_SUFFIXES = {
    ".engine": _TENSORRT,
    ".plan": _TENSORRT,
    ".trt": _TENSORRT,
    ".mlmodel": _COREML,
    ".pdmodel": _PADDLE,
    ".pdiparams": _PADDLE,
    ".tflite": _TFLITE,
    ".caffemodel": FileKind("a Caffe model", "convert it to ONNX with its prototxt"),
}


def _suffix_kind(onnx_path: Path, head: bytes) -> FileKind | None:
    return _SUFFIXES.get(onnx_path.suffix.lower())
