"""Golden cases with boxes beside class scores: SSD, YOLO-NAS, YOLOv4 and Keras' YOLOv3."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.references import (
    map_back_stretch,
    map_back_ultralytics,
    map_back_yolov5,
    nms,
    objects_above,
    objects_by_best_class,
    objects_by_every_class,
)
from tests.scripts.model.adapt.foreign_graphs import (
    HEIGHT,
    OBJECTS,
    WIDTH,
    decoded_table,
    make_model,
)


def ssd() -> GoldenCase:
    """UltraFace and pytorch-ssd: background in column 0, NMS by class on boxes in 0..1."""
    size = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes = np.array([[np.array(o[2]) / size for o in OBJECTS]])
    scores = np.zeros((1, len(OBJECTS), 4))
    for row, (label, score, _) in enumerate(OBJECTS):
        scores[0, row, [0, label + 1]] = 1 - score, score
    model = make_model(
        {"scores": scores.astype(np.float32), "boxes": boxes.astype(np.float32)}, image="input"
    )
    return GoldenCase(model, nms(objects_above(0.5), 0.45), map_back_stretch)


def boxes_scores() -> GoldenCase:
    """YOLO-NAS and DAMO-YOLO: xyxy in px, scores without background, every class counts."""
    table = decoded_table(objectness=False)
    x, y, w, h = table[:, :4].T
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)
    model = make_model(
        {"boxes": boxes[None].astype(np.float32), "scores": table[None, :, 4:].astype(np.float32)}
    )
    return GoldenCase(model, nms(objects_by_every_class(table, 0.3), 0.5), map_back_yolov5)


def yolov4() -> GoldenCase:
    """pytorch-YOLOv4: boxes [1, A, 1, 4] xyxy in 0..1, confs [1, A, C], the best class counts."""
    table = decoded_table(objectness=False, anchors=3)
    x, y, w, h = table[:, :4].T
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)
    boxes = boxes / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    outputs = {"boxes": boxes[None, :, None], "confs": table[None, :, 4:]}
    model = make_model({name: array.astype(np.float32) for name, array in outputs.items()})
    objects = nms(objects_above(0.4, objects_by_best_class(table, False)), 0.6)
    return GoldenCase(model, objects, map_back_stretch)


def yolov3_keras() -> GoldenCase:
    """The ONNX zoo's YOLOv3: yxyx in px, scores by class, its own NMS's indices unused."""
    table = decoded_table(objectness=False, anchors=3)
    x, y, w, h = table[:, :4].T
    boxes = np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], 1)
    model = make_model(
        {
            "yolonms_layer_1": boxes[None].astype(np.float32),
            "yolonms_layer_1:1": table[None, :, 4:].transpose(0, 2, 1).astype(np.float32),
            "yolonms_layer_1:2": np.zeros((1, 2, 3), np.int32),
        },
        image="input_1",
        inputs=[("image_shape", TensorProto.FLOAT, ("N", 2))],
        opset=10,
    )
    return GoldenCase(model, nms(objects_by_every_class(table, 0.3), 0.5), map_back_ultralytics)


def paddle_before_nms() -> GoldenCase:
    """PaddleDetection with export.nms=False: boxes [1, A, 4] xyxy, scores [1, C, A]."""
    table = decoded_table(objectness=False)
    x, y, w, h = table[:, :4].T
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)
    model = make_model(
        {
            "tmp_17": boxes[None].astype(np.float32),
            "concat_14.tmp_0": table[:, 4:].T[None].astype(np.float32),
        },
        image="image",
        inputs=[("scale_factor", TensorProto.FLOAT, (1, 2))],
    )
    return GoldenCase(model, nms(objects_by_every_class(table, 0.5), 0.5), map_back_stretch)
