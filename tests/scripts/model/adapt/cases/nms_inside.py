"""Golden cases with NMS inside: torchvision, mmdeploy, TensorFlow, TensorRT, Paddle, ONNX zoo."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.references import (
    map_back_mmdet,
    map_back_stretch,
    map_back_ultralytics,
    objects_above,
)
from tests.scripts.model.adapt.foreign_graphs import HEIGHT, OBJECTS, WIDTH, make_model


def torchvision() -> GoldenCase:
    boxes = np.array([o[2] for o in OBJECTS], np.float32)
    labels = np.array([o[0] + 1 for o in OBJECTS], np.int64)
    scores = np.array([o[1] for o in OBJECTS], np.float32)
    model = make_model(
        {"boxes": boxes, "labels": labels, "scores": scores},
        image="image",
        shape=(3, HEIGHT, WIDTH),
    )
    return GoldenCase(model, objects_above(0.5), map_back_stretch)


def torchvision_unnamed() -> GoldenCase:
    case = torchvision()
    model = case.model
    for node in model.graph.node:
        node.output[:] = [
            {"boxes": "6379", "labels": "6381", "scores": "6383"}.get(n, n) for n in node.output
        ]
    for output, name in zip(model.graph.output, ("6379", "6381", "6383"), strict=True):
        output.name = name
    return case


def mmdeploy() -> GoldenCase:
    dets = np.array([[(*o[2], o[1]) for o in OBJECTS]], np.float32)
    labels = np.array([[o[0] for o in OBJECTS]], np.int64)
    model = make_model({"dets": dets, "labels": labels}, image="input")
    return GoldenCase(model, objects_above(0.3), map_back_mmdet)


def tf_ssd() -> GoldenCase:
    size = np.array([HEIGHT, WIDTH, HEIGHT, WIDTH])
    boxes = np.array([[np.array(o[2])[[1, 0, 3, 2]] / size for o in OBJECTS] + [[0] * 4] * 2])
    labels = np.array([[o[0] + 1 for o in OBJECTS] + [1, 1]])
    scores = np.array([[o[1] for o in OBJECTS] + [0.99, 0.99]])  # beyond the count: padding
    model = make_model(
        {
            "detection_boxes:0": boxes.astype(np.float32),
            "detection_classes:0": labels.astype(np.float32),
            "detection_scores:0": scores.astype(np.float32),
            "num_detections:0": np.array([len(OBJECTS)], np.float32),
        },
        image="inputs",
        shape=("unk__1", "unk__2", "unk__3", 3),
        dtype=TensorProto.UINT8,
        opset=11,
    )
    return GoldenCase(model, objects_above(0.5), map_back_stretch)


def tf_efficientdet() -> GoldenCase:
    rows = [(0, *np.array(box)[[1, 0, 3, 2]], score, label + 1) for label, score, box in OBJECTS]
    model = make_model(
        {"detections:0": np.array([rows], np.float32)},
        image="image_arrays:0",
        shape=(1, HEIGHT, WIDTH, 3),
        dtype=TensorProto.UINT8,
    )
    return GoldenCase(model, objects_above(0.5), map_back_stretch)


def efficientnms() -> GoldenCase:
    model = make_model(
        {
            "num_dets": np.array([[len(OBJECTS)]], np.int32),
            "det_boxes": np.array([[o[2] for o in OBJECTS]], np.float32),
            "det_scores": np.array([[o[1] for o in OBJECTS]], np.float32),
            "det_classes": np.array([[o[0] for o in OBJECTS]], np.int32),
        }
    )
    return GoldenCase(model, objects_above(0.5), map_back_ultralytics)


def onnx_ssd() -> GoldenCase:
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    model = make_model(
        {
            "bboxes": np.array([[np.array(o[2]) / size for o in OBJECTS]], np.float32),
            "labels": np.array([[o[0] + 1 for o in OBJECTS]], np.int64),
            "scores": np.array([[o[1] for o in OBJECTS]], np.float32),
        },
        image="image",
    )
    return GoldenCase(model, objects_above(0.5), map_back_stretch)


def paddle() -> GoldenCase:
    rows = [(label, score, *box) for label, score, box in OBJECTS]
    model = make_model(
        {
            "multiclass_nms3_0.tmp_0": np.array(rows, np.float32),
            "multiclass_nms3_0.tmp_2": np.array([len(rows)], np.int32),
        },
        image="image",
        inputs=[
            ("im_shape", TensorProto.FLOAT, (1, 2)),
            ("scale_factor", TensorProto.FLOAT, (1, 2)),
        ],
    )
    return GoldenCase(model, objects_above(0.5), map_back_stretch)
