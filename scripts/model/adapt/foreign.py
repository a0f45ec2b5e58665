"""An ONNX file in; a graph of one input of a fixed size, at an opset we can join, and what it gave
on pictures of noise out.

What stands in the file's value infos is not trusted: shapes are what ONNX Runtime gave.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, version_converter

from scripts.model import graph
from scripts.model.adapt import opset
from scripts.model.adapt.errors import AdaptError

MAX_BYTES = 2_000_000_000  # protobuf's limit of one message, and so of a bundle's graph
_DTYPES = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.UINT8: "uint8",
}


@dataclass(frozen=True)
class Image:
    """The graph's picture input. rank is 4, or 3 where it has no batch."""

    name: str
    layout: graph.Layout
    dtype: graph.Dtype
    rank: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Output:
    """What one output gave: its arrays on several noisy pictures, all of one rank."""

    name: str
    seen: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the picture that gave most."""
        return max((array.shape for array in self.seen), key=lambda shape: int(np.prod(shape)))

    @property
    def whole_numbers(self) -> bool:
        """Whether they are integers by dtype."""
        return bool(np.issubdtype(self.seen[0].dtype, np.integer))

    def __str__(self) -> str:
        return f"{self.name} {self.seen[0].dtype} {list(self.shape)}"


@dataclass(frozen=True, eq=False)
class Foreign:
    """A graph that takes one picture and nothing else. extra: the other inputs it had, with the
    values put in their place."""

    model: onnx.ModelProto
    image: Image
    outputs: tuple[Output, ...]
    metadata: Mapping[str, str]
    extra: Mapping[str, str]
    names: tuple[str, ...] | None
    sha256: str
    producer: str


def load(
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    layout: graph.Layout | None = None,
    values: Mapping[str, tuple[float, ...]] | None = None,
) -> Foreign:
    """Read, pin and try the graph at `path`.

    size: (width, height) in px where the graph leaves its own open. values: of inputs other than
    the picture that are not known by name. Raises AdaptError.
    """
    model, digest = _read(path)
    metadata = {item.key: item.value for item in model.metadata_props}
    _drop_initializers_from_inputs(model)
    image_input, image = _image(model, size or _metadata_size(metadata), layout, asked=size)
    extra = _fill_in_others(model, image, values or {})
    _pin(model, image_input, image)
    before = _run(model, image, path)
    upgraded = _upgrade(model, image, before)
    outputs = tuple(
        Output(item.name, tuple(arrays[at] for arrays in before))
        for at, item in enumerate(model.graph.output)
        if all(isinstance(arrays[at], np.ndarray) for arrays in before)
        and before[0][at].dtype.kind in "fiub"
    )
    return Foreign(
        model=upgraded,
        image=image,
        outputs=outputs,
        metadata=metadata,
        extra=extra,
        names=_names(metadata),
        sha256=digest,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
    )


def _read(path: Path) -> tuple[onnx.ModelProto, str]:
    if not path.is_file():
        raise AdaptError(f"{path} is no file")
    data_size = path.stat().st_size
    if data_size > MAX_BYTES:
        raise AdaptError(f"{path} has {data_size / 1e9:.1f} GB; at most 2 GB fit into one graph")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    try:
        model = onnx.load_from_string(data)
    except Exception as error:  # protobuf's own kinds
        raise AdaptError(f"{path} is not ONNX, or cut short ({_line(error)})") from None
    del data
    if not model.graph.node or not model.opset_import:
        raise AdaptError(f"{path} is not an ONNX model: it has no nodes; is it the whole file?")
    beside = {
        entry.value
        for tensor in model.graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    for name in sorted(beside):
        if not (path.parent / name).is_file():
            raise AdaptError(
                f"{path} keeps its weights in {name}, which is not beside it; copy both"
            )
    if beside:
        if sum((path.parent / name).stat().st_size for name in beside) > MAX_BYTES:
            raise AdaptError(f"the weights beside {path} are more than 2 GB; too many for a bundle")
        try:
            onnx.load_external_data_for_model(model, str(path.parent))
        except Exception as error:
            raise AdaptError(f"{path}: its weights cannot be read ({_line(error)})") from None
    if model.ByteSize() > MAX_BYTES:
        raise AdaptError(f"{path} has more than 2 GB with its weights; too many for a bundle")
    return model, digest


def _drop_initializers_from_inputs(model: onnx.ModelProto) -> None:
    """Before IR 4 weights were inputs, too."""
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [item for item in model.graph.input if item.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _dims(item: onnx.ValueInfoProto) -> list[int | None]:
    return [
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in item.type.tensor_type.shape.dim
    ]


def _image(
    model: onnx.ModelProto,
    size: tuple[int, int] | None,
    layout: graph.Layout | None,
    *,
    asked: tuple[int, int] | None,
) -> tuple[onnx.ValueInfoProto, Image]:
    seen = ", ".join(
        f"{item.name} {_dtype_name(item)} {_dims_text(item)}" for item in model.graph.input
    )
    pictures = [item for item in model.graph.input if len(_dims(item)) in (3, 4)]
    named = [
        item
        for item in pictures
        if re.search(r"image|pixel_values|input|data|^x$", item.name.lower())
        and "mask" not in item.name.lower()
    ]
    pictures = [item for item in pictures if 3 in _dims(item)] or named or pictures
    pictures = [item for item in pictures if "mask" not in item.name.lower()]
    if not pictures:
        raise AdaptError(
            f"no input looks like a picture ([1, 3, H, W] or [1, H, W, 3]); inputs: {seen}"
        )
    item = pictures[0]
    dims, rank = _dims(item), len(_dims(item))
    element = item.type.tensor_type.elem_type
    if element not in _DTYPES:
        raise AdaptError(
            f"the input {item.name} is {_dtype_name(item)}; float32, float16 and uint8 are known"
        )
    if rank == 4 and dims[0] not in (None, 1):
        raise AdaptError(
            f"the input {item.name} takes {dims[0]} pictures at once; export it for one"
        )
    shape = dims[-3:]
    if layout is None:
        layout = "nhwc" if shape[2] == 3 and shape[0] != 3 else "nchw"
        if shape == [None, None, None] and element == TensorProto.UINT8:
            layout = "nhwc"
    channels, height, width = shape if layout == "nchw" else (shape[2], *shape[:2])
    if channels not in (None, 3):
        raise AdaptError(
            f"the input {item.name} {_dims_text(item)} has {channels} channels read as {layout}; "
            "3 are known (--layout nchw|nhwc tells where they are)"
        )
    open_sides = width is None or height is None
    if open_sides and size is None:
        raise AdaptError(
            f"the graph leaves the size of {item.name} {_dims_text(item)} open; "
            "say it with --size WxH, as it was trained (640x640, 800x800…)"
        )
    if asked is not None and ((width or asked[0]), (height or asked[1])) != asked:
        raise AdaptError(
            f"the graph takes {width} x {height} px, --size says {asked[0]} x {asked[1]}; "
            "leave --size out"
        )
    wide, high = size or (0, 0)
    return item, Image(item.name, layout, _DTYPES[element], rank, width or wide, height or high)


def _dtype_name(item: onnx.ValueInfoProto) -> str:
    kind = item.type.tensor_type.elem_type
    return TensorProto.DataType.Name(kind).lower() if kind else "no tensor"


def _dims_text(item: onnx.ValueInfoProto) -> str:
    dims = [dim.dim_value or dim.dim_param or "?" for dim in item.type.tensor_type.shape.dim]
    return f"[{', '.join(map(str, dims))}]"


def _fill_in_others(
    model: onnx.ModelProto, image: Image, values: Mapping[str, tuple[float, ...]]
) -> dict[str, str]:
    """Put constants in the place of every input but the picture; name → what it was set to."""
    done: dict[str, str] = {}
    for item in [item for item in model.graph.input if item.name != image.name]:
        name = item.name.lower()
        dims = _dims(item)
        kind = helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type)
        if item.name in values:
            value = np.asarray(values[item.name])
            shape = [dim or 1 for dim in dims]
            if int(np.prod(shape)) != value.size:
                shape = [value.size] if len(dims) <= 1 else [1] * (len(dims) - 1) + [value.size]
        elif "mask" in name:
            shape = [1, image.height, image.width][-len(dims) :] if dims else []
            if len(dims) == 4:
                shape = [1, 1, image.height, image.width]
            shape = [dim or own for dim, own in zip(dims, shape, strict=True)]
            value = np.ones(shape)
        elif "scale_factor" in name:
            value, shape = np.ones(2), [1, 2][-len(dims) :]
        elif name in ("im_shape", "image_shape", "img_shape"):  # height first: Paddle, Keras
            value, shape = np.array([image.height, image.width]), [1, 2][-len(dims) :]
        elif re.search(r"target_size|orig_size|ori_shape|orig_im_size", name):  # width first
            value, shape = np.array([image.width, image.height]), [1, 2][-len(dims) :]
        else:
            raise AdaptError(
                f"the input {item.name} {_dtype_name(item)} {_dims_text(item)} is not known; "
                f"say what it is to be with --set {item.name}=VALUE[,VALUE…]"
            )
        tensor = np.asarray(value).astype(kind).reshape(shape)
        model.graph.initializer.append(numpy_helper.from_array(tensor, item.name))
        flat = tensor.ravel()
        done[item.name] = f"{flat[0]} × {flat.size}" if flat.size > 4 else str(flat.tolist())
        model.graph.input.remove(item)
    unknown = sorted(set(values) - set(done))
    if unknown:
        raise AdaptError(f"--set {unknown[0]}: the graph has no such input beside its picture")
    return done


def _pin(model: onnx.ModelProto, item: onnx.ValueInfoProto, image: Image) -> None:
    """Give the picture its size, and forget every shape written for another."""
    shape = [3, image.height, image.width]
    if image.layout == "nhwc":
        shape = [image.height, image.width, 3]
    if image.rank == 4:
        shape = [1, *shape]
    del item.type.tensor_type.shape.dim[:]
    for side in shape:
        item.type.tensor_type.shape.dim.add().dim_value = side
    del model.graph.value_info[:]
    for output in model.graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")


def _run(
    model: onnx.ModelProto, image: Image, path: Path | str, most: int = 3
) -> list[list[np.ndarray]]:
    """What the graph gives on noisy pictures of several scales. Raises AdaptError."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise AdaptError(f"{path}: ONNX Runtime cannot load it ({_line(error)})") from None
    found = []
    for pixels in _pictures(image)[:most]:
        try:
            found.append(session.run(None, {image.name: pixels}))
        except Exception as error:
            raise AdaptError(
                f"{path}: fails on a picture of {image.width} x {image.height} px, {image.layout} "
                f"({_line(error)}); if that is not its size or layout, say so by --size or --layout"
            ) from None
    return found


