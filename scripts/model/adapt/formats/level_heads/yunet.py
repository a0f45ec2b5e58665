"""YuNet (OpenCV's zoo): faces, coded as YOLOX's boxes with a class score and an objectness for each
cell (2023), or as offsets to priors with a class score and an overlap (2021 and 2022)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.formats.prior_heads.prior_grid import PriorLevel, prior_boxes
from scripts.model.adapt.preprocessing import BLACK, UNIT_STD, ZERO_MEAN, Preprocessing
from scripts.model.adapt.reading import FormatReading, OutputSlice, Priors
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs
from scripts.model.adapt.recognition.layouts.prior_outputs import follows_priors
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput

PREPROCESSING = Preprocessing("bgr", 255, ZERO_MEAN, UNIT_STD, "mmdet", BLACK, "opencv-linear")
_LANDMARK_COLUMNS = 10
_OFFSET_COLUMNS = 4 + _LANDMARK_COLUMNS
_PRIOR_SIDES = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
_SCORE_THRESHOLD, _IOU_THRESHOLD = 0.9, 0.3  # of cv2.FaceDetectorYN


@dataclass(frozen=True, eq=False)
class OffsetsClassesOverlaps:
    """Offsets of boxes and landmarks [A, 14], background and face [A, 2], overlap [A, 1]; A is the
    number of YuNet's priors, float32 [A, 4], cxcywh in px."""

    offsets: ObservedOutput
    classes: ObservedOutput
    overlaps: ObservedOutput
    priors: np.ndarray


def find_offsets_classes_overlaps(model: ObservedModel) -> OffsetsClassesOverlaps | None:
    by_columns = {o.table_shape[1]: o for o in model.outputs if o.table_shape is not None}
    if len(model.outputs) != 3 or by_columns.keys() != {_OFFSET_COLUMNS, 2, 1}:
        return None
    offsets, classes, overlaps = (by_columns[columns] for columns in (_OFFSET_COLUMNS, 2, 1))
    image = model.foreign.image
    priors = _yunet_priors(image.width, image.height)
    row_counts = {o.table_shape[0] for o in by_columns.values() if o.table_shape is not None}
    if row_counts != {len(priors)}:
        return None
    return OffsetsClassesOverlaps(offsets, classes, overlaps, priors)


def _yunet_priors(width: int, height: int) -> np.ndarray:
    """Squares of two or three sizes for each cell; a level has half of the finer one's cells."""
    columns, rows = (width + 1) // 2 // 2, (height + 1) // 2 // 2
    levels = []
    for stride, sides in _PRIOR_SIDES.items():
        columns, rows = columns // 2, rows // 2
        squares = tuple((float(side), float(side)) for side in sides)
        levels.append(PriorLevel(columns, rows, (stride, stride), squares))
    return prior_boxes(levels)


def _read_yunet(outputs: LevelOutputs) -> FormatReading | None:
    """OpenCV's objdetect/src/face_detect.cpp: the score is the root of class score × objectness,
    and so it does not matter which of the two comes first."""
    head = outputs.with_boxes_per_cell(1)
    parts = head.find_parts(1, 1, 4, _LANDMARK_COLUMNS) if head else None
    if head is None or parts is None or outputs.strides != (8, 16, 32):
        return None
    scores, objectness, boxes, landmarks = parts
    probable = scores.is_probable() and objectness.is_probable()
    return FormatReading(
        format="yunet",
        reasons=(
            f"{head.summary}: class score and objectness "
            f"{'in 0..1' if probable else 'as logits'}, boxes as offsets and logarithms, five "
            "landmarks: YuNet",
        ),
        preprocessing=PREPROCESSING,
        boxes=boxes.slice(),
        coding="grid",
        scores=scores.slice(),
        objectness=objectness.slice(),
        score_exponents=(0.5, 0.5),
        activation="none" if probable else "sigmoid",
        objectness_activation="none" if probable else "sigmoid",
        levels=head.levels,
        ignored_outputs=landmarks.names,
        score_threshold=_SCORE_THRESHOLD,
        iou_threshold=_IOU_THRESHOLD,
        priority=1,
        notes=("landmarks are left out",),
    )


def _read_yunet_of_2022(outputs: OffsetsClassesOverlaps) -> FormatReading | None:
    """face_detect.cpp before OpenCV 4.8: the score is the root of probability × overlap."""
    offsets, classes, overlaps = outputs.offsets, outputs.classes, outputs.overlaps
    tables = [np.asarray(a, np.float64).reshape(-1, _OFFSET_COLUMNS) for a in offsets.samples]
    if follows_priors(np.stack(tables), outputs.priors) or not classes.is_within_unit_range():
        return None
    return FormatReading(
        format="yunet",
        reasons=(
            f"{offsets.name} {list(offsets.shape)}, {classes.name} {list(classes.shape)} and "
            f"{overlaps.name} {list(overlaps.shape)} for {len(outputs.priors)} priors: YuNet of "
            "2021 and 2022",
        ),
        preprocessing=PREPROCESSING,
        boxes=OutputSlice((offsets.name,), _OFFSET_COLUMNS, first=0, last=4),
        coding="prior-offsets",
        priors=Priors(outputs.priors),
        scores=OutputSlice((classes.name,), 2, first=1, last=2),
        objectness=OutputSlice((overlaps.name,), 1),
        score_exponents=(0.5, 0.5),
        score_threshold=_SCORE_THRESHOLD,
        iou_threshold=_IOU_THRESHOLD,
        notes=("landmarks are left out",),
    )


YUNET = Format(
    "yunet",
    "12 outputs: class score, objectness, box, landmarks of 3 strides; or loc, conf and iou",
    {LevelOutputs: _read_yunet, OffsetsClassesOverlaps: _read_yunet_of_2022},
)
