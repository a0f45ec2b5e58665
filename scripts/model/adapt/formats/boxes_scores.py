"""Boxes beside class scores without background: YOLO-NAS, DAMO-YOLO, YOLOv4, Keras' YOLOv3."""

from __future__ import annotations

import dataclasses

from scripts.model.adapt.formats import ultralytics, yolov5
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import STRETCHED_UNIT
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.shared import BoxesAndScores

KERAS_YOLOV3 = dataclasses.replace(ultralytics.PREPROCESSING, fill=(128, 128, 128))
_DOUBT = (
    "no known code writes just such boxes and scores: pixels, placing and the absence of a "
    "background column are assumed; compare with its own code, or --check with labelled pictures"
)
PYTORCH_YOLOV4 = dataclasses.replace(STRETCHED_UNIT, rule="opencv-linear")


def _read_boxes_scores(pair: BoxesAndScores) -> FormatReading:
    grid = f", {pair.grid.summary}" if pair.grid else ""
    reading = FormatReading(
        format="boxes-scores",
        reasons=(f"{pair.summary}{grid}: boxes and class scores before NMS, no background",),
        preprocessing=KERAS_YOLOV3 if pair.is_keras_yolov3 else yolov5.PREPROCESSING,
        boxes=pair.boxes_slice,
        coding=pair.coding,
        units="normalised" if pair.normalised else "px",
        scores=pair.scores_slice,
        activation="none" if pair.probable else "sigmoid",
        ignored_outputs=_selected_indices(pair) if pair.is_keras_yolov3 else (),
        score_threshold=0.3,
        iou_threshold=0.5,
        doubts=() if _is_known(pair) else (_DOUBT,),
    )
    if not pair.normalised:
        return reading
    return dataclasses.replace(  # YOLOv4 of PyTorch, its tool/utils.py
        reading,
        preprocessing=PYTORCH_YOLOV4,
        single_label=True,
        score_threshold=0.4,
        iou_threshold=0.6,
    )


def _is_known(pair: BoxesAndScores) -> bool:
    """Whether the shapes are those of a known code: YOLO-NAS, DAMO-YOLO, YOLOv4, Keras' YOLOv3."""
    if pair.is_keras_yolov3 or (pair.normalised and len(pair.boxes.shape) == 4):
        return True
    return pair.grid is not None and not pair.normalised and pair.probable


def _selected_indices(pair: BoxesAndScores) -> tuple[str, ...]:
    """What Keras' YOLOv3 has of its own NMS: rows of picture, class and box."""
    return tuple(
        output.name for output in pair.model.outputs if output.is_integer and output.shape[-1] == 3
    )


BOXES_SCORES = Format(
    "boxes-scores",
    "boxes [1, A, 4] and scores [1, A, C] or [1, C, A], no background (YOLO-NAS, "
    "DAMO-YOLO, YOLOv4, YOLOv3 with NMS outputs)",
    {BoxesAndScores: _read_boxes_scores},
)
