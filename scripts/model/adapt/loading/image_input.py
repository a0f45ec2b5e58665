"""The inputs of a foreign graph: which takes the picture, and constants for all others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.model import graph
from scripts.model.adapt.loading.other_inputs import (
    describe_input,
    dims_text,
    dtype_name,
    explain_text_beside_picture,
    input_dims,
    is_text,
    refuse_without_picture,
)
from scripts.model.plurals import counted
from scripts.tool import ToolError

_DTYPES: dict[int, graph.Dtype] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.UINT8: "uint8",
}


@dataclass(frozen=True)
class ImageInput:
    """The input that takes the picture; width and height in px. rank: 4, or 3 without a batch."""

    name: str
    layout: graph.Layout
    dtype: graph.Dtype
    rank: int
    width: int
    height: int

    @property
    def shape(self) -> list[int]:
        """The input's, with its batch of 1 where it has one."""
        return self.batch_shape[4 - self.rank :]

    @property
    def batch_shape(self) -> list[int]:
        """[1, 3, H, W] or [1, H, W, 3]."""
        if self.layout == "nchw":
            return [1, 3, self.height, self.width]
        return [1, self.height, self.width, 3]


def find_image_input(
    model: onnx.ModelProto,
    *,
    size: tuple[int, int] | None,
    size_in_file: tuple[int, int] | None,
    layout: graph.Layout | None,
) -> ImageInput:
    """The input that looks like a picture's.

    size: (width, height) in px by the user, size_in_file by the file's metadata; either fills in
    what the input's shape leaves open. layout: by the user, else read off the shape. Raises
    ToolError.
    """
    refuse_without_picture(model)
    candidates = [item for item in model.graph.input if len(input_dims(item)) in (3, 4)]
    named = [
        item
        for item in candidates
        if re.search(r"image|pixel_values|input|data|^x$", item.name.lower())
        and "mask" not in item.name.lower()
    ]
    candidates = [item for item in candidates if 3 in input_dims(item)] or named or candidates
    candidates = [item for item in candidates if "mask" not in item.name.lower()]
    if not candidates:
        inputs = ", ".join(describe_input(item) for item in model.graph.input)
        raise ToolError(
            f"no input looks like a picture ([1, 3, H, W] or [1, H, W, 3]); inputs: {inputs}"
        )
    item = candidates[0]
    dims, element = input_dims(item), item.type.tensor_type.elem_type
    if element not in _DTYPES:
        raise ToolError(
            f"the input {item.name} is {dtype_name(item)}; float32, float16 and uint8 are known"
        )
    if len(dims) == 4 and dims[0] not in (None, 1):
        raise ToolError(
            f"the input {item.name} takes {dims[0]} pictures at once; export it for one (batch 1)"
        )
    layout = layout or _layout(dims[-3:], element)
    channels, height, width = dims[-3:] if layout == "nchw" else (dims[-1], *dims[-3:-1])
    if channels not in (None, 3):
        raise ToolError(_explain_channels(item, channels, layout))
    default_size = size or size_in_file
    if (width is None or height is None) and default_size is None:
        raise ToolError(
            f"the graph leaves the size of {item.name} {dims_text(item)} open; "
            "say it with --size WxH, as it was trained (640x640, 800x800…)"
        )
    if size is not None and ((width or size[0]), (height or size[1])) != size:
        raise ToolError(
            f"the graph takes {width} x {height} px, --size says {size[0]} x {size[1]}; "
            "leave --size out"
        )
    default_width, default_height = default_size or (0, 0)
    return ImageInput(
        item.name,
        layout,
        _DTYPES[element],
        rank=len(dims),
        width=width or default_width,
        height=height or default_height,
    )


def _explain_channels(item: onnx.ValueInfoProto, channels: int, layout: graph.Layout) -> str:
    of = {1: "grey pictures are not served", 4: "pictures with alpha are not served"}
    why = of.get(channels, "that may be another network's features, or no picture")
    return (
        f"the input {item.name} {dims_text(item)} has {counted(channels, 'channel')} read as "
        f"{layout}, and 3 are wanted: {why}; --layout nchw|nhwc tells where the channels are"
    )


def _layout(dims: list[int | None], element: int) -> graph.Layout:
    if dims == [None, None, None] and element == TensorProto.UINT8:
        return "nhwc"
    return "nhwc" if dims[2] == 3 and dims[0] != 3 else "nchw"


def fix_other_inputs(
    model: onnx.ModelProto, image: ImageInput, values: Mapping[str, tuple[float, ...]]
) -> dict[str, str]:
    """Replace every input but the picture's by a constant, in place.

    values: of inputs that are not known by their names. Returns what each input was set to. Raises
    ToolError.
    """
    fixed: dict[str, str] = {}
    for item in [item for item in model.graph.input if item.name != image.name]:
        dtype = helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type)
        tensor = _constant_for(item, image, values).astype(dtype)
        model.graph.initializer.append(numpy_helper.from_array(tensor, item.name))
        flat = tensor.ravel()
        fixed[item.name] = f"{flat[0]} × {flat.size}" if flat.size > 4 else str(flat.tolist())
        model.graph.input.remove(item)
    unknown = sorted(set(values) - set(fixed))
    if unknown:
        raise ToolError(f"--set {unknown[0]}: the graph has no such input beside its picture")
    return fixed


def _constant_for(
    item: onnx.ValueInfoProto, image: ImageInput, values: Mapping[str, tuple[float, ...]]
) -> np.ndarray:
    name, dims = item.name.lower(), input_dims(item)
    if item.name in values:
        value = np.asarray(values[item.name])
        shape = [dim or 1 for dim in dims]
        if int(np.prod(shape)) != value.size:
            shape = [value.size] if len(dims) <= 1 else [1] * (len(dims) - 1) + [value.size]
        return value.reshape(shape)
    if "mask" in name:
        shape = [1, image.height, image.width][-len(dims) :] if dims else []
        if len(dims) == 4:
            shape = [1, 1, image.height, image.width]
        return np.ones([dim or side for dim, side in zip(dims, shape, strict=True)])
    pair_shape = [1, 2][-len(dims) :]
    if "scale_factor" in name:
        return np.ones(2).reshape(pair_shape)
    if name in ("im_shape", "image_shape", "img_shape"):  # height first: Paddle, Keras
        return np.array([image.height, image.width]).reshape(pair_shape)
    if re.search(r"target_size|orig_size|ori_shape|orig_im_size", name):  # width first
        return np.array([image.width, image.height]).reshape(pair_shape)
    if is_text(item):
        raise ToolError(explain_text_beside_picture(item))
    raise ToolError(
        f"the input {describe_input(item)} is not known; "
        f"say what it is to be with --set {item.name}=VALUE[,VALUE…]"
    )


def set_static_shape(model: onnx.ModelProto, image: ImageInput) -> None:
    """Give the picture's input its size, in place, and forget every shape written for another."""
    item = next(item for item in model.graph.input if item.name == image.name)
    del item.type.tensor_type.shape.dim[:]
    for side in image.shape:
        item.type.tensor_type.shape.dim.add().dim_value = side
    del model.graph.value_info[:]
    for output in model.graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")
