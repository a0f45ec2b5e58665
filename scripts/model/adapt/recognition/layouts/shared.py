"""Layouts of boxes, scores and labels in a model's outputs that several formats share.

Each finder returns the first layout of its kind in an observed model, or None. A layout that only
one family has is in that family's module of `formats`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scripts.model.adapt.reading import Coding, OutputSlice
from scripts.model.adapt.recognition.observed_model import FeatureGrid, ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput


@dataclass(frozen=True, eq=False)
class BoxesAndScores:
    """Before NMS: boxes [A, 4] and scores [A, C] or [C, A].

    normalised: boxes in 0..1. probable: scores in 0..1. softmaxed: each box's scores add up to 1.
    """

    model: ObservedModel
    boxes: ObservedOutput
    scores: ObservedOutput
    scores_slice: OutputSlice
    grid: FeatureGrid | None
    normalised: bool
    probable: bool
    softmaxed: bool

    @property
    def boxes_slice(self) -> OutputSlice:
        return OutputSlice((self.boxes.name,), 4)

    @property
    def summary(self) -> str:
        units = "0..1" if self.normalised else "px"
        return (
            f"{self.boxes.name} {list(self.boxes.shape)} in {units} and "
            f"{self.scores.name} {list(self.scores.shape)}"
        )

    @property
    def is_keras_yolov3(self) -> bool:
        return "yolonms" in self.boxes.lower_name or "image_shape" in self.model.fixed_input_names

    @property
    def coding(self) -> Coding:
        if self.is_keras_yolov3:
            return "yxyx"
        return "xyxy" if self.boxes.has_ordered_corners() else "cxcywh"

    @cached_property
    def has_background(self) -> bool | None:
        """Whether the first column of the scores is background, not a class; None: it may be."""
        columns, named = self.scores_slice.width, self.model.claims.class_count
        if columns < 2 or (self.grid is not None and not self.softmaxed):
            return False
        if named is not None and columns in (named, named + 1):
            return columns == named + 1
        if self.softmaxed:
            return True
        scores = np.concatenate(self.model.values(self.scores_slice))
        if self.probable:
            return False if columns > 2 else None
        # A softmax puts most boxes into the background; a sigmoid has nearly all logits below 0.
        if float((scores.max(1) < 0).mean()) > 0.9:
            return False
        return True if float((scores.argmax(1) == 0).mean()) > 0.8 else None


def find_boxes_and_scores(model: ObservedModel) -> BoxesAndScores | None:
    for boxes in model.outputs:
        if boxes.table_shape is None or boxes.table_shape[1] != 4:
            continue
        box_count = boxes.table_shape[0]
        for scores in model.outputs:
            table = scores.table_shape
            if scores is boxes or table is None or len(scores.shape) < 2:
                continue
            if table[0] == box_count:
                scores_slice = OutputSlice((scores.name,), table[1])
            elif table[1] == box_count:
                scores_slice = OutputSlice((scores.name,), table[0], "columns")
            else:
                continue
            columns = scores_slice.width
            if box_count < 2 or (columns == 4 and "score" not in scores.lower_name):
                continue
            class_axis = 1 if scores_slice.layout == "rows" else 0
            tables = [np.asarray(array, np.float64).reshape(table) for array in scores.samples]
            sums = np.concatenate(tables, 1 - class_axis).sum(class_axis)
            probable = scores.is_within_unit_range()
            return BoxesAndScores(
                model,
                boxes,
                scores,
                scores_slice,
                grid=model.match_grid(box_count),
                normalised=bool(boxes.has_normalised_boxes()),
                probable=probable,
                softmaxed=probable and columns > 1 and bool(np.allclose(sums, 1, atol=1e-2)),
            )
    return None


@dataclass(frozen=True, eq=False)
class DetectionRows:
    """After NMS: one table of 6 or 7 columns, a detection a row."""

    model: ObservedModel
    output: ObservedOutput
    width: int
    count_output: str | None

    @property
    def summary(self) -> str:
        return f"{self.output.name} {list(self.output.shape)}"

    @property
    def is_pinto(self) -> bool:
        """Whether the output's name tells the order of its columns, as in PINTO's model zoo."""
        return self.width == 7 and "batchno_classid" in self.output.lower_name

    @property
    def is_score_last(self) -> bool:
        return self.output.lower_name.endswith("score")

    @property
    def boxes_slice(self) -> OutputSlice:
        """Where boxes usually are: first of 6 columns; of 7, behind the picture's number."""
        if self.is_pinto:
            return self.slice(2 if self.is_score_last else 3, 4)
        return self.slice(self.width - 6, 4)

    @property
    def coding(self) -> Coding:
        return "yxyx" if self.is_pinto and "y1x1" in self.output.lower_name else "xyxy"

    def slice(self, first: int, column_count: int = 1) -> OutputSlice:
        return OutputSlice((self.output.name,), self.width, first=first, last=first + column_count)