def _pictures(image: Image) -> list[np.ndarray]:
    """Smooth noise in 0..255, in 0..1 and normalised: whichever the graph wants is among them."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (image.height // 16 + 1, image.width // 16 + 1, 3))
    smooth = coarse.repeat(16, 0).repeat(16, 1)[: image.height, : image.width]
    noise = rng.integers(-20, 20, smooth.shape)
    rgb = np.clip(smooth + noise, 0, 255).astype(np.float32)
    if image.layout == "nchw":
        rgb = rgb.transpose(2, 0, 1)
    if image.rank == 4:
        rgb = rgb[np.newaxis]
    kinds = [rgb] if image.dtype == "uint8" else [rgb, rgb / 255, rgb / 64 - 2]
    return [np.ascontiguousarray(kind.astype(image.dtype)) for kind in kinds]


def version_of(model: onnx.ModelProto) -> int:
    """The opset of ONNX's own operators."""
    return next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)


def _upgrade(
    model: onnx.ModelProto, image: Image, before: list[list[np.ndarray]]
) -> onnx.ModelProto:
    """The same graph at graph.OPSET or later, proven to give the same. Raises AdaptError."""
    version = version_of(model)
    if version >= graph.OPSET:
        return model
    reasons = []
    for convert in (_by_onnx, opset.upgrade):
        try:
            upgraded = convert(model, graph.OPSET)
            after = _run(upgraded, image, "the upgraded graph", most=len(before))
        except Exception as error:  # the converter raises RuntimeErrors of many kinds
            reasons.append(_line(error))
            continue
        if all(_same(x, y) for a, b in zip(before, after, strict=True) for x, y in zip(a, b)):  # noqa: B905
            return upgraded
        reasons.append("it gives other numbers")
    raise AdaptError(
        f"the graph is of opset {version} and cannot be brought to {graph.OPSET} "
        f"({'; '.join(reasons)}); export it again with opset {graph.OPSET}"
    )


