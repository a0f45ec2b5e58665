"""Heads of YOLOv6, YOLOv8 and YOLOX before decoding, an output or more for each stride, as exports
for NPUs have them."""

from __future__ import annotations

import dataclasses

import numpy as np

from scripts.model.adapt.formats import mmdeploy, ultralytics, yolov5, yolox
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.formats.level_heads import rtmdet_heads
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs, LevelPart
from scripts.model.plurals import counted

_V8_BINS, _V6_BINS = 16, 17
_V8_BOX_COLUMNS = 4 * _V8_BINS
_PP_YOLOE_DOUBT = (
    "PP-YOLOE has the same outputs as YOLOv6, and nothing in the file tells them apart: PP-YOLOE+ "
    "wants --fit stretch, and PP-YOLOE before it --mean and --std of ImageNet, too"
)
_QUIET = -2.0  # the logit of 0.12: most cells have no object


def _read_yolov8_heads(outputs: LevelOutputs) -> FormatReading | None:
    """ultralytics' nn/modules/head.py before its decoding, joined or as Rockchip's export has it
    (rknn_model_zoo): a cell's place is its middle, distances are in strides."""
    head = outputs.with_boxes_per_cell(1)
    if head is None or len(head.levels) < 3:
        return None
    if len(head.parts) == 1:
        return _read_joined_yolov8(head)
    found = _find_boxes_scores_sum(head, _V8_BOX_COLUMNS)
    if found is None:
        return None
    bins, scores, score_sum = found
    if bins.is_probable() or (scores.columns == 4 and scores.share_above(0) > 0.5):
        return None
    probable = scores.is_probable()
    return FormatReading(
        format="yolov8-heads",
        reasons=(
            f"{head.summary}: 4 × {_V8_BINS} bins and scores "
            f"{'in 0..1' if probable else 'as logits'}"
            f"{', their sum beside them' if score_sum else ''}: YOLOv8 to 11 before decoding",
        ),
        preprocessing=ultralytics.PREPROCESSING,
        boxes=bins.slice(),
        coding="distribution",
        scores=scores.slice(),
        activation="none" if probable else "sigmoid",
        levels=head.levels,
        cell_centre="middle",
        ignored_outputs=score_sum.names if score_sum else (),
        single_label=True,
        score_threshold=0.25,
        iou_threshold=0.7,
        priority=2,
    )


def _read_joined_yolov8(head: LevelOutputs) -> FormatReading | None:
    (part,) = head.parts
    class_count = part.columns - _V8_BOX_COLUMNS
    if class_count < 1 or part.is_probable(4) or part.is_probable(_V8_BOX_COLUMNS):
        return None
    # YOLOv5's maps have 3 × (5 + C) columns, in which places and sizes are about 0
    is_quiet = all(
        (np.median(logits, axis=0) < _QUIET).all() for logits in part.level_values(_V8_BOX_COLUMNS)
    )
    return FormatReading(
        format="yolov8-heads",
        reasons=(
            f"{head.summary}: 4 × {_V8_BINS} bins and the logits of "
            f"{counted(class_count, 'class')}: YOLOv8 to 11 before decoding",
        ),
        preprocessing=ultralytics.PREPROCESSING,
        boxes=part.slice(0, _V8_BOX_COLUMNS),
        coding="distribution",
        scores=part.slice(_V8_BOX_COLUMNS),
        activation="sigmoid",
        levels=head.levels,
        cell_centre="middle",
        single_label=True,
        score_threshold=0.25,
        iou_threshold=0.7,
        plausible=is_quiet or part.columns % 3 != 0,
        priority=2,
    )


def _read_yolov6_heads(outputs: LevelOutputs) -> FormatReading | None:
    """YOLOv6's effidehead as Rockchip's export has it: distances in strides from a cell's middle,
    or bins of them, beside scores in 0..1."""
    head = outputs.with_boxes_per_cell(1)
    if head is None or outputs.strides not in ((8, 16, 32), (8, 16, 32, 64)):
        return None
    found = _find_boxes_scores_sum(head, 4) or _find_boxes_scores_sum(head, 4 * _V6_BINS)
    if found is None:
        return None
    boxes, scores, score_sum = found
    has_bins = boxes.columns != 4
    if not scores.is_probable() or (has_bins and boxes.is_probable()):
        return None
    if not has_bins and rtmdet_heads.measure_distances(head, boxes) != "distances":
        return None
    coded = f"4 × {_V6_BINS} bins" if has_bins else "distances in strides"
    return FormatReading(
        format="yolov6-heads",
        reasons=(
            f"{head.summary}: {coded} and scores in 0..1"
            f"{', their sum beside them' if score_sum else ''}: YOLOv6 before decoding",
        ),
        preprocessing=yolov5.PREPROCESSING,
        boxes=boxes.slice(),
        coding="distribution" if has_bins else "distances",
        scores=scores.slice(),
        levels=head.levels,
        cell_centre="middle",
        ignored_outputs=score_sum.names if score_sum else (),
        single_label=True,
        score_threshold=0.25,
        iou_threshold=0.45,
        plausible=not has_bins or score_sum is not None or head.are_level_by_level,
        priority=1,
        doubts=(_PP_YOLOE_DOUBT,) if has_bins else (),
    )


