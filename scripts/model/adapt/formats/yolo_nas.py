"""YOLO-NAS of super-gradients, exported with NMS: a detection a row, the label last."""

from __future__ import annotations

from scripts.model.adapt.formats import yolov5
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.shared import DetectionRows


def _read_yolo_nas(rows: DetectionRows) -> FormatReading | None:
    if rows.width != 7:
        return None
    name = rows.output.lower_name
    return FormatReading(
        format="yolo-nas",
        reasons=(f"{rows.summary}: picture, xyxy, score, label (YOLO-NAS)",),
        preprocessing=yolov5.PREPROCESSING,
        boxes=rows.boxes_slice,
        coding=rows.coding,
        scores=rows.slice(5),
        labels=rows.slice(6),
        count_output=rows.count_output,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.25,
        iou_threshold=0.5,
        plausible=rows.output.holds_labels(0) and rows.output.holds_labels(6),
        priority=1 if "flat" in name or "graph2" in name else 0,  # super-gradients' names
    )


YOLO_NAS = Format(
    "yolo-nas",
    "[N, 7]: picture, xyxy, score, label",
    {DetectionRows: _read_yolo_nas},
)
