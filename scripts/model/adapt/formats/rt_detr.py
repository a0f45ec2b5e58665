"""RT-DETR and D-FINE with their own post-processing, and RT-DETR as ultralytics exports it."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import STRETCHED_UNIT
from scripts.model.adapt.reading import FormatReading, OutputSlice
from scripts.model.adapt.recognition.layouts.detection_vectors import DetectionVectors
from scripts.model.adapt.recognition.layouts.shared import DetectionRows, QueryTable

_FEW_BOXES = 5
_ULTRALYTICS = dataclasses.replace(STRETCHED_UNIT, rule="opencv-linear")


def _read_rt_detr(vectors: DetectionVectors) -> FormatReading:
    model = vectors.model
    outputs = f"{vectors.labels.name}, {vectors.boxes.name}, {vectors.scores.name}"
    return FormatReading(
        format="rt-detr",
        reasons=(
            f"inputs picture and {model.fixed_inputs_text}, outputs {outputs}: "
            "RT-DETR or D-FINE, labels from 0",
        ),
        preprocessing=STRETCHED_UNIT,
        boxes=vectors.boxes_slice,
        coding="xyxy",
        scores=vectors.scores_slice,
        labels=vectors.labels_slice,
        count_output=vectors.count_output,
        nms="none",
        score_threshold=0.5,
        iou_threshold=0.5,
        plausible=any(re.search(r"size", name) for name in model.fixed_input_names),
        priority=1,
    )


def _read_ultralytics_rows(rows: DetectionRows) -> FormatReading | None:
    if rows.width != 6:
        return None
    claims, output = rows.model.claims, rows.output
    normalised, ordered = output.has_normalised_boxes(), output.has_ordered_corners()
    # A few boxes of cxcywh may pass for corners, many never do.
    different = np.unique(output.boxes().round(4), axis=0)
    are_corners = ordered is True and len(different) >= _FEW_BOXES
    priority = 1 if normalised and not ordered else 0
    return FormatReading(
        format="rt-detr-ultralytics",
        reasons=(
            f"{rows.summary}: a detection a row (cxcywh in 0..1, score, "
            "label), RT-DETR as ultralytics exports it",
        ),
        preprocessing=_ULTRALYTICS,
        boxes=rows.boxes_slice,
        coding="cxcywh",
        units="normalised",
        scores=rows.slice(4),
        labels=rows.slice(5),
        nms="none",
        score_threshold=0.25,
        iou_threshold=0.5,
        plausible=output.holds_labels(5)
        and normalised is not False
        and not are_corners
        and (claims.is_rt_detr or not claims.is_ultralytics),
        priority=3 if claims.is_rt_detr else priority,
    )


def _read_ultralytics_queries(table: QueryTable) -> FormatReading:
    name, width = table.output.name, table.width
    return FormatReading(
        format="rt-detr-ultralytics",
        reasons=(
            f"{name} {list(table.output.shape)}: {table.query_count} queries × (4 + {width - 4}), "
            "boxes in 0..1: RT-DETR as ultralytics exports it",
        ),
        preprocessing=_ULTRALYTICS,
        boxes=OutputSlice((name,), width, first=0, last=4),
        coding="cxcywh",
        units="normalised",
        scores=OutputSlice((name,), width, first=4),
        nms="none",
        single_label=True,
        score_threshold=0.25,
        iou_threshold=0.5,
    )


RT_DETR = Format(
    "rt-detr",
    "labels, boxes, scores and orig_target_sizes (RT-DETR, D-FINE); 0..1, stretched",
    {DetectionVectors: _read_rt_detr},
)
RT_DETR_ULTRALYTICS = Format(
    "rt-detr-ultralytics",
    "[1, N, 4 + C], cxcywh 0..1; RGB 0..1, stretched",
    {DetectionRows: _read_ultralytics_rows, QueryTable: _read_ultralytics_queries},
)
