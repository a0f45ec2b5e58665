"""Reads an ONNX file with its external weights, and refuses what is no ONNX file by its name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from onnx import TensorProto

from scripts.model.adapt.loading.file_kinds import refuse_folder, refuse_other_kinds
from scripts.model.adapt.loading.trial_run import one_line
from scripts.tool import ToolError

MAX_BYTES = 2_000_000_000  # protobuf's limit of one message, and so of a bundle's graph


def read_model(onnx_path: Path) -> tuple[onnx.ModelProto, str]:
    """The model with its external weights, and the file's sha256. Raises ToolError."""
    if onnx_path.is_dir():
        refuse_folder(onnx_path)
    if not onnx_path.is_file():
        raise ToolError(f"{onnx_path} is no file")
    size_bytes = onnx_path.stat().st_size
    if size_bytes > MAX_BYTES:
        raise ToolError(
            f"{onnx_path} has {size_bytes / 1e9:.1f} GB; at most 2 GB fit into one graph"
        )
    content = onnx_path.read_bytes()
    refuse_other_kinds(onnx_path, content)
    digest = hashlib.sha256(content).hexdigest()
    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # protobuf's own kinds
        raise ToolError(f"{onnx_path} is not ONNX, or cut short ({one_line(error)})") from None
    del content
    if not model.graph.node or not model.opset_import:
        raise ToolError(f"{onnx_path} is not an ONNX model: it has no nodes; is it the whole file?")
    _load_external_weights(model, onnx_path)
    if model.ByteSize() > MAX_BYTES:
        raise ToolError(f"{onnx_path} has more than 2 GB with its weights; too many for a bundle")
    return model, digest


def _load_external_weights(model: onnx.ModelProto, onnx_path: Path) -> None:
    """Take the weights that lie in files beside the model into it."""
    weight_files = {
        entry.value
        for tensor in model.graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    if not weight_files:
        return
    folder = onnx_path.parent
    for name in sorted(weight_files):
        if not (folder / name).is_file():
            raise ToolError(
                f"{onnx_path} keeps its weights in {name}, which is not beside it; copy both"
            )
    if sum((folder / name).stat().st_size for name in weight_files) > MAX_BYTES:
        raise ToolError(f"the weights beside {onnx_path} are more than 2 GB; too many for a bundle")
    try:
        onnx.load_external_data_for_model(model, str(folder))
    except Exception as error:
        raise ToolError(f"{onnx_path}: its weights cannot be read ({one_line(error)})") from None
