"""Boxes beside class scores without background: YOLO-NAS, DAMO-YOLO, YOLOv4, Keras' YOLOv3."""

from __future__ import annotations

import dataclasses

from scripts.model.adapt.formats import ultralytics, yolov5
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import STRETCHED_UNIT
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts import BoxesAndScores

_KERAS_YOLOV3 = dataclasses.replace(ultralytics.PREPROCESSING, fill=(128, 128, 128))
_PYTORCH_YOLOV4 = dataclasses.replace(STRETCHED_UNIT, rule="opencv-linear")


def _read_boxes_scores(pair: BoxesAndScores) -> FormatReading:
    grid = f", {pair.grid.summary}" if pair.grid else ""
    reading = FormatReading(
        format="boxes-scores",
        reasons=(f"{pair.summary}{grid}: boxes and class scores before NMS, no background",),
        preprocessing=_KERAS_YOLOV3 if pair.is_keras_yolov3 else yolov5.PREPROCESSING,
        boxes=pair.boxes_slice,
        coding=pair.coding,
        units="normalised" if pair.normalised else "px",
        scores=pair.scores_slice,
        activation="none" if pair.probable else "sigmoid",
        score_threshold=0.3,
        iou_threshold=0.5,
    )
    if not pair.normalised:
        return reading
    return dataclasses.replace(  # YOLOv4 of PyTorch, its tool/utils.py
        reading,
        preprocessing=_PYTORCH_YOLOV4,
        single_label=True,
        score_threshold=0.4,
        iou_threshold=0.6,
    )


BOXES_SCORES = Format(
    "boxes-scores",
    "boxes [1, A, 4] and scores [1, A, C] or [1, C, A], no background (YOLO-NAS, "
    "DAMO-YOLO, YOLOv4, YOLOv3 with NMS outputs)",
    {BoxesAndScores: _read_boxes_scores},
)
