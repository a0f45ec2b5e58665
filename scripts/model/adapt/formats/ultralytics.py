"""Ultralytics' YOLOv8 to 11, without objectness, and exports with NMS such as YOLOv10's."""

from __future__ import annotations

import dataclasses

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import GREY, UNIT_STD, ZERO_MEAN, Preprocessing
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.shared import DetectionRows, PredictionTable

PREPROCESSING = Preprocessing("rgb", 1, ZERO_MEAN, UNIT_STD, "centre", GREY, "opencv-linear")

_NO_GRID = (
    "its boxes are not as many as the cells of strides that YOLOv8 has at this size; only the "
    "layout speaks for it"
)


def _read_yolov8(table: PredictionTable) -> FormatReading | None:
    if table.by_row and table.grid is not None and table.grid.boxes_per_cell != 1:
        return None
    width, claims = table.table.width, table.model.claims
    plausible = table.grid is not None or (not table.by_row and table.box_count > 10 * width)
    reading = FormatReading(
        format="yolov8",
        reasons=(f"{table.summary}: (4 + {width - 4}) × {table.boxes_summary}: YOLOv8 to 11",),
        preprocessing=PREPROCESSING,
        boxes=table.slice(0, 4),
        coding="cxcywh",
        units="normalised" if table.has_normalised_boxes else "px",
        scores=table.slice(4),
        ignored_outputs=table.heads(64 + width - 4),  # as some exports have them, 4 × 16 bins
        single_label=True,
        score_threshold=0.25,
        iou_threshold=0.7,
        plausible=plausible,
        priority=3 if claims.class_count == width - 4 or claims.is_ultralytics else 0,
        doubts=() if table.grid else (_NO_GRID,),
    )
    if table.by_row or table.grid is None:
        return reading
    return _without_masks_and_points(reading, table)


def _without_masks_and_points(reading: FormatReading, table: PredictionTable) -> FormatReading:
    """Segmentation and pose graphs have columns of masks or points behind the classes."""
    claims = table.model.claims
    if claims.task not in ("segment", "pose") or not claims.class_count:
        return reading
    if 4 + claims.class_count >= table.table.width:
        return reading
    return dataclasses.replace(
        reading,
        scores=table.slice(4, 4 + claims.class_count),
        ignored_outputs=tuple(  # the masks' prototypes
            output.name for output in table.model.outputs if len(output.shape) == 4
        ),
        notes=(f"the file's task is {claims.task}: only its boxes are taken",),
    )


def _read_end2end(rows: DetectionRows) -> FormatReading | None:
    if rows.width != 6:
        return None
    claims = rows.model.claims
    normalised = rows.output.has_normalised_boxes()
    return FormatReading(
        format="end2end",
        reasons=(
            f"{rows.summary}: a detection a row (xyxy, score, label), "
            "as YOLOv10 and exports with NMS give",
        ),
        preprocessing=PREPROCESSING,
        boxes=rows.boxes_slice,
        coding="xyxy",
        units="normalised" if normalised else "px",
        scores=rows.slice(4),
        labels=rows.slice(5),
        count_output=rows.count_output,
        is_class_offset_assumed=not (claims.is_ultralytics or claims.has_stride),
        nms="none",
        nms_in_graph=True,
        score_threshold=0.25,
        iou_threshold=0.5,
        plausible=rows.output.holds_labels(5),
        priority=3 if claims.is_ultralytics and not claims.is_rt_detr else 0,
    )


YOLOV8 = Format(
    "yolov8",
    "YOLOv8 to 11: [1, 4 + C, A] (or its transpose), decoded; RGB 0..1, letterbox",
    {PredictionTable: _read_yolov8},
)
END2END = Format(
    "end2end",
    "YOLOv10 and exports with NMS: [1, N, 6], xyxy, score, label",
    {DetectionRows: _read_end2end},
)
