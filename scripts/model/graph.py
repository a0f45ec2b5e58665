"""A bare detector network as ONNX in; the bundle's graph out, normalisation before, NMS behind.

The network takes `image` float32 [1, 3, H, W] and gives `boxes` float32 [1, A, 4], xyxy in input
pixels, and `scores` float32 [1, C, A], 0..1. The bundle's graph takes `image` uint8 [1, H, W, 3]
RGB and the three thresholds, and gives `boxes` [N, 4], `scores` [N] and `labels` [N], best first:
the one contract the handler knows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

OPSET = 18
IR_VERSION = 8  # of that opset; onnxruntime reads what is not newer than itself


def wrap(
    network: onnx.ModelProto,
    *,
    width: int,
    height: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> onnx.ModelProto:
    """Put normalisation, (x - 255·mean) / (255·std), before `network` and NonMaxSuppression behind
    it."""
    front = _model(_front(width, height, mean, std))
    back = _model(_back())
    network = onnx.ModelProto.FromString(network.SerializeToString())
    network.ir_version = IR_VERSION
    network = compose.add_prefix(network, "network/")
    joined = compose.merge_models(front, network, io_map=[("normalised", "network/image")])
    joined = compose.merge_models(
        joined,
        back,
        io_map=[("network/boxes", "candidates"), ("network/scores", "candidate_scores")],
    )
    joined.graph.name = "detector"
    joined.producer_name = "icebox"
    _forget_its_making(joined)
    onnx.checker.check_model(joined, full_check=True)
    return joined


def _forget_its_making(model: onnx.ModelProto) -> None:
    """Drop what exporters leave in: stack traces with the paths of whoever exported."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del holder.metadata_props[:]
        holder.ClearField("doc_string")
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
        tensor.ClearField("doc_string")


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )


def _constant(name: str, value: object, dtype: type) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def _front(width: int, height: int, mean: Sequence[float], std: Sequence[float]) -> onnx.GraphProto:
    # The same float32 steps as albumentations' Normalize: subtract, then multiply by the
    # reciprocal. Channels first: over an innermost axis of three, ONNX Runtime takes ten times as
    # long (9.4 ms of 46 at 640 px).
    offset = (np.asarray(mean, np.float32) * np.float32(255)).reshape(1, 3, 1, 1)
    factor = np.reciprocal(np.asarray(std, np.float32) * np.float32(255), dtype=np.float32).reshape(
        1, 3, 1, 1
    )
    return helper.make_graph(
        [
            helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("Cast", ["planes"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["float", "offset"], ["centred"]),
            helper.make_node("Mul", ["centred", "factor"], ["normalised"]),
        ],
        "front",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3])],
        [helper.make_tensor_value_info("normalised", TensorProto.FLOAT, [1, 3, height, width])],
        [_constant("offset", offset, np.float32), _constant("factor", factor, np.float32)],
    )


def _back() -> onnx.GraphProto:
    def ints(name: str, value: object) -> onnx.TensorProto:
        return _constant(name, value, np.int64)

    nodes = [
        helper.make_node("Unsqueeze", ["iou_threshold", "axis0"], ["iou_1"]),
        helper.make_node("Unsqueeze", ["score_threshold", "axis0"], ["score_1"]),
        helper.make_node("Unsqueeze", ["max_detections", "axis0"], ["most"]),
        helper.make_node(
            "NonMaxSuppression",
            ["candidates", "candidate_scores", "most", "iou_1", "score_1"],
            ["selected"],
        ),  # rows of (picture, class, box)
        helper.make_node("Squeeze", ["candidate_scores", "axis0"], ["class_by_box"]),
        helper.make_node("Slice", ["selected", "one", "three", "axis1"], ["class_and_box"]),
        helper.make_node("GatherND", ["class_by_box", "class_and_box"], ["unsorted"]),
        helper.make_node("Shape", ["unsorted"], ["found"]),
        helper.make_node("Min", ["found", "most"], ["kept"]),
        helper.make_node(
            "TopK", ["unsorted", "kept"], ["scores", "order"], axis=0, largest=1, sorted=1
        ),
        helper.make_node("Gather", ["class_and_box", "order"], ["best"], axis=0),
        helper.make_node("Split", ["best", "one_each"], ["label_column", "box_column"], axis=1),
        helper.make_node("Squeeze", ["label_column", "axis1"], ["labels"]),
        helper.make_node("Squeeze", ["box_column", "axis1"], ["box_index"]),
        helper.make_node("Squeeze", ["candidates", "axis0"], ["all_boxes"]),
        helper.make_node("Gather", ["all_boxes", "box_index"], ["boxes"], axis=0),
    ]
    return helper.make_graph(
        nodes,
        "back",
        [
            helper.make_tensor_value_info("candidates", TensorProto.FLOAT, [1, None, 4]),
            helper.make_tensor_value_info("candidate_scores", TensorProto.FLOAT, [1, None, None]),
            helper.make_tensor_value_info("score_threshold", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("iou_threshold", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("max_detections", TensorProto.INT64, []),
        ],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["N", 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N"]),
            helper.make_tensor_value_info("labels", TensorProto.INT64, ["N"]),
        ],
        [
            ints("axis0", [0]),
            ints("axis1", [1]),
            ints("one", [1]),
            ints("three", [3]),
            ints("one_each", [1, 1]),
        ],
    )