def find_detection_rows(model: ObservedModel) -> DetectionRows | None:
    for output in model.outputs:
        table = output.table_shape
        if table is None or table[1] not in (6, 7) or model.match_grid(table[0]):
            continue
        count = next((o.name for o in model.outputs if o is not output and o.is_scalar), None)
        return DetectionRows(model, output, table[1], count)
    return None


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Before NMS: one table, each box and its class scores in a row, or in a column.

    grid: whose cells the boxes belong to; None at a size that no known strides divide.
    """

    model: ObservedModel
    output: ObservedOutput
    table: OutputSlice
    box_count: int
    grid: FeatureGrid | None

    @property
    def by_row(self) -> bool:
        return self.table.layout == "rows"

    @cached_property
    def has_normalised_boxes(self) -> bool:
        """Whether boxes are in 0..1 rather than px."""
        values = np.concatenate(self.model.values(self.slice(0, 4)))
        values = values[np.isfinite(values)]
        return bool(values.size) and float(np.quantile(np.abs(values), 0.99)) <= 2.0

    @property
    def summary(self) -> str:
        return f"{self.output.name} {list(self.output.shape)}"

    @property
    def boxes_summary(self) -> str:
        if self.grid is not None:
            return self.grid.summary
        unknown = " of no grid that is known at this size" if self.by_row else ""
        return f"{self.box_count} boxes{unknown}"

    def heads(self, channels: int) -> tuple[str, ...]:
        """The outputs that are heads before decoding, beside the table: of so many channels."""
        return tuple(
            output.name
            for output in self.model.outputs
            if output is not self.output
            and len(output.shape) in (4, 5)
            and channels in (output.shape[1], output.shape[-1])
        )

    def slice(self, first: int, last: int | None = None) -> OutputSlice:
        return dataclasses.replace(self.table, first=first, last=last)


@dataclass(frozen=True, eq=False)
class QueryTable:
    """Before NMS: one table, a transformer's query a row, boxes and scores in 0..1."""

    output: ObservedOutput
    query_count: int
    width: int


def find_prediction_table(model: ObservedModel) -> PredictionTable | QueryTable | None:
    tables = [(o, t) for o in model.outputs if (t := o.table_shape) is not None and min(t) >= 5]
    for output, (rows, columns) in sorted(tables, key=lambda pair: -pair[0].samples[0].size):
        by_row = OutputSlice((output.name,), columns, "rows")
        by_column = OutputSlice((output.name,), rows, "columns")
        # Of two sides that are both a grid's, the longer has the boxes: 84 rows of 4 + 80 columns
        # are 8×8 + 4×4 + 2×2 cells, too.
        sides = sorted(((by_row, rows), (by_column, columns)), key=lambda side: -side[1])
        for table, box_count in sides:
            grid = model.match_grid(box_count)
            if grid is not None:
                return PredictionTable(model, output, table, box_count, grid)
    if not tables:
        return None
    output, (rows, columns) = tables[0]
    if (
        rows <= 1000
        and columns > 5
        and output.is_within_unit_range(4)
        and output.has_normalised_boxes()
    ):
        return QueryTable(output, rows, columns)
    if columns > rows:
        table = OutputSlice((output.name,), rows, "columns")
        return PredictionTable(model, output, table, columns, None)
    return PredictionTable(model, output, OutputSlice((output.name,), columns), rows, None)