def _find_boxes_scores_sum(
    head: LevelOutputs, box_columns: int
) -> tuple[LevelPart, LevelPart, LevelPart | None] | None:
    """Boxes of `box_columns` columns, class scores, and the sum of the latter where there is it."""
    boxes = [part for part in head.parts if part.columns == box_columns]
    others = [part for part in head.parts if part.columns != box_columns]
    if len(boxes) != 1 or not others:
        return None
    if len(others) == 1:
        return boxes[0], others[0], None
    scores, score_sum = others[0], others[-1]
    if len(others) != 2 or score_sum.columns != 1 or not _is_sum(score_sum, scores):
        return None
    return boxes[0], scores, score_sum


def _is_sum(score_sum: LevelPart, scores: LevelPart) -> bool:
    """Whether a column is the sum of all scores, cut to 0..1."""
    return all(
        np.allclose(total[:, 0], np.clip(values.sum(1), 0, 1), atol=1e-2)
        for total, values in zip(score_sum.level_values(), scores.level_values(), strict=True)
    )


def _read_yolox_heads(outputs: LevelOutputs) -> FormatReading | None:
    """YOLOX's yolox_head.py, an output of box, objectness and scores a stride, or mmdetection's
    yolox_head.py, whose three kinds of output are apart and logits."""
    head = outputs.with_boxes_per_cell(1)
    if head is None or outputs.strides != (8, 16, 32):
        return None
    reading = _read_joined_yolox(head) if len(head.parts) == 1 else _read_mmdet_yolox(head)
    if reading is None:
        return None
    return dataclasses.replace(reading, levels=head.levels, nms="class-agnostic", priority=1)


def _read_joined_yolox(head: LevelOutputs) -> FormatReading | None:
    (part,) = head.parts
    if part.columns < 6:
        return None
    probable = part.is_probable(4)
    return FormatReading(
        format="yolox-heads",
        reasons=(
            f"{head.summary}: box, objectness and {part.columns - 5} scores "
            f"{'in 0..1' if probable else 'as logits'}: YOLOX before decoding",
        ),
        preprocessing=yolox.PREPROCESSING,
        boxes=part.slice(0, 4),
        coding="grid",
        scores=part.slice(5),
        objectness=part.slice(4, 5),
        activation="none" if probable else "sigmoid",
        objectness_activation="none" if probable else "sigmoid",
        score_threshold=0.3,
        iou_threshold=0.45,
        plausible=probable and not part.is_probable(0, 4),
    )


def _read_mmdet_yolox(head: LevelOutputs) -> FormatReading | None:
    boxes = [part for part in head.parts if part.columns == 4]
    others = [part for part in head.parts if part.columns != 4]
    others.sort(key=lambda part: -part.columns)
    if len(boxes) != 1 or len(others) != 2 or others[1].columns != 1 or others[0].is_probable():
        return None
    scores, objectness = others
    return FormatReading(
        format="yolox-heads",
        reasons=(
            f"{head.summary}: boxes, and the logits of {counted(scores.columns, 'class')} and of "
            "objectness: YOLOX of mmdetection before decoding",
        ),
        preprocessing=mmdeploy.PREPROCESSING,
        boxes=boxes[0].slice(),
        coding="grid",
        scores=scores.slice(),
        objectness=objectness.slice(),
        activation="sigmoid",
        objectness_activation="sigmoid",
        score_threshold=0.3,
        iou_threshold=0.65,
    )


YOLOV8_HEADS = Format(
    "yolov8-heads",
    "YOLOv8 to 11 before decoding: 4 × 16 bins and scores of each stride, joined or apart",
    {LevelOutputs: _read_yolov8_heads},
)
YOLOV6_HEADS = Format(
    "yolov6-heads",
    "YOLOv6 before decoding: 4 distances, or 4 × 17 bins, and scores of each stride",
    {LevelOutputs: _read_yolov6_heads},
)
YOLOX_HEADS = Format(
    "yolox-heads",
    "YOLOX before decoding, its box, objectness and scores for each stride",
    {LevelOutputs: _read_yolox_heads},
)
