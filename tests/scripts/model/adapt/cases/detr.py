"""Golden cases of DETR and its descendants."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.references import map_back_stretch, objects_above
from tests.scripts.model.adapt.foreign_graphs import (
    CLASSES,
    HEIGHT,
    OBJECTS,
    WIDTH,
    cxcywh,
    make_model,
)


def query_outputs(count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes = np.array([[cxcywh(o[2]) / size for o in OBJECTS] + [[0.5, 0.5, 0.1, 0.1]] * count])
    boxes, logits = boxes[:, :count], np.full((1, count, len(CLASSES) + 1), -6.0)
    logits[0, :, -1] = 0
    for row, (label, score, _) in enumerate(OBJECTS):
        logits[0, row, label] = np.log(score / (1 - score))
    return boxes, logits


def detr() -> GoldenCase:
    """DETR's PostProcess: softmax, without the last column; boxes cxcywh × the picture's size."""
    boxes, logits = query_outputs()
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    objects = [(o[0], probabilities[0, row, o[0]], o[2]) for row, o in enumerate(OBJECTS)]
    model = make_model(
        {"logits": logits.astype(np.float32), "pred_boxes": boxes.astype(np.float32)},
        image="pixel_values",
        shape=("batch", 3, "height", "width"),
        inputs=[("pixel_mask", TensorProto.INT64, ("batch", 64, 64))],
    )
    return GoldenCase(model, objects_above(0.5, objects), map_back_stretch)


def deformable_detr() -> GoldenCase:
    boxes, logits = query_outputs(300)
    model = make_model(
        {"logits": logits[..., :3].astype(np.float32), "pred_boxes": boxes.astype(np.float32)},
        image="pixel_values",
    )
    return GoldenCase(model, objects_above(0.5), map_back_stretch)


def rf_detr() -> GoldenCase:
    boxes, logits = query_outputs(300)
    model = make_model(
        {"dets": boxes.astype(np.float32), "labels": logits[..., :3].astype(np.float32)},
        image="input",
    )
    return GoldenCase(model, objects_above(0.5), map_back_stretch)


def rt_detr() -> GoldenCase:
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    model = make_model(
        {
            "labels": np.array([[o[0] for o in OBJECTS]], np.int64),
            "boxes": np.array([[np.array(o[2]) / size for o in OBJECTS]], np.float32),
            "scores": np.array([[o[1] for o in OBJECTS]], np.float32),
        },
        opset=16,
        inputs=[("orig_target_sizes", TensorProto.INT64, ("N", 2))],
        times_input={"boxes": "orig_target_sizes"},
    )
    return GoldenCase(model, objects_above(0.5), map_back_stretch)


def rt_detr_ultralytics() -> GoldenCase:
    boxes, _ = query_outputs(300)
    scores = np.full((1, 300, 3), 0.01)
    for row, (label, score, _) in enumerate(OBJECTS):
        scores[0, row, label] = score
    model = make_model({"output0": np.concatenate([boxes, scores], 2).astype(np.float32)})
    return GoldenCase(model, objects_above(0.25), map_back_stretch)


def rt_detr_ultralytics_rows() -> GoldenCase:
    """ultralytics 8.4, models/rtdetr/predict.py: rows of cxcywh in 0..1, score, label."""
    boxes, _ = query_outputs(len(OBJECTS))
    rows = [(*box, o[1], o[0]) for box, o in zip(boxes[0], OBJECTS, strict=True)]
    model = make_model({"output0": np.array([rows], np.float32)}, opset=20)
    return GoldenCase(model, objects_above(0.25), map_back_stretch)
