"""YOLOv5 and what descends from it: YOLOv7 and YOLOv6, with a column of objectness."""

from __future__ import annotations

import dataclasses

import numpy as np

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import GREY, UNIT_STD, ZERO_MEAN, Preprocessing
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.shared import DetectionRows, PredictionTable

PREPROCESSING = Preprocessing("rgb", 1, ZERO_MEAN, UNIT_STD, "yolov5", GREY, "opencv-linear")


def _read_yolov5(table: PredictionTable) -> FormatReading | None:
    if not table.by_row:
        return None
    width = table.table.width
    return FormatReading(
        format="yolov5",
        reasons=(f"{table.summary}: {table.boxes_summary} × (4 + 1 + {width - 5}): YOLOv5 or v7",),
        preprocessing=PREPROCESSING,
        boxes=table.slice(0, 4),
        coding="cxcywh",
        units="normalised" if table.has_normalised_boxes else "px",
        scores=table.slice(5),
        objectness=table.slice(4, 5),
        ignored_outputs=(*table.heads(width), *table.heads(3 * width)),
        single_label=True,
        score_threshold=0.25,
        iou_threshold=0.45,
        # Three anchors a cell; with one, the file must name itself.
        plausible=table.grid is not None
        and (table.grid.boxes_per_cell != 1 or table.model.claims.has_stride),
    )


def _read_yolov6(table: PredictionTable) -> FormatReading | None:
    as_yolov5 = _read_yolov5(table)
    if as_yolov5 is None or table.grid is None or table.grid.boxes_per_cell != 1:
        return None
    objectness = table.output.finite_values(4, 5)
    always_one = bool(objectness.size) and bool(np.all(np.abs(objectness - 1) < 1e-4))
    return dataclasses.replace(
        as_yolov5,
        format="yolov6",
        reasons=(f"{table.summary}: {table.grid.summary}, objectness is 1: YOLOv6",),
        plausible=always_one,
        priority=2,
    )


def _read_yolov7_end2end(rows: DetectionRows) -> FormatReading | None:
    if rows.width != 7:
        return None
    reading = FormatReading(
        format="yolov7-end2end",
        reasons=(f"{rows.summary}: picture, xyxy, label, score (YOLOv7)",),
        preprocessing=PREPROCESSING,
        boxes=rows.boxes_slice,
        coding=rows.coding,
        scores=rows.slice(6),
        labels=rows.slice(5),
        count_output=rows.count_output,
        nms="none",
        nms_in_graph=True,
        score_threshold=0.25,
        iou_threshold=0.5,
        plausible=rows.output.holds_labels(0) and rows.output.holds_labels(5),
    )
    if not rows.is_pinto:
        return reading
    return dataclasses.replace(
        reading,
        reasons=(f"{rows.summary}: columns as its name has them",),
        scores=rows.slice(6 if rows.is_score_last else 2),
        labels=rows.slice(1),
        plausible=True,
    )


YOLOV5 = Format(
    "yolov5",
    "YOLOv5, YOLOv7: [1, A, 5 + C] with objectness, decoded; RGB 0..1, letterbox",
    {PredictionTable: _read_yolov5},
)
YOLOV6 = Format(
    "yolov6",
    "[1, A, 5 + C], objectness always 1; RGB 0..1, letterbox",
    {PredictionTable: _read_yolov6},
)
YOLOV7_END2END = Format(
    "yolov7-end2end",
    "[N, 7]: picture, xyxy, label, score",
    {DetectionRows: _read_yolov7_end2end},
)
