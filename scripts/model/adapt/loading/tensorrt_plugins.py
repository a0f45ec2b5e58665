"""Replaces TensorRT's NMS plugins, which ONNX Runtime does not know, by ONNX's own operators.

YOLOv7's and others' exports for TensorRT end in EfficientNMS_TRT (NVIDIA's plugin/
efficientNMSPlugin) or BatchedNMS_TRT (plugin/batchedNMSPlugin). Outputs stay what the plugins'
documents say, without the rows of padding: a count int32 [1, 1], boxes [1, n, 4] xyxy, scores
[1, n], and classes [1, n], best first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.tool import ToolError

_EFFICIENT = {"EfficientNMS_TRT", "EfficientNMS"}
_BATCHED = {"BatchedNMS_TRT", "BatchedNMSDynamic_TRT", "BatchedNMS"}
_MIN_OPSET = 11  # of TopK with an input, and of GatherND


@dataclass(frozen=True)
class PluginNms:
    """A plugin's attributes. background: the class that is left out, -1 for none.

    clips: whether boxes are cut to 0..1. label_type: of the classes' output.
    """

    score_threshold: float
    iou_threshold: float
    max_boxes: int
    is_cxcywh: bool
    has_logits: bool
    background: int
    is_class_agnostic: bool
    clips: bool
    label_type: int


def replace_plugins(model: onnx.ModelProto) -> tuple[str, ...]:
    """Replace every NMS plugin in place; a sentence for each. Raises ToolError."""
    notes = []
    for node in list(model.graph.node):
        if node.op_type not in _EFFICIENT | _BATCHED:
            continue
        opset = max(
            (i.version for i in model.opset_import if i.domain in ("", "ai.onnx")), default=0
        )
        if opset < _MIN_OPSET:
            raise ToolError(
                f"its {node.op_type} cannot be replaced at opset {opset}; export it again with "
                f"opset {_MIN_OPSET} or later"
            )
        plugin = _read_plugin(node)
        index = list(model.graph.node).index(node)
        nodes, constants = _nms_nodes(node, plugin, f"plugin_{index}")
        rest = list(model.graph.node)
        rest[index : index + 1] = nodes
        copies = [onnx.NodeProto.FromString(each.SerializeToString()) for each in rest]
        del model.graph.node[:]
        model.graph.node.extend(copies)
        model.graph.initializer.extend(constants)
        notes.append(
            f"TensorRT's {node.op_type} is replaced by ONNX's own NMS with its thresholds (score "
            f"{plugin.score_threshold:g}, iou {plugin.iou_threshold:g}, at most "
            f"{plugin.max_boxes})"
        )
    return tuple(notes)


def _read_plugin(node: onnx.NodeProto) -> PluginNms:
    values: Mapping[str, object] = {a.name: helper.get_attribute_value(a) for a in node.attribute}

    def number(name: str, default: float) -> float:
        return float(np.asarray(values.get(name, default)).reshape(-1)[0])

    if len(node.input) != 2 or len(node.output) != 4:
        raise ToolError(
            f"its {node.op_type} decodes boxes from anchors itself, which is not known; export it "
            "with decoded boxes"
        )
    if node.op_type in _EFFICIENT:
        return PluginNms(
            score_threshold=number("score_threshold", 0.25),
            iou_threshold=number("iou_threshold", 0.5),
            max_boxes=int(number("max_output_boxes", 100)),
            is_cxcywh=number("box_coding", 0) == 1,
            has_logits=number("score_activation", 0) == 1,
            background=int(number("background_class", -1)),
            is_class_agnostic=number("class_agnostic", 0) == 1,
            clips=False,
            label_type=TensorProto.INT32,
        )
    if number("shareLocation", 1) != 1:
        raise ToolError(f"its {node.op_type} has boxes for each class, which is not known")
    return PluginNms(
        score_threshold=number("scoreThreshold", 0.0),
        iou_threshold=number("iouThreshold", 0.5),
        max_boxes=int(number("keepTopK", 100)),
        is_cxcywh=False,
        has_logits=False,
        background=int(number("backgroundLabelId", -1)),
        is_class_agnostic=False,
        clips=number("isNormalized", 1) == 1 and number("clipBoxes", 1) == 1,
        label_type=TensorProto.FLOAT,
    )


def _nms_nodes(
    node: onnx.NodeProto, plugin: PluginNms, prefix: str
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def op(kind: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = [f"{prefix}_{len(nodes)}_{number}" for number in range(outputs)]
        nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[-1]

    def constant(value: object, dtype: type = np.int64) -> str:
        name = f"{prefix}_constant_{len(constants)}"
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def reshape(source: str, shape: list[int]) -> str:
        return op("Reshape", source, constant(shape))

    def columns(source: str, first: int, last: int, axis: int) -> str:
        return op("Slice", source, constant([first]), constant([last]), constant([axis]))

    boxes = reshape(op("Cast", node.input[0], to=TensorProto.FLOAT), [1, -1, 4])
    scores = op("Cast", node.input[1], to=TensorProto.FLOAT)  # [1, A, C]
    if plugin.has_logits:
        scores = op("Sigmoid", scores)
    if plugin.is_cxcywh:
        half = op("Mul", columns(boxes, 2, 4, 2), constant(0.5, np.float32))
        centre = columns(boxes, 0, 2, 2)
        boxes = op("Concat", op("Sub", centre, half), op("Add", centre, half), axis=2)
    best_class = ""
    if plugin.is_class_agnostic:  # a box competes with all others, by its best class
        best_class = reshape(op("TopK", scores, constant([1]), outputs=2, axis=2), [-1])
        scores = nodes[-2].output[0]
    scores = op("Transpose", scores, perm=[0, 2, 1])
    selected = op(
        "NonMaxSuppression",
        boxes,
        scores,
        constant([plugin.max_boxes]),
        constant([plugin.iou_threshold], np.float32),
        constant([plugin.score_threshold], np.float32),
    )  # rows of (picture, class, box)
    box_numbers = reshape(columns(selected, 2, 3, 1), [-1])
    labels = reshape(columns(selected, 1, 2, 1), [-1])
    if best_class:
        labels = op("Gather", best_class, box_numbers, axis=0)
    kept_scores = op("GatherND", scores, selected)
    if plugin.background >= 0:
        is_other = op("Not", op("Equal", labels, constant(plugin.background)))
        kept = reshape(op("NonZero", is_other), [-1])
        labels, box_numbers, kept_scores = (
            op("Gather", source, kept, axis=0) for source in (labels, box_numbers, kept_scores)
        )
    order = op("TopK", kept_scores, op("Shape", kept_scores), outputs=2, axis=0)
    order = columns(order, 0, plugin.max_boxes, 0)
    rows = reshape(op("Gather", box_numbers, order, axis=0), [-1])
    kept_boxes = op("Gather", reshape(boxes, [-1, 4]), rows, axis=0)
    if plugin.clips:
        kept_boxes = op("Max", kept_boxes, constant(0.0, np.float32))
        kept_boxes = op("Min", kept_boxes, constant(1.0, np.float32))
    count = op("Cast", op("Shape", rows), to=TensorProto.INT32)
    results = (
        reshape(count, [1, 1]),
        reshape(kept_boxes, [1, -1, 4]),
        reshape(op("Gather", kept_scores, order, axis=0), [1, -1]),
        op(
            "Cast",
            reshape(op("Gather", labels, order, axis=0), [1, -1]),
            to=plugin.label_type,
        ),
    )
    nodes += [
        helper.make_node("Identity", [result], [name])
        for result, name in zip(results, node.output, strict=True)
    ]
    return nodes, constants
