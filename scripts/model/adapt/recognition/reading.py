"""How a format reads a graph's outputs: where its boxes and scores are, and how they are coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from scripts.model import graph
from scripts.model.adapt.recognition.preprocessing import Preprocessing

Coding = Literal["xyxy", "yxyx", "cxcywh", "xywh", "grid", "distribution"]
Units = Literal["px", "normalised"]
Activation = Literal["none", "sigmoid", "softmax"]
Background = Literal["none", "first", "last"]
CellCentre = Literal["corner", "middle", "opencv"]


class Level(NamedTuple):
    """One level of a feature pyramid: its stride in px, and the columns and rows of its cells."""

    stride: int
    columns: int
    rows: int


@dataclass(frozen=True)
class OutputSlice:
    """Columns `first` to `last` (exclusive) of one or more outputs, each a table of `width`
    columns.

    Several outputs are stacked in their order. Layout `rows` is [1, A, width], `columns`
    [1, width, A]. last: None for all columns from `first` on.
    """

    outputs: tuple[str, ...]
    width: int
    layout: Literal["rows", "columns"] = "rows"
    first: int = 0
    last: int | None = None

    @property
    def column_count(self) -> int:
        return (self.width if self.last is None else self.last) - self.first


@dataclass(frozen=True)
class FormatReading:
    """One format's reading of a graph's outputs, with the reasons for it.

    scores: a column a class, or, with `labels`, the one column beside a column of labels.
    score_threshold, iou_threshold: the defaults of requests.
    count_output: the output that says how many rows are detections; the others are padding.
    class_offset: the label, or column, of the first class.
    coco_gaps: the format's models number COCO's 80 classes 1 to 90.
    levels: of the grid of cells, for the codings `grid` and `distribution`.
    nms: what the bundle's graph adds. nms_in_graph: thresholds were applied inside already.
    single_label: a box counts for its best class only.
    plausible: False where only --format picks it. priority: how specific the evidence is; of a
    layout's readings the highest is tried first.
    """

    format: str
    reasons: tuple[str, ...]
    preprocessing: Preprocessing
    boxes: OutputSlice
    coding: Coding
    scores: OutputSlice
    score_threshold: float
    iou_threshold: float
    units: Units = "px"
    activation: Activation = "none"
    objectness: OutputSlice | None = None
    background: Background = "none"
    labels: OutputSlice | None = None
    count_output: str | None = None
    class_offset: int = 0
    coco_gaps: bool = False
    levels: tuple[Level, ...] = ()
    cell_centre: CellCentre = "corner"
    nms: graph.Nms = "per-class"
    single_label: bool = False
    nms_in_graph: bool = False
    plausible: bool = True
    priority: int = 0
    notes: tuple[str, ...] = ()
