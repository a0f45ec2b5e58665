"""Golden cases of the YOLO family: YOLOX, YOLOv5 to 10 and their exports with NMS."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.references import (
    map_back_ultralytics,
    map_back_yolov5,
    map_back_yolox,
    nms,
    objects_above,
    objects_by_best_class,
)
from tests.scripts.model.adapt.foreign_graphs import (
    HEIGHT,
    OBJECTS,
    WIDTH,
    decoded_table,
    grid,
    make_model,
)


def yolox_decoded() -> GoldenCase:
    table = decoded_table(objectness=True)
    objects = nms(objects_by_best_class(table, True), 0.45, agnostic=True)
    model = make_model({"output": table[None].astype(np.float32)})
    return GoldenCase(model, objects, map_back_yolox)


def yolox_raw() -> GoldenCase:
    """demo_postprocess: (xy + grid) * stride, exp(wh) * stride."""
    table = decoded_table(objectness=True)
    cells = grid()
    raw = table.copy()
    raw[:, :2] = table[:, :2] / cells[:, 2:] - cells[:, :2]
    raw[:, 2:4] = np.log(table[:, 2:4] / cells[:, 2:])
    objects = nms(objects_by_best_class(table, True), 0.45, agnostic=True)
    model = make_model({"output": raw[None].astype(np.float32)}, opset=11)
    return GoldenCase(model, objects, map_back_yolox)


def yolov5() -> GoldenCase:
    table = decoded_table(objectness=True, anchors=3)
    model = make_model({"output0": table[None].astype(np.float32)}, opset=17)
    return GoldenCase(model, nms(objects_by_best_class(table, True), 0.45), map_back_yolov5)


def yolov5_half() -> GoldenCase:
    table = decoded_table(objectness=True, anchors=3).astype(np.float16)
    model = make_model({"output0": table[None]}, dtype=TensorProto.FLOAT16)
    objects = nms(objects_by_best_class(table.astype(float), True), 0.45)
    return GoldenCase(model, objects, map_back_yolov5)


def yolov6() -> GoldenCase:
    table = decoded_table(objectness=True)
    plain = decoded_table(objectness=False)
    table[:, 4], table[:, 5:] = 1, plain[:, 4:]
    model = make_model({"outputs": table[None].astype(np.float32)})
    return GoldenCase(model, nms(objects_by_best_class(table, True), 0.45), map_back_yolov5)


def yolov8() -> GoldenCase:
    table = decoded_table(objectness=False)
    model = make_model(
        {"output0": table.T[None].astype(np.float32)},
        shape=("batch", 3, "height", "width"),
        shapes={"output0": ("batch", 7, "anchors")},
        opset=19,
        metadata={"names": "{0: 'ant', 1: 'bee', 2: 'cat'}", "imgsz": f"[{HEIGHT}, {WIDTH}]"},
    )
    return GoldenCase(model, nms(objects_by_best_class(table, False), 0.7), map_back_ultralytics)


def yolov8_transposed() -> GoldenCase:
    table = decoded_table(objectness=False)
    model = make_model({"output0": table[None].astype(np.float32)})
    return GoldenCase(model, nms(objects_by_best_class(table, False), 0.7), map_back_ultralytics)


def end2end() -> GoldenCase:
    rows = [(*box, score, label) for label, score, box in OBJECTS] + [(0.0,) * 6] * 5
    model = make_model({"output0": np.array([rows], np.float32)})
    return GoldenCase(model, objects_above(0.25), map_back_ultralytics)


def yolov7_end2end() -> GoldenCase:
    rows = [(0, *box, label, score) for label, score, box in OBJECTS]
    model = make_model({"output": np.array(rows, np.float32)}, shapes={"output": ("N", 7)})
    return GoldenCase(model, objects_above(0.25), map_back_yolov5)


def pinto() -> GoldenCase:
    rows = [(0, label, *box, score) for label, score, box in OBJECTS]
    model = make_model({"batchno_classid_x1y1x2y2_score": np.array(rows, np.float32)})
    return GoldenCase(model, objects_above(0.25), map_back_yolov5)
