"""darknet's YOLOv2 and Tiny YOLOv2 before decoding: one map of five boxes a cell, of stride 32.

Redmon and Farhadi, YOLO9000, 2017. COCO's anchors are the same in both; those of 20 classes, and of
any others, are not in the file.
"""

from __future__ import annotations

import numpy as np

from scripts.model.adapt.formats import boxes_scores
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.reading import Anchors, FormatReading
from scripts.model.adapt.recognition.layouts.one_map import OneMap

_STRIDE, _PER_CELL, _COCO_CLASSES = 32, 5, 80
# In cells.
_COCO = (0.57273, 0.677385, 1.87446, 2.06253, 3.33843, 5.47434, 7.88282, 3.52778, 9.77052, 9.16828)
_VOC = (1.3221, 1.73145, 3.19275, 4.00944, 5.05587, 8.09892, 9.47112, 4.84053, 11.2364, 10.0071)
_TINY_VOC = (1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52)


def _read(head: OneMap, name: str, title: str, anchors: tuple[float, ...]) -> FormatReading | None:
    """region_layer.c: centre (σ + cell) · 32, size exp(t) · anchor, score σ · softmax."""
    width, rest = divmod(head.columns, _PER_CELL)
    if head.level.stride != _STRIDE or rest or width < 6:
        return None
    values = head.values()
    if np.all((values >= 0) & (values <= 1)):
        return None
    is_cocos = width - 5 == _COCO_CLASSES
    pixels = [number * _STRIDE for number in (_COCO if is_cocos else anchors)]
    sizes = tuple(zip(pixels[::2], pixels[1::2], strict=True))
    doubts = (
        ()
        if is_cocos
        else (f"the anchors are taken to be those of {title} of VOC; --anchors otherwise, in px",)
    )
    return FormatReading(
        format=name,
        reasons=(f"{head.summary}, {_PER_CELL} × (4 + 1 + {width - 5}) columns: {title}",),
        preprocessing=boxes_scores.KERAS_YOLOV3,
        boxes=head.slice(0, 4, boxes_per_cell=_PER_CELL),
        coding="anchors",
        anchors=Anchors((sizes,), "yolov3"),
        levels=(head.level,),
        boxes_per_cell=_PER_CELL,
        scores=head.slice(5, boxes_per_cell=_PER_CELL),
        objectness=head.slice(4, 5, boxes_per_cell=_PER_CELL),
        activation="softmax",
        objectness_activation="sigmoid",
        score_threshold=0.5,
        iou_threshold=0.45,
        plausible=is_cocos and name == "yolov2-heads",
        priority=1,
        doubts=doubts,
    )


def _read_yolov2(head: OneMap) -> FormatReading | None:
    return _read(head, "yolov2-heads", "YOLOv2", _VOC)


def _read_tiny_yolov2(head: OneMap) -> FormatReading | None:
    return _read(head, "tiny-yolov2-heads", "Tiny YOLOv2", _TINY_VOC)


YOLOV2_HEADS = Format(
    "yolov2-heads",
    "YOLOv2 before decoding: [1, 5 · (5 + C), H, W] of stride 32",
    {OneMap: _read_yolov2},
)
TINY_YOLOV2_HEADS = Format(
    "tiny-yolov2-heads",
    "the same of Tiny YOLOv2 with VOC's 20 classes",
    {OneMap: _read_tiny_yolov2},
)
