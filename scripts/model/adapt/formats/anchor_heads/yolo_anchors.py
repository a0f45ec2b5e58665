"""Heads of YOLOv3, v4, v5 and v7 before decoding, whose anchors the file does not have.

The outputs of all are alike, [1, 3, H, W, 5 + C], [1, H, W, 3, 5 + C] or [1, 3 · (5 + C), H, W] for
each stride, and so only --format says which coding and which anchors are right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.formats import boxes_scores, yolov5
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import Preprocessing
from scripts.model.adapt.reading import Anchors, FormatReading, Level, OutputSlice
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs
from scripts.model.adapt.recognition.observed_model import ObservedModel, join_values
from scripts.model.adapt.recognition.observed_output import ObservedOutput

Sizes = tuple[tuple[tuple[float, float], ...], ...]

_PER_CELL = 3


def _by_level(*numbers: float) -> Sizes:
    """Widths and heights in turn, three anchors a level."""
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return tuple(tuple(pairs[index : index + _PER_CELL]) for index in range(0, len(pairs), 3))


_YOLOV3 = _by_level(10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326)
_YOLOV3_TINY = _by_level(10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319)
_YOLOV4 = _by_level(12, 16, 19, 36, 40, 28, 36, 75, 76, 55, 72, 146, 142, 110, 192, 243, 459, 401)
_YOLOV4_TINY = _by_level(23, 27, 37, 58, 81, 82, 81, 82, 135, 169, 344, 319)
_YOLOV5_P6 = _by_level(
    *(19, 27, 44, 40, 38, 94, 96, 68, 86, 152, 180, 137),
    *(140, 301, 303, 264, 238, 542, 436, 615, 739, 380, 925, 792),
)


class _Family(NamedTuple):
    """anchors, centre_scales: by the number of levels."""

    name: str
    title: str
    coding: Literal["yolov5", "yolov3"]
    anchors: dict[int, Sizes]
    centre_scales: dict[int, tuple[float, ...]]
    preprocessing: Preprocessing
    score_threshold: float
    iou_threshold: float
    single_label: bool


_YOLOV5_FAMILY = _Family(
    "yolov5-heads",
    "YOLOv5, YOLOv7-tiny, and YOLOv3 of ultralytics",
    "yolov5",
    {3: _YOLOV3, 4: _YOLOV5_P6},
    {},
    yolov5.PREPROCESSING,
    0.25,
    0.45,
    single_label=True,
)
_YOLOV7_FAMILY = _YOLOV5_FAMILY._replace(
    name="yolov7-heads", title="YOLOv7", anchors={3: _YOLOV4, 4: _YOLOV5_P6}
)
_YOLOV3_FAMILY = _Family(
    "yolov3-heads",
    "YOLOv3 and YOLOv3-tiny of darknet",
    "yolov3",
    {3: _YOLOV3, 2: _YOLOV3_TINY},
    {},
    boxes_scores.KERAS_YOLOV3,
    0.5,
    0.45,
    single_label=False,
)
_YOLOV4_FAMILY = _Family(
    "yolov4-heads",
    "YOLOv4 and YOLOv4-tiny of darknet",
    "yolov3",
    {3: _YOLOV4, 2: _YOLOV4_TINY},
    {3: (1.2, 1.1, 1.05), 2: (1.05, 1.05)},
    boxes_scores.PYTORCH_YOLOV4,
    0.4,
    0.6,
    single_label=True,
)
_FAMILIES = (_YOLOV5_FAMILY, _YOLOV7_FAMILY, _YOLOV3_FAMILY, _YOLOV4_FAMILY)


@dataclass(frozen=True, eq=False)
class AnchorMaps:
    """[1, 3, H, W, 5 + C] for each level, the finest first, or by cell [1, H, W, 3, 5 + C]."""

    order: Literal["by-cell", "by-anchor"]
    levels: tuple[Level, ...]
    outputs: tuple[ObservedOutput, ...]
    columns: int


def find_anchor_maps(model: ObservedModel) -> AnchorMaps | None:
    outputs = sorted(model.outputs, key=lambda output: -math.prod(output.shape))
    if not outputs or any(len(output.shape) != 5 for output in outputs):
        return None
    columns, shapes = outputs[0].shape[4], [output.shape for output in outputs]
    for finest in (8, 16):
        levels = model.levels([finest << index for index in range(len(outputs))])
        by_anchor = [(1, _PER_CELL, level.rows, level.columns, columns) for level in levels]
        by_cell = [(1, level.rows, level.columns, _PER_CELL, columns) for level in levels]
        if shapes == by_anchor:
            return AnchorMaps("by-anchor", levels, tuple(outputs), columns)
        if shapes == by_cell:
            return AnchorMaps("by-cell", levels, tuple(outputs), columns)
    return None


@dataclass(frozen=True, eq=False)
class _Head:
    """part: all columns of a box. values: [n, columns], of every box on every trial picture."""

    levels: tuple[Level, ...]
    part: OutputSlice
    order: Literal["by-cell", "by-anchor"]
    values: NDArray[np.float64]

    def is_activated(self, columns: Sequence[int]) -> bool | None:
        """Whether columns went through a sigmoid; None where only some seem so."""
        values = self.values[:, columns]
        in_range = (values >= -1e-3) & (values <= 1 + 1e-3)
        if in_range.all():
            return True
        return None if in_range.all(axis=0).any() else False


def explain_anchor_heads(layout: object) -> str | None:
    """What these heads are and which options read them; None where they are none."""
    head = _head_of(layout)
    if head is None or head.part.width < 6:
        return None
    fitting = [family for family in _FAMILIES if len(head.levels) in family.anchors]
    options = "; ".join(f"--format {family.name} ({family.title})" for family in fitting)
    return (
        f"These are heads of a YOLO with anchors before decoding: {_PER_CELL} boxes a cell at "
        f"strides {join_values([level.stride for level in head.levels])}, each of "
        f"{head.part.width} = 4 + 1 + {head.part.width - 5} columns. The file does not have its "
        f"anchors. Export with decoding (YOLOv5 export.py, YOLOv7 --grid), or say which it is: "
        f"{options}; --anchors where it has others than the published ones."
    )


def _head_of(layout: object) -> _Head | None:
    if isinstance(layout, AnchorMaps):
        rows = [
            np.asarray(array, np.float64).reshape(-1, layout.columns)
            for output in layout.outputs
            for array in output.samples
        ]
        names = tuple(output.name for output in layout.outputs)
        part = OutputSlice(names, layout.columns)
        return _Head(layout.levels, part, layout.order, np.concatenate(rows))
    if not isinstance(layout, LevelOutputs):
        return None
    outputs = layout.with_boxes_per_cell(_PER_CELL)
    if outputs is None or len(outputs.parts) != 1:
        return None
    (maps,) = outputs.parts
    return _Head(outputs.levels, maps.slice(), "by-cell", np.concatenate(maps.level_values()))


def _read(layout: object, family: _Family) -> FormatReading | None:
    head = _head_of(layout)
    if head is None or head.part.width < 6 or len(head.levels) not in family.anchors:
        return None
    box_activated = head.is_activated([0, 1, 2, 3] if family.coding == "yolov5" else [0, 1])
    score_activated = head.is_activated(range(4, head.part.width))
    if box_activated is None or score_activated is None:
        return None
    level_count, names = len(head.levels), head.part.outputs
    tables = head.part.tables_per_row

    def columns(first: int, last: int | None) -> OutputSlice:
        part = head.part
        return OutputSlice(names, part.width, part.layout, first, last, tables_per_row=tables)

    # TensorFlow's exports, as the ONNX zoo's YOLOv4, are of code that letterboxes with grey.
    is_tensorflows = isinstance(layout, AnchorMaps) and layout.order == "by-cell"
    activation: Literal["none", "sigmoid"] = "none" if score_activated else "sigmoid"
    return FormatReading(
        format=family.name,
        reasons=(
            f"{len(names)} outputs of {_PER_CELL} × {head.part.width} columns at strides "
            f"{join_values([level.stride for level in head.levels])}, boxes "
            f"{'after' if box_activated else 'before'} and scores "
            f"{'after' if score_activated else 'before'} their sigmoids: {family.title}",
        ),
        preprocessing=boxes_scores.KERAS_YOLOV3 if is_tensorflows else family.preprocessing,
        boxes=columns(0, 4),
        coding="anchors",
        anchors=Anchors(
            family.anchors[level_count],
            family.coding,
            family.centre_scales.get(level_count, ()),
            box_activated,
            head.order,
        ),
        levels=head.levels,
        boxes_per_cell=_PER_CELL,
        scores=columns(5, None),
        objectness=columns(4, 5),
        activation=activation,
        objectness_activation=activation,
        score_threshold=family.score_threshold,
        iou_threshold=family.iou_threshold,
        single_label=family.single_label,
        plausible=False,
        doubts=(
            f"the anchors are taken to be those that {family.title} was published with; "
            "--anchors otherwise",
        ),
    )


def _format(family: _Family, summary: str) -> Format:
    def read(layout: AnchorMaps | LevelOutputs) -> FormatReading | None:
        return _read(layout, family)

    return Format(family.name, summary, {AnchorMaps: read, LevelOutputs: read})


YOLOV5_HEADS = _format(
    _YOLOV5_FAMILY,
    "YOLOv5, YOLOv7-tiny before decoding: [1, 3, H, W, 5 + C] or maps of 3 · (5 + C) columns",
)
YOLOV7_HEADS = _format(_YOLOV7_FAMILY, "the same with YOLOv7's anchors")
YOLOV3_HEADS = _format(_YOLOV3_FAMILY, "the same of darknet's YOLOv3, sizes by an exponential")
YOLOV4_HEADS = _format(_YOLOV4_FAMILY, "the same of darknet's YOLOv4")
