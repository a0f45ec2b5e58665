"""Graphs that take no picture, or a text beside it, refused by what they take."""

from __future__ import annotations

import re
from collections.abc import Sequence

import onnx
from onnx import TensorProto

from scripts.tool import ToolError

_INTEGERS = (TensorProto.INT32, TensorProto.INT64)
_TEXT_NAMES = r"input_ids|token|attention_mask|position_ids|text|prompt|decoder_input|past_key"
_SOUND_NAMES = r"audio|wave|speech|mel|spectro|input_features|signal|pcm"
_NO_DETECTOR = "no detector of pictures"


def refuse_without_picture(model: onnx.ModelProto) -> None:
    """Raise a ToolError that says what the graph takes, where that is certainly no picture."""
    inputs = list(model.graph.input)
    if not inputs:
        raise ToolError("the graph has no input, and so no picture to look at")
    if any(_may_be_picture(item) for item in inputs):
        return
    described = ", ".join(describe_input(item) for item in inputs[:6])
    what = _what_it_takes(inputs)
    if what:
        raise ToolError(f"this is {what}, {_NO_DETECTOR}: its inputs are {described}")


def is_text(item: onnx.ValueInfoProto) -> bool:
    """Whether an input takes numbers of words, or what goes with them."""
    is_sequence = item.type.tensor_type.elem_type in _INTEGERS and len(input_dims(item)) == 2
    return bool(re.search(_TEXT_NAMES, item.name.lower())) and (
        is_sequence or "past_key" in item.name.lower() or "embed" in item.name.lower()
    )


def explain_text_beside_picture(item: onnx.ValueInfoProto) -> str:
    return (
        f"the graph takes a text beside the picture ({describe_input(item)}), as detectors of "
        "anything that is named do; a bundle has fixed classes: export it with the texts of your "
        "classes inside (YOLO-World: set_classes), or a detector that is trained on them"
    )


def _may_be_picture(item: onnx.ValueInfoProto) -> bool:
    dims = input_dims(item)
    if len(dims) not in (3, 4) or re.search(_TEXT_NAMES, item.name.lower()):
        return False
    return (
        3 in dims
        or (not re.search(_SOUND_NAMES, item.name.lower()) and len(dims) == 4)
        or (dims.count(None) >= 2)
    )


def _what_it_takes(inputs: Sequence[onnx.ValueInfoProto]) -> str:
    names = " ".join(item.name.lower() for item in inputs)
    ranks = {len(input_dims(item)) for item in inputs}
    if any(item.type.tensor_type.elem_type == TensorProto.STRING for item in inputs) or any(
        is_text(item) for item in inputs
    ):
        return "a network of texts"
    if re.search(_SOUND_NAMES, names):
        return "a network of sounds"
    if 5 in ranks:
        return "a network of videos or of volumes"
    if ranks <= {0, 1, 2}:
        return "a network of tables or features"
    return ""


def input_dims(item: onnx.ValueInfoProto) -> list[int | None]:
    """The sides of an input's shape, None for one that is open."""
    return [
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in item.type.tensor_type.shape.dim
    ]


def describe_input(item: onnx.ValueInfoProto) -> str:
    """Its name, dtype and shape."""
    return f"{item.name} {dtype_name(item)} {dims_text(item)}"


def dtype_name(item: onnx.ValueInfoProto) -> str:
    element = item.type.tensor_type.elem_type
    return TensorProto.DataType.Name(element).lower() if element else "no tensor"


def dims_text(item: onnx.ValueInfoProto) -> str:
    dims = [dim.dim_value or dim.dim_param or "?" for dim in item.type.tensor_type.shape.dim]
    return f"[{', '.join(map(str, dims))}]"
