"""TensorRT's NMS plugins as ONNX's operators, against NMS written out here in numpy.

The plugins' own documents say what they give: NVIDIA's TensorRT repository, plugin/
efficientNMSPlugin/README.md and plugin/batchedNMSPlugin/README.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from scripts.model.adapt.loading.tensorrt_plugins import replace_plugins
from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases.references import map_back_ultralytics, objects_above
from tests.scripts.model.adapt.foreign_graphs import (
    CLASSES,
    HEIGHT,
    WIDTH,
    decoded_table,
    make_model,
)

BOXES, LABELS = 60, 3


def candidates() -> tuple[np.ndarray, np.ndarray]:
    """xyxy in px [1, A, 4], and scores [1, A, C]."""
    rng = np.random.default_rng(0)
    centre, half = rng.uniform(20, 80, (BOXES, 2)), rng.uniform(5, 20, (BOXES, 2))
    boxes = np.concatenate([centre - half, centre + half], 1)
    return boxes[None].astype(np.float32), rng.uniform(0, 1, (1, BOXES, LABELS)).astype(np.float32)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    sides = np.clip(np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2]), 0, None)
    areas = np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2])
    return float(np.prod(sides) / (areas - np.prod(sides)))


def nms(
    boxes: np.ndarray,
    scores: np.ndarray,
    *,
    score: float,
    overlap: float,
    most: int,
    background: int = -1,
    agnostic: bool = False,
) -> list[tuple[int, float, np.ndarray]]:
    """(class, score, box), best first: greedy, in each class or in all, then the best of all."""
    if agnostic:
        groups = [[(int(row.argmax()), float(row.max()), i) for i, row in enumerate(scores)]]
    else:
        groups = [
            [(label, float(row[label]), i) for i, row in enumerate(scores)]
            for label in range(scores.shape[1])
        ]
    found: list[tuple[int, float, np.ndarray]] = []
    for group in groups:
        kept: list[tuple[int, float, np.ndarray]] = []
        for label, value, index in sorted(group, key=lambda item: -item[1]):
            if value <= score or label == background or len(kept) == most:
                continue
            if all(iou(boxes[index], box) <= overlap for _, _, box in kept):
                kept.append((label, value, boxes[index]))
        found += kept
    return sorted(found, key=lambda item: -item[1])[:most]


def plugin_model(kind: str, boxes_shape: tuple[int, ...], **attributes: Any) -> onnx.ModelProto:
    outputs = ["num", "boxes", "scores", "classes"]
    node = helper.make_node(kind, ["b", "s"], outputs, domain="TRT", **attributes)
    graph = helper.make_graph(
        [node],
        "plugin",
        [
            helper.make_tensor_value_info("b", TensorProto.FLOAT, boxes_shape),
            helper.make_tensor_value_info("s", TensorProto.FLOAT, (1, BOXES, LABELS)),
        ],
        [
            helper.make_tensor_value_info(
                name,
                TensorProto.INT32
                if name == "num" or (name == "classes" and kind.startswith("Eff"))
                else TensorProto.FLOAT,
                None,
            )
            for name in outputs
        ],
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 12), helper.make_opsetid("TRT", 1)],
        ir_version=8,
    )


def run(model: onnx.ModelProto, boxes: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
    assert replace_plugins(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"b": boxes, "s": scores})


def assert_equal(outputs: list[np.ndarray], expected: list[tuple[int, float, np.ndarray]]) -> None:
    count, boxes, scores, labels = outputs
    assert count.tolist() == [[len(expected)]] and count.dtype == np.int32
    assert labels[0].tolist() == [label for label, _, _ in expected]
    assert np.allclose(scores[0], [score for _, score, _ in expected], atol=1e-6)
    assert np.allclose(boxes[0], np.reshape([box for _, _, box in expected], (-1, 4)), atol=1e-4)


@pytest.mark.parametrize(
    ("attributes", "changes"),
    [
        ({}, {}),
        ({"max_output_boxes": 4}, {"most": 4}),
        ({"background_class": 1}, {"background": 1}),
        ({"class_agnostic": 1}, {"agnostic": True}),
        ({"score_threshold": 0.999}, {"score": 0.999}),
    ],
)
@pytest.mark.parametrize("is_cxcywh", [False, True])
def test_efficient_nms(
    is_cxcywh: bool, attributes: dict[str, Any], changes: dict[str, Any]
) -> None:
    boxes, scores = candidates()
    options = {"score_threshold": 0.3, "iou_threshold": 0.45, "max_output_boxes": 100}
    given = boxes
    if is_cxcywh:
        given = np.concatenate(
            [(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], 2
        )
    model = plugin_model(
        "EfficientNMS_TRT",
        (1, BOXES, 4),
        box_coding=int(is_cxcywh),
        **{"background_class": -1, **options, **attributes},
    )
    settings = {"score": 0.3, "overlap": 0.45, "most": 100, **changes}
    expected = nms(boxes[0], scores[0], **settings)
    assert expected or "score" in changes
    assert_equal(run(model, given, scores), expected)


def test_efficient_nms_of_logits() -> None:
    boxes, scores = candidates()
    logits = np.log(scores / (1 - scores)).astype(np.float32)
    model = plugin_model(
        "EfficientNMS_TRT", (1, BOXES, 4), score_activation=1, score_threshold=0.3,
        iou_threshold=0.45, max_output_boxes=100, background_class=-1,
    )  # fmt: skip
    expected = nms(boxes[0], scores[0], score=0.3, overlap=0.45, most=100)
    assert_equal(run(model, boxes, logits), expected)


def test_batched_nms_has_labels_in_floats_and_boxes_in_0_to_1() -> None:
    boxes, scores = candidates()
    boxes = boxes / 90  # some reach beyond 1
    model = plugin_model(
        "BatchedNMS_TRT", (1, BOXES, 1, 4), shareLocation=1, backgroundLabelId=-1,
        numClasses=LABELS, topK=1000, keepTopK=20, scoreThreshold=0.3, iouThreshold=0.45,
        isNormalized=1, clipBoxes=1,
    )  # fmt: skip
    outputs = run(model, boxes[:, :, None], scores)
    expected = nms(boxes[0], scores[0], score=0.3, overlap=0.45, most=20)
    assert_equal(outputs, [(label, score, box.clip(0, 1)) for label, score, box in expected])
    assert outputs[3].dtype == np.float32 and boxes.max() > 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("anchors", "decodes boxes from anchors itself"),
        ("boxes of each class", "has boxes for each class"),
        ("opset", "opset 11 or later"),
    ],
)
def test_what_is_not_known_of_plugins_is_refused(change: str, message: str) -> None:
    model = plugin_model("EfficientNMS_TRT", (1, BOXES, 4))
    if change == "anchors":
        model.graph.node[0].input.append("b")
    elif change == "boxes of each class":
        model = plugin_model("BatchedNMS_TRT", (1, BOXES, LABELS, 4), shareLocation=0)
    else:
        model.opset_import[0].version = 10
    with pytest.raises(ToolError, match=message):
        replace_plugins(model)


def test_yolov7s_export_for_tensorrt_becomes_a_bundle(tmp_path: Path) -> None:
    """Boxes cxcywh and scores before the plugin, as YOLOv7's `export.py --end2end` writes them."""
    table = decoded_table(objectness=False)
    model = make_model(
        {
            "raw": table[None, :, :4].astype(np.float32),
            "raw_scores": table[None, :, 4:].astype(np.float32),
        }
    )
    del model.graph.output[:]
    model.opset_import.append(helper.make_opsetid("TRT", 1))
    model.graph.node.append(
        helper.make_node(
            "EfficientNMS_TRT", ["raw", "raw_scores"],
            ["num_dets", "det_boxes", "det_scores", "det_classes"],
            domain="TRT", background_class=-1, box_coding=1, iou_threshold=0.45,
            max_output_boxes=100, plugin_version="1", score_activation=0, score_threshold=0.25,
        )
    )  # fmt: skip
    for name, element, shape in (
        ("num_dets", TensorProto.INT32, (1, 1)),
        ("det_boxes", TensorProto.FLOAT, (1, 100, 4)),
        ("det_scores", TensorProto.FLOAT, (1, 100)),
        ("det_classes", TensorProto.INT32, (1, 100)),
    ):
        model.graph.output.append(helper.make_tensor_value_info(name, element, shape))
    result = adapt_model(tmp_path, model)
    assert result.reading.format == "efficientnms"
    assert any("EfficientNMS_TRT is replaced" in note for note in result.notes)
    assert any("inside the graph (score 0.25)" in warning for warning in result.warnings)
    assert result.manifest.classes == CLASSES
    found = {label for label, _, _ in detect(tmp_path, WIDTH, HEIGHT)}
    assert found == {o[0] for o in objects_above(0.5)}
    boxes = [box for _, _, box in detect(tmp_path, WIDTH, HEIGHT)]
    expected = map_back_ultralytics(objects_above(0.5)[0][2], WIDTH, HEIGHT)
    assert min(np.abs(box - expected).max() for box in boxes) < 0.01
