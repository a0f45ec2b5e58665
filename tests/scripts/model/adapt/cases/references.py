"""Published code of the formats, in numpy: NMS, class scores, and boxes back to the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.accuracy.matching import box_iou_batch
from tests.scripts.model.adapt.cases.golden import Object
from tests.scripts.model.adapt.foreign_graphs import CLASSES, HEIGHT, OBJECTS, WIDTH


def gain(w: int, h: int) -> float:
    return min(WIDTH / w, HEIGHT / h)


def map_back_yolox(box: Any, w: int, h: int) -> np.ndarray:
    """YOLOX, demo/ONNXRuntime: boxes /= ratio."""
    return np.asarray(box) / gain(w, h)


def map_back_ultralytics(box: Any, w: int, h: int) -> np.ndarray:
    """ultralytics 8.4, utils/ops.scale_boxes: a gain for each axis, of the rounded sides."""
    g = gain(w, h)
    width, height = max(round(w * g), 1), max(round(h * g), 1)
    pad = round((WIDTH - width) / 2 - 0.1), round((HEIGHT - height) / 2 - 0.1)
    return (np.asarray(box) - np.array(pad * 2)) / np.array([width / w, height / h] * 2)


def map_back_yolov5(box: Any, w: int, h: int) -> np.ndarray:
    """YOLOv5, utils/general.scale_boxes."""
    g = gain(w, h)
    return (np.asarray(box) - np.array([(WIDTH - w * g) / 2, (HEIGHT - h * g) / 2] * 2)) / g


def map_back_mmdet(box: Any, w: int, h: int) -> np.ndarray:
    """mmcv.imrescale and mmdet's rescale by scale_factor (w_scale, h_scale)."""
    g = gain(w, h)
    scales = int(w * g + 0.5) / w, int(h * g + 0.5) / h
    return np.asarray(box) / np.array(scales * 2)


def map_back_stretch(box: Any, w: int, h: int) -> np.ndarray:
    return np.asarray(box) * np.array([w / WIDTH, h / HEIGHT] * 2)


def nms(objects: Sequence[Object], iou: float, *, agnostic: bool = False) -> list[Object]:
    """Greedy, best first."""
    selected: list[Object] = []
    for label, score, box in sorted(objects, key=lambda o: -o[1]):
        better = [other for number, _, other in selected if agnostic or number == label]
        overlaps = box_iou_batch(np.array([box], float), np.array(better, float).reshape(-1, 4))
        if not (overlaps > iou).any():
            selected.append((label, score, box))
    return selected


def objects_by_best_class(table: np.ndarray, objectness: bool) -> list[Object]:
    """As YOLO does: a box has its best class, its score is objectness × class; cxcywh to xyxy."""
    objects = []
    for row in table:
        scores = row[4 + objectness :] * (row[4] if objectness else 1)
        x, y, w, h = row[:4]
        objects.append(
            (int(scores.argmax()), scores.max(), (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        )
    return objects_above(0.3, objects)


def objects_by_every_class(table: np.ndarray, score: float) -> list[Object]:
    """Every class of a box counts whose score is above `score`."""
    return [
        (label, row[4 + label], (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        for row in table
        for x, y, w, h in [row[:4]]
        for label in range(len(CLASSES))
        if row[4 + label] > score
    ]


def objects_above(score: float, objects: Sequence[Object] = OBJECTS) -> list[Object]:
    return [o for o in objects if o[1] > score]
