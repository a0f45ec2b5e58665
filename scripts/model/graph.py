"""The bundle's graph: a detector network with normalisation before it and NMS behind it.

The network takes `image`, normalised, float32 [1, 3, H, W] by default, and gives `boxes` float32
[B, A, 4], xyxy in input pixels, and `scores` float32 [B, C, A], 0..1. B is 1 where the classes
share their boxes. Where each class has boxes of its own (torchvision's Faster R-CNN), B is the
number of classes, C is 1, and the label is b·C + c.

The bundle's graph takes `image` uint8 [1, H, W, 3] RGB and the three thresholds, and gives `boxes`
[N, 4], `scores` [N] and `labels` [N], best first. The handler knows only this contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

OPSET = 18
IR_VERSION = 8  # of that opset; onnxruntime reads none newer than itself

# Tensors inside the bundle's graph: the network's input, and its outputs before NMS.
NETWORK_PREFIX = "network/"
NORMALISED = "normalised"
CANDIDATE_BOXES = f"{NETWORK_PREFIX}boxes"
CANDIDATE_SCORES = f"{NETWORK_PREFIX}scores"

Order = Literal["rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]
Dtype = Literal["float32", "float16", "uint8"]
# Which boxes compete in NMS:
# - per-class: those of one class;
# - best-class: those of one class, each box only in the class it scores best in;
# - class-agnostic: all, by their best score;
# - none: no box suppresses another (DETR; a network with its own NMS).
Nms = Literal["per-class", "best-class", "class-agnostic", "none"]
_ELEMENT_TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
}


def wrap(
    network: onnx.ModelProto,
    *,
    width: int,
    height: int,
    mean: Sequence[float],
    std: Sequence[float],
    order: Order = "rgb",
    layout: Layout = "nchw",
    dtype: Dtype = "float32",
    nms: Nms = "per-class",
) -> onnx.ModelProto:
    """Put normalisation, (x - 255·mean) / (255·std), before a network and NonMaxSuppression behind.

    mean, std: of RGB in 0..1, whatever order the network takes its channels in. order, layout,
    dtype: of the network's input. nms: which boxes compete. A network of an opset later than OPSET
    keeps its own. Raises ValueError for a uint8 network unless it takes pixels as they are: mean 0,
    std 1/255.
    """
    opset = max([OPSET, *(item.version for item in network.opset_import if item.domain == "")])
    ir_version = IR_VERSION if opset == OPSET else max(IR_VERSION, network.ir_version)
    preprocessing = _preprocessing(width, height, mean, std, order, layout, dtype)
    network = onnx.ModelProto.FromString(network.SerializeToString())
    network.ir_version = ir_version
    network = compose.add_prefix(network, NETWORK_PREFIX)
    model = compose.merge_models(
        _to_model(preprocessing, opset, ir_version),
        network,
        io_map=[(NORMALISED, f"{NETWORK_PREFIX}image")],
    )
    model = compose.merge_models(
        model,
        _to_model(_postprocessing(nms), opset, ir_version),
        io_map=[(CANDIDATE_BOXES, "candidates"), (CANDIDATE_SCORES, "candidate_scores")],
    )
    model.graph.name = "detector"
    model.producer_name = "icebox"
    strip_metadata(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def strip_metadata(model: onnx.ModelProto) -> None:
    """Remove what exporters leave in a model: stack traces with the paths of whoever exported."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del holder.metadata_props[:]
        holder.ClearField("doc_string")
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
        tensor.ClearField("doc_string")


def _to_model(graph: onnx.GraphProto, opset: int, ir_version: int) -> onnx.ModelProto:
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version
    )


