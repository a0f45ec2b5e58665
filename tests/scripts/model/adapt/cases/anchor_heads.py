"""Golden cases of YOLOs with anchors before decoding, and of FastestDet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from tests.scripts.model.adapt.cases.golden import GoldenCase, Object
from tests.scripts.model.adapt.cases.raw_heads import (
    MapBack,
    choose_rows,
    class_logits,
    map_back_centred,
    map_back_rounded,
    map_back_stretched,
    objects_of_all_classes,
    sigmoid,
    softmax,
)
from tests.scripts.model.adapt.cases.references import nms
from tests.scripts.model.adapt.foreign_graphs import make_model

Size = tuple[int, int]
Form = Literal["rows", "maps", "channels-last", "parts"]

FASTESTV2 = (12.64, 19.39, 37.88, 51.48, 55.71, 138.31, 126.91, 78.23, 131.57, 214.55, 279.92, 258.87)  # fmt: skip  # noqa: E501
YOLOV5 = (10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326)
YOLOV4 = (12, 16, 19, 36, 40, 28, 36, 75, 76, 55, 72, 146, 142, 110, 192, 243, 459, 401)
YOLOV5_P6 = (19, 27, 44, 40, 38, 94, 96, 68, 86, 152, 180, 137, 140, 301, 303, 264, 238, 542, 436, 615, 739, 380, 925, 792)  # fmt: skip  # noqa: E501
YOLOV3_TINY = (10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319)


def best_class(scores: np.ndarray, boxes: np.ndarray, threshold: float) -> list[Object]:
    return [
        (int(row.argmax()), float(row.max()), tuple(box))
        for row, box in zip(scores, boxes, strict=True)
        if row.max() > threshold
    ]


def _cells(size: Size, stride: int) -> tuple[int, int]:
    """(rows, columns)."""
    return math.ceil(size[1] / stride), math.ceil(size[0] / stride)


def fastestv2(
    size: Size, *, classes: int = 80, form: Form = "rows", anchors: Sequence[float] = FASTESTV2
) -> GoldenCase:
    """Yolo-FastestV2's utils.py, handel_preds and non_max_suppression (0.3, 0.4), and the outputs
    of model/detector.py with export_onnx; form parts is without."""
    rng = np.random.default_rng(4)
    anchor_table = np.array(anchors).reshape(2, 3, 2)
    raw_levels, boxes, cell_count = [], [], 0
    for level, stride in enumerate((16, 32)):
        rows, columns = _cells(size, stride)
        reg = rng.normal(0, 1, (rows, columns, 3, 4))
        raw_levels.append(reg)
        cell_count += rows * columns
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), 2)[:, :, np.newaxis]
        centre = (sigmoid(reg[..., :2]) * 2 - 0.5 + grid) * stride
        extent = (sigmoid(reg[..., 2:]) * 2) ** 2 * anchor_table[level]
        corners = np.concatenate([centre - extent / 2, centre + extent / 2], 3)
        boxes.append(corners.reshape(-1, 4))
    all_boxes = np.concatenate(boxes)
    chosen = choose_rows(all_boxes, size)
    objectness = rng.normal(-5, 0.3, (3 * cell_count,))
    objectness[chosen] = np.linspace(4, 1.5, len(chosen))
    class_table, _ = class_logits(cell_count, classes, [], 0)
    for rank, row in enumerate(chosen):
        class_table[row // 3, rank % classes] = 6
    probabilities = np.repeat(softmax(class_table), 3, 0) * sigmoid(objectness)[:, np.newaxis]
    outputs: dict[str, np.ndarray] = {}
    first = 0
    tables = []
    for level, reg in enumerate(raw_levels):
        rows, columns = reg.shape[:2]
        part = slice(first, first + rows * columns)
        first = part.stop
        boxes_12 = reg.reshape(rows * columns, 12)
        objectness_3 = objectness.reshape(-1, 3)[part]
        if form == "parts":
            for name, table in zip(
                ("reg", "obj", "cls"), (boxes_12, objectness_3, class_table[part]), strict=True
            ):
                outputs[f"{name}_{level}"] = table.T.reshape(1, -1, rows, columns)
            continue
        activated = [sigmoid(boxes_12), sigmoid(objectness_3), softmax(class_table[part])]
        table = np.concatenate(activated, 1)
        tables.append(table)
        if form == "maps":
            outputs[f"out_{level}"] = table.T.reshape(1, -1, rows, columns)
        elif form == "channels-last":
            outputs[f"out_{level}"] = table.reshape(1, rows, columns, -1)
    if form == "rows":
        outputs["out"] = np.concatenate(tables)
    model = make_model(
        {name: array.astype(np.float32) for name, array in outputs.items()},
        shape=(1, 3, size[1], size[0]),
    )
    objects = nms(best_class(probabilities, all_boxes, 0.3), 0.4)
    return GoldenCase(model, objects, map_back_stretched(size))


def fastestdet(size: Size, classes: int) -> GoldenCase:
    """FastestDet's utils/tool.py, handle_preds with test.py's threshold, 0.65."""
    rows, columns = _cells(size, 16)
    cell_count = rows * columns
    preg = np.random.default_rng(4).normal(0, 1, (cell_count, 4)) - [0, 0, 1, 1]
    gy, gx = np.divmod(np.arange(cell_count), columns)
    bcx, bcy = (np.tanh(preg[:, 0]) + gx) / columns, (np.tanh(preg[:, 1]) + gy) / rows
    bw, bh = sigmoid(preg[:, 2]), sigmoid(preg[:, 3])
    boxes = np.stack([bcx - bw / 2, bcy - bh / 2, bcx + bw / 2, bcy + bh / 2], 1)
    boxes *= np.array([*size, *size])
    chosen = choose_rows(boxes, size)
    class_table, _ = class_logits(cell_count, classes, [], 0)
    pobj = np.full(cell_count, 0.02)
    for rank, row in enumerate(chosen):
        pobj[row] = 0.9 - 0.05 * rank
        class_table[row, rank % classes] = 2
    pcls = softmax(class_table)
    scores = pobj[:, np.newaxis] ** 0.6 * pcls**0.4
    table = np.concatenate([pobj[:, np.newaxis], preg, pcls], 1)
    output = table.T.reshape(1, -1, rows, columns).astype(np.float32)
    model = make_model({"758": output}, shape=(1, 3, size[1], size[0]))
    objects = nms(best_class(scores, boxes, 0.65), 0.45)
    return GoldenCase(model, objects, map_back_stretched(size))


def yolo(
    size: Size,
    anchors: Sequence[float],
    *,
    coding: Literal["yolov5", "yolov3"],
    thresholds: tuple[float, float],
    strides: tuple[int, ...] = (8, 16, 32),
    scales: tuple[float, ...] = (1, 1, 1),
    form: Literal["maps", "by-anchor", "by-cell"] = "maps",
    activated: Literal["nothing", "all", "scores"] = "nothing",
    single_label: bool = True,
    way_back: Callable[[Size], MapBack] = map_back_centred,
    classes: int = 3,
) -> GoldenCase:
    """YOLOv5's models/yolo.py, Detect: y = x.sigmoid(), xy = (2 y - 0.5 + grid) · stride, wh =
    (2 y)² · anchor. darknet's yolo_layer.c, get_yolo_box: x = (σ · scale - (scale - 1) / 2 + i) ·
    stride, w = exp(t) · anchor."""
    rng = np.random.default_rng(4)
    anchor_table = np.array(anchors, float).reshape(len(strides), 3, 2)
    levels, boxes = [], []
    for level, stride in enumerate(strides):
        rows, columns = _cells(size, stride)
        raw = rng.normal(0, 0.5, (3, rows, columns, 5 + classes))
        for anchor in range(3):
            for row in range(rows):
                for column in range(columns):
                    t = raw[anchor, row, column, :4]
                    place, wh = sigmoid(t[:2]), anchor_table[level, anchor]
                    if coding == "yolov5":
                        centre = (place * 2 - 0.5 + [column, row]) * stride
                        extent = (sigmoid(t[2:]) * 2) ** 2 * wh
                    else:
                        scale = scales[level]
                        centre = (place * scale - (scale - 1) / 2 + [column, row]) * stride
                        extent = np.exp(t[2:]) * wh
                    boxes.append([*(centre - extent / 2), *(centre + extent / 2)])
        levels.append(raw)
    all_boxes = np.array(boxes)
    chosen = choose_rows(all_boxes, size)
    logits, _ = class_logits(len(all_boxes), 1 + classes, chosen, 0)
    logits[:, 1:] = -5
    logits[chosen, 0] = np.linspace(4, 2, len(chosen))
    for rank, row in enumerate(chosen):
        logits[row, 1 + rank % classes] = 3
    first, outputs = 0, {}
    for index, raw in enumerate(levels):
        count = raw[..., 0].size
        raw[..., 4:] = logits[first : first + count].reshape(*raw.shape[:3], -1)
        first += count
        values = raw.copy()
        if activated != "nothing":
            values = sigmoid(values)
            first_raw = 0 if activated == "scores" else 2
            if activated == "scores" or coding == "yolov3":
                values[..., first_raw:4] = raw[..., first_raw:4]
        if form == "by-cell":  # [1, H, W, 3, 5 + C]
            values = values.transpose(1, 2, 0, 3)
        elif form == "maps":  # [1, 3 · (5 + C), H, W]
            values = values.transpose(0, 3, 1, 2).reshape(-1, *raw.shape[1:3])
        outputs[f"p{index}"] = values[np.newaxis].astype(np.float32)
    model = make_model(outputs, shape=(1, 3, size[1], size[0]))
    scores = sigmoid(logits[:, 1:]) * sigmoid(logits[:, :1])
    find = best_class if single_label else objects_of_all_classes
    objects = nms(find(scores, all_boxes, thresholds[0]), thresholds[1])
    return GoldenCase(model, objects, way_back(size))


YOLOV2_COCO = (0.57273, 0.677385, 1.87446, 2.06253, 3.33843, 5.47434, 7.88282, 3.52778, 9.77052, 9.16828)  # fmt: skip  # noqa: E501
YOLOV2_VOC = (1.3221, 1.73145, 3.19275, 4.00944, 5.05587, 8.09892, 9.47112, 4.84053, 11.2364, 10.0071)  # fmt: skip  # noqa: E501
TINY_YOLOV2_VOC = (1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52)


def yolov2(size: Size, anchors: Sequence[float], classes: int) -> GoldenCase:
    """darknet's region_layer.c, get_region_box: x = (i + σ(t)) / w, w = exp(t) · bias / w, and
    probabilities as objectness · softmax, every class above 0.5."""
    rows, columns = _cells(size, 32)
    rng = np.random.default_rng(4)
    values = rng.normal(0, 0.5, (rows, columns, 5, 5 + classes)).astype(np.float32)
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), 2)[:, :, np.newaxis]
    shape = np.array([columns, rows])
    centre = (grid + sigmoid(values[..., :2].astype(float))) / shape
    biases = np.array(anchors).reshape(5, 2)
    extent = np.exp(values[..., 2:4].astype(float)) * biases / shape
    corners = np.concatenate([centre - extent / 2, centre + extent / 2], 3)
    boxes = corners.reshape(-1, 4) * np.array([*size, *size])
    chosen = choose_rows(boxes, size)
    flat = values.reshape(-1, 5 + classes)
    flat[:, 4] = -5
    flat[chosen, 4] = np.linspace(4, 2, len(chosen))
    for rank, row in enumerate(chosen):
        flat[row, 5 + rank % classes] = 9
    scores = softmax(flat[:, 5:].astype(float)) * sigmoid(flat[:, 4:5].astype(float))
    output = flat.reshape(rows, columns, -1).transpose(2, 0, 1)[np.newaxis]
    model = make_model({"grid": output}, shape=(1, 3, size[1], size[0]))
    objects = nms(objects_of_all_classes(scores, boxes, 0.5), 0.45)
    return GoldenCase(model, objects, map_back_rounded(size))
