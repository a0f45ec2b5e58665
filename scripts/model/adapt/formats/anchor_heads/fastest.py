"""dog-qiuqiu's FastestDet and YOLO-FastestV2: small heads with softmaxed classes and objectness."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import BLACK, UNIT_STD, ZERO_MEAN, Preprocessing
from scripts.model.adapt.reading import Anchors, FormatReading, Level, OutputSlice
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs
from scripts.model.adapt.recognition.layouts.one_map import OneMap
from scripts.model.adapt.recognition.layouts.shared import PredictionTable
from scripts.model.adapt.recognition.observed_model import ObservedModel

PREPROCESSING = Preprocessing("bgr", 1, ZERO_MEAN, UNIT_STD, "stretch", BLACK, "opencv-linear")
_FASTEST_DET_STRIDE = 16
_V2_STRIDES = (16, 32)
# Columns of three boxes and of their objectness; the classes of all three follow.
_V2_BOXES, _V2_OBJECTNESS = 12, 3
_V2_CLASSES_FROM = _V2_BOXES + _V2_OBJECTNESS
_V2_ANCHORS = (  # data/coco.data, for 352 px
    ((12.64, 19.39), (37.88, 51.48), (55.71, 138.31)),
    ((126.91, 78.23), (131.57, 214.55), (279.92, 258.87)),
)
_COCO_CLASSES, _COCO_SIDE = 80, 352


def _read_fastest_det(head: OneMap) -> FormatReading | None:
    """utils/tool.py, handle_preds: score = objectness ** 0.6 · class ** 0.4."""
    if head.columns < 6 or head.level.stride != _FASTEST_DET_STRIDE:
        return None
    objectness, classes = head.values(0, 1), head.values(5)
    if not _is_probable(objectness) or not _add_up_to_1(classes) or _is_probable(head.values(1, 5)):
        return None
    return FormatReading(
        format="fastestdet",
        reasons=(
            f"{head.summary}, objectness, box and {head.columns - 5} classes that add up to 1: "
            "FastestDet",
        ),
        preprocessing=PREPROCESSING,
        boxes=head.slice(1, 5),
        coding="tanh",
        units="normalised",
        levels=(head.level,),
        scores=head.slice(5),
        objectness=head.slice(0, 1),
        score_exponents=(0.4, 0.6),
        single_label=True,
        score_threshold=0.65,
        iou_threshold=0.45,
        priority=2,
    )


def _read_v2_levels(outputs: LevelOutputs) -> FormatReading | None:
    """model/detector.py: with export_onnx a level's outputs are joined and activated; without, its
    boxes, objectness and classes are three outputs, before sigmoid and softmax."""
    head = outputs.with_boxes_per_cell(1)
    if head is None or outputs.strides != _V2_STRIDES:
        return None
    if len(head.parts) == 1:
        (part,) = head.parts
        values = np.concatenate(part.level_values())
        if part.columns <= _V2_CLASSES_FROM or not _is_probable(values):
            return None
        boxes, objectness = part.slice(0, _V2_BOXES), part.slice(_V2_BOXES, _V2_CLASSES_FROM)
        return _v2_reading(
            outputs.model,
            head.summary,
            head.levels,
            boxes,
            objectness,
            part.slice(_V2_CLASSES_FROM),
            is_softmaxed=_add_up_to_1(values[:, _V2_CLASSES_FROM:].T),
        )
    if len(head.parts) != 3 or any(part.is_probable() for part in head.parts):
        return None
    boxes_part, objectness_part, classes = head.parts
    if (boxes_part.columns, objectness_part.columns) != (_V2_BOXES, _V2_OBJECTNESS):
        return None
    reading = _v2_reading(
        outputs.model,
        f"{head.summary}, before sigmoid and softmax",
        head.levels,
        boxes_part.slice(),
        objectness_part.slice(),
        classes.slice(),
        activated=False,
    )
    return dataclasses.replace(reading, activation="softmax", objectness_activation="sigmoid")


def _read_v2_table(table: PredictionTable) -> FormatReading | None:
    """The same levels, their cells stacked as rows of one table."""
    grid, width = table.grid, table.table.width
    if grid is None or not table.by_row or grid.boxes_per_cell != 1 or width <= _V2_CLASSES_FROM:
        return None
    if tuple(level.stride for level in grid.levels) != _V2_STRIDES:
        return None
    values = np.concatenate(
        [np.asarray(array, np.float64).reshape(-1, width) for array in table.output.samples]
    )
    if not _is_probable(values):
        return None
    return _v2_reading(
        table.model,
        f"{table.summary}: {grid.summary}",
        grid.levels,
        table.slice(0, _V2_BOXES),
        table.slice(_V2_BOXES, _V2_CLASSES_FROM),
        table.slice(_V2_CLASSES_FROM),
        is_softmaxed=_add_up_to_1(values[:, _V2_CLASSES_FROM:].T),
    )


def _v2_reading(
    model: ObservedModel,
    summary: str,
    levels: tuple[Level, ...],
    boxes: OutputSlice,
    objectness: OutputSlice,
    scores: OutputSlice,
    *,
    activated: bool = True,
    is_softmaxed: bool = True,
) -> FormatReading:
    """utils/utils.py, handel_preds: boxes as YOLOv5's, score = objectness · class."""
    image, class_count = model.foreign.image, scores.column_count
    is_cocos = class_count == _COCO_CLASSES
    doubts = []
    if not is_softmaxed:
        doubts.append("its classes do not add up to 1, as YOLO-FastestV2's do")
    if not is_cocos:
        doubts.append(
            "the anchors are taken to be COCO's; a network of other classes has its own in its "
            ".data file: --anchors"
        )
    elif (image.width, image.height) != (_COCO_SIDE, _COCO_SIDE):
        doubts.append(
            f"the anchors are taken to be those for {_COCO_SIDE} px; a network that was trained "
            "at another size has its own in its .data file: --anchors"
        )
    return FormatReading(
        format="yolo-fastestv2",
        reasons=(
            f"{summary}: 3 boxes, their objectness, and {class_count} classes that they share: "
            "YOLO-FastestV2",
        ),
        preprocessing=PREPROCESSING,
        boxes=boxes,
        coding="anchors",
        anchors=Anchors(_V2_ANCHORS, activated=activated),
        levels=levels,
        boxes_per_cell=3,
        scores=scores,
        objectness=objectness,
        score_threshold=0.3,
        iou_threshold=0.4,
        single_label=True,
        plausible=is_cocos and is_softmaxed,
        priority=3,
        doubts=tuple(doubts),
    )


def _is_probable(values: NDArray[np.float64]) -> bool:
    return bool(values.size) and bool(np.all((values >= -1e-3) & (values <= 1 + 1e-3)))


def _add_up_to_1(values: NDArray[np.float64]) -> bool:
    """values: [..., classes, cells], which int8 may have put off a little."""
    return _is_probable(values) and bool(np.allclose(values.sum(-2), 1, atol=0.05))


FASTEST_DET = Format(
    "fastestdet",
    "[1, 5 + C, H, W] of stride 16: objectness, box, classes (softmax); BGR 0..1, stretched",
    {OneMap: _read_fastest_det},
)
YOLO_FASTESTV2 = Format(
    "yolo-fastestv2",
    "rows or maps of 12 + 3 + C columns at strides 16 and 32; BGR 0..1, stretched",
    {LevelOutputs: _read_v2_levels, PredictionTable: _read_v2_table},
)