def _by_onnx(model: onnx.ModelProto, target: int) -> onnx.ModelProto:
    upgraded = version_converter.convert_version(model, target)
    del upgraded.graph.value_info[:]
    return upgraded


def _same(one: object, other: object) -> bool:
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        return type(one) is type(other)
    if one.shape != other.shape:
        return False
    if one.dtype.kind not in "fiub":
        return True
    scale = float(np.max(np.abs(np.nan_to_num(one.astype(np.float64))), initial=1.0))
    return bool(np.allclose(one, other, rtol=1e-3, atol=1e-4 * scale, equal_nan=True))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _metadata_size(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """ultralytics writes imgsz as "[height, width]"."""
    try:
        sides = ast.literal_eval(metadata.get("imgsz", ""))
        height, width = (sides, sides) if isinstance(sides, int) else sides
    except (ValueError, SyntaxError, TypeError):
        return None
    return (int(width), int(height))


def _names(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """Class names in the metadata: ultralytics' {0: 'person', …}, or a list, or comma-separated."""
    for key in ("names", "classes", "class_names", "labels"):
        text = metadata.get(key, "").strip()
        if not text or len(text) > 1_000_000:
            continue
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            value = [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
        if isinstance(value, dict):
            try:
                numbers = sorted(int(number) for number in value)
                if numbers != list(range(len(numbers))):
                    continue
                value = [value.get(number, value.get(str(number))) for number in numbers]
            except (TypeError, ValueError):
                continue
        if isinstance(value, list | tuple) and value and all(str(name).strip() for name in value):
            return tuple(str(name).strip() for name in value)
    return None
