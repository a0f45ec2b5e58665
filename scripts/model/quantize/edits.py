"""Edits a detector's graph: int8 layers, float16 weights, constants stored in fewer bytes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm import tqdm

from scripts.model import graph
from scripts.model.quantize.calibration import Feed
from scripts.model.quantize.layers import INT8_OPS, WEIGHTED_OPS, LayerGroup
from scripts.tool import ToolError

_MIN_VALUES = 256  # for smaller tensors an additional node outweighs what it saves


def prepare_graph(model: onnx.ModelProto, work_dir: Path) -> onnx.ModelProto:
    """`model` as quantisation needs it: normalisations folded into their convolutions, shapes
    inferred, every node with a name of its own.

    Writes temporary files into `work_dir`. Raises ToolError.
    """
    onnx_path, prepared_path = work_dir / "plain.onnx", work_dir / "prepared.onnx"
    onnx.save(model, onnx_path)
    try:
        quant_pre_process(onnx_path, prepared_path, skip_symbolic_shape=True)
    except Exception as error:  # onnxruntime has no public error type
        raise ToolError(f"ONNX Runtime cannot prepare the graph ({error})") from error
    prepared = onnx.load(prepared_path)
    names: set[str] = set()
    for index, node in enumerate(prepared.graph.node):
        if not node.name or node.name in names:
            node.name = f"{node.op_type}_{index}"
        names.add(node.name)
    _restore_opset(prepared, model)
    return prepared


def to_int8(
    prepared: onnx.ModelProto,
    feeds: Sequence[Feed],
    groups: Sequence[LayerGroup],
    work_dir: Path,
    *,
    reduce_range: bool = False,
) -> onnx.ModelProto:
    """The graph of `prepare_graph` with these groups in int8: ONNX Runtime's static quantisation.

    Ranges of activations are measured at the first call with a `work_dir` and read from there
    afterwards. Raises ToolError.
    """
    onnx_path, int8_path = work_dir / "prepared.onnx", work_dir / "quantised.onnx"
    onnx.save(prepared, onnx_path)
    try:
        with _no_warnings():
            quantization.quantize_static(
                onnx_path,
                int8_path,
                _FeedReader(feeds),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=INT8_OPS,
                nodes_to_quantize=[name for group in groups for name in group.nodes],
                per_channel=True,
                reduce_range=reduce_range,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                calibration_cache_path=work_dir / "ranges.json",
            )
    except Exception as error:  # of many types, by what the graph holds
        raise ToolError(f"ONNX Runtime cannot quantise the graph ({error})") from error
    return onnx.load(int8_path)


def fuse(model: onnx.ModelProto, work_dir: Path) -> onnx.ModelProto:
    """An int8 graph as ONNX Runtime makes it of `model` at each loading: one QLinearConv for a
    convolution between its Quantize and Dequantize pairs, and so on.

    That search takes 70 of the default model's 135 ms of loading. It stops before layouts are
    chosen, which depend on the CPU: the file is for x86 and arm64 alike. Raises ToolError.
    """
    onnx_path, fused_path = work_dir / "unfused.onnx", work_dir / "fused.onnx"
    onnx.save(model, onnx_path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(fused_path)
    try:
        onnxruntime.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no public error type
        raise ToolError(f"ONNX Runtime cannot load the int8 graph ({error})") from error
    fused = onnx.load(fused_path)
    del fused.graph.value_info[:]  # shapes, which are inferred again
    return fused


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with the weights of its convolutions and matrix products stored as float16 and cast
    to float32, which ONNX Runtime does once, at loading.

    Other constants stay float32: anchors near 600 px would move by up to a quarter of one. Raises
    ToolError where there is nothing to convert.
    """
    model = _copy(model)
    weights = {
        node.input[1]
        for node in model.graph.node
        if node.op_type in WEIGHTED_OPS and len(node.input) > 1
    }
    casts = []
    for tensor in model.graph.initializer:
        if tensor.name not in weights or tensor.data_type != TensorProto.FLOAT:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        if values.size >= _MIN_VALUES and np.abs(values).max() <= np.finfo(np.float16).max:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
            casts.append(helper.make_node("Cast", [f"{name}/half"], [name], to=TensorProto.FLOAT))
    if not casts:
        raise ToolError("the graph has no float32 weights of a size worth halving")
    _prepend_nodes(model, casts)
    return model


def to_lookup_tables(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with large float constants of at most 256 different values (centres and sizes of
    anchors) stored as a table and a byte a value.

    Lossless; ONNX Runtime looks the values up once, at loading.
    """
    model = _copy(model)
    lookups, tables = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 4 * _MIN_VALUES:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        table, rows = np.unique(values, return_inverse=True)
        if len(table) > 256 or np.isnan(table).any():
            continue
        rows = rows.reshape(values.shape).astype(np.uint8)
        tensor.CopyFrom(numpy_helper.from_array(rows, f"{name}/which"))
        tables.append(numpy_helper.from_array(table, f"{name}/table"))
        lookups += [
            helper.make_node("Cast", [f"{name}/which"], [f"{name}/row"], to=TensorProto.INT32),
            helper.make_node("Gather", [f"{name}/table", f"{name}/row"], [name]),
        ]
    model.graph.initializer.extend(tables)
    _prepend_nodes(model, lookups)
    return model


def serialize(converted: onnx.ModelProto, original: onnx.ModelProto) -> bytes:
    """The converted graph as the bytes of model.onnx: with lookup tables, the original's opset, IR
    version and name, and no trace of the tools that made it."""
    converted = to_lookup_tables(converted)
    _restore_opset(converted, original)
    converted.producer_name, converted.producer_version = "icebox", ""
    converted.graph.name = original.graph.name
    graph.strip_metadata(converted)
    onnx.checker.check_model(converted)
    return converted.SerializeToString()


class _FeedReader(quantization.CalibrationDataReader):
    """Hands the feeds to ONNX Runtime's calibration, one by one."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = iter(
            tqdm(feeds, unit="picture", desc="calibrating", disable=None, leave=False)
        )

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """ONNX Runtime's quantisation logs advice to the root logger that no user can act on."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _restore_opset(converted: onnx.ModelProto, original: onnx.ModelProto) -> None:
    """ONNX Runtime writes every domain it knows, and its own name for the default one."""
    versions = {item.domain: item.version for item in converted.opset_import}
    used = {node.domain for node in converted.graph.node} - {"", "ai.onnx"}
    del converted.opset_import[:]
    opset = max(item.version for item in original.opset_import if item.domain in ("", "ai.onnx"))
    converted.opset_import.append(helper.make_opsetid("", opset))
    converted.opset_import.extend(
        helper.make_opsetid(name, versions[name]) for name in sorted(used)
    )
    converted.ir_version = original.ir_version


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(model.SerializeToString())


def _prepend_nodes(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    others = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *others])