def _constant(name: str, value: object, dtype: type) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def _preprocessing(
    width: int,
    height: int,
    mean: Sequence[float],
    std: Sequence[float],
    order: Order,
    layout: Layout,
    dtype: Dtype,
) -> onnx.GraphProto:
    """uint8 [1, H, W, 3] RGB to the network's input."""
    # The same float32 steps as albumentations' Normalize: subtract, then multiply by the
    # reciprocal. Channels first, because ONNX Runtime takes ten times as long over an innermost
    # axis of three (9.4 ms of 46 at 640 px).
    axes = (1, 3, 1, 1) if layout == "nchw" else (1, 1, 1, 3)
    offset = (np.asarray(mean, np.float32) * np.float32(255)).reshape(axes)
    factor = np.reciprocal(np.asarray(std, np.float32) * np.float32(255), dtype=np.float32)
    factor = factor.reshape(axes)
    if order == "bgr":
        offset, factor = offset[..., ::-1], factor[..., ::-1]
        if layout == "nchw":
            offset, factor = offset[:, ::-1], factor[:, ::-1]
    subtracts, multiplies = bool(offset.any()), bool((factor != 1).any())
    if dtype == "uint8" and (subtracts or multiplies):
        raise ValueError("a network of uint8 takes pixels as they are: mean 0, std 1/255")
    channel_axis = 1 if layout == "nchw" else 3
    reverse = {"first": [2], "last": [-4], "channels": [channel_axis], "back": [-1]}
    steps: list[tuple[str, list[str], dict[str, object]]] = []
    constants: list[onnx.TensorProto] = []
    if layout == "nchw":
        steps.append(("Transpose", [], {"perm": [0, 3, 1, 2]}))
    if order == "bgr":
        steps.append(("Slice", list(reverse), {}))
        constants += [_constant(name, value, np.int64) for name, value in reverse.items()]
    if dtype != "uint8":
        steps.append(("Cast", [], {"to": TensorProto.FLOAT}))
    if subtracts:
        steps.append(("Sub", ["offset"], {}))
        constants.append(_constant("offset", offset, np.float32))
    if multiplies:
        steps.append(("Mul", ["factor"], {}))
        constants.append(_constant("factor", factor, np.float32))
    if dtype == "float16":
        steps.append(("Cast", [], {"to": TensorProto.FLOAT16}))
    steps = steps or [("Identity", [], {})]
    nodes, current = [], "image"
    for number, (op_type, other_inputs, attributes) in enumerate(steps, 1):
        output = NORMALISED if number == len(steps) else f"pixels_{number}"
        nodes.append(helper.make_node(op_type, [current, *other_inputs], [output], **attributes))
        current = output
    shape = [1, 3, height, width] if layout == "nchw" else [1, height, width, 3]
    return helper.make_graph(
        nodes,
        "preprocessing",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3])],
        [helper.make_tensor_value_info(NORMALISED, _ELEMENT_TYPES[dtype], shape)],
        constants,
    )


def _postprocessing(nms: Nms) -> onnx.GraphProto:
    """Candidates to the best detections: NonMaxSuppression, then TopK."""

    def ints(name: str, value: object) -> onnx.TensorProto:
        return _constant(name, value, np.int64)

    def node(op_type: str, inputs: str, outputs: str, **attributes: object) -> onnx.NodeProto:
        return helper.make_node(op_type, inputs.split(), outputs.split(), **attributes)

    constants = [ints("axis0", [0]), ints("axis1", [1]), ints("each", [1, 1, 1])]
    nodes = [
        node("Unsqueeze", "iou_threshold axis0", "iou_1"),
        node("Unsqueeze", "score_threshold axis0", "score_1"),
        node("Unsqueeze", "max_detections axis0", "most"),
    ]
    scores, iou_threshold = "candidate_scores", "iou_1"
    if nms == "best-class":
        constants.append(_constant("off_on", [0.0, 1.0], np.float32))
        nodes += [
            node("ArgMax", "candidate_scores", "own_class", axis=1, keepdims=0),
            node("Shape", "candidate_scores", "class_count", start=1, end=2),
            node("OneHot", "own_class class_count off_on", "own", axis=1),
            node("Mul", "candidate_scores own", "own_scores"),
        ]
        scores = "own_scores"
    if nms == "class-agnostic":  # a box competes with all others, by its best score
        nodes.append(node("ReduceMax", "candidate_scores axis1", "best_scores", keepdims=1))
        scores = "best_scores"
    if nms == "none":  # no IoU exceeds 1; iou_threshold stays an input, as the contract wants
        constants.append(_constant("whole", [1.0], np.float32))
        iou_threshold = "whole"
    nodes += [
        node("NonMaxSuppression", f"candidates {scores} most {iou_threshold} score_1", "selected"),
        # rows of (group, class, box)
        node("GatherND", f"{scores} selected", "unsorted"),
        node("Shape", "unsorted", "found"),
        node("Min", "found most", "kept"),
        node("TopK", "unsorted kept", "scores order", axis=0, largest=1, sorted=1),
        node("Gather", "selected order", "best", axis=0),
        node("Split", "best each", "group class box", axis=1),
        node("Concat", "group box", "group_and_box", axis=1),
        node("GatherND", "candidates group_and_box", "boxes"),
    ]
    if nms == "class-agnostic":
        nodes += [
            node("ArgMax", "candidate_scores", "best_class", axis=1, keepdims=0),
            node("GatherND", "best_class group_and_box", "labels"),
        ]
    else:
        nodes += [
            node("Shape", "candidate_scores", "classes", start=1, end=2),
            node("Mul", "group classes", "classes_before"),
            node("Add", "classes_before class", "label_column"),
            node("Squeeze", "label_column axis1", "labels"),
        ]
    return helper.make_graph(
        nodes,
        "postprocessing",
        [
            helper.make_tensor_value_info("candidates", TensorProto.FLOAT, [None, None, 4]),
            helper.make_tensor_value_info("candidate_scores", TensorProto.FLOAT, [None] * 3),
            helper.make_tensor_value_info("score_threshold", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("iou_threshold", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("max_detections", TensorProto.INT64, []),
        ],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["N", 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N"]),
            helper.make_tensor_value_info("labels", TensorProto.INT64, ["N"]),
        ],
        constants,
    )
