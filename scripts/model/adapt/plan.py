"""What is known of a foreign detector: how pictures go in, where its boxes and scores come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from handler.detection.letterbox import Fit, Rule
from scripts.model import graph

Coding = Literal["xyxy", "yxyx", "cxcywh", "xywh", "grid", "distribution"]
Units = Literal["px", "normalised"]
Activation = Literal["none", "sigmoid", "softmax"]
Background = Literal["none", "first", "last"]
Centre = Literal["corner", "middle", "opencv"]


@dataclass(frozen=True)
class Preprocessing:
    """(pixel · scale / 255 - mean) / std, in the network's channel order; then how it is placed."""

    order: graph.Order
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Fit
    fill: tuple[int, int, int]
    rule: Rule


@dataclass(frozen=True)
class Part:
    """Columns `first` to `last` (not included) of outputs laid out as tables of `width` columns,
    one below the other. Layout `columns` is [1, width, A], `rows` [1, A, width]."""

    outputs: tuple[str, ...]
    width: int
    layout: Literal["rows", "columns"] = "rows"
    first: int = 0
    last: int | None = None

    @property
    def columns(self) -> int:
        return (self.width if self.last is None else self.last) - self.first


@dataclass(frozen=True)
class Plan:
    """One reading of a graph's outputs.

    Scores are a matrix of a column a class, or, with `labels`, a column beside one of labels.
    cells: (stride, columns, rows) of each level, for codings `grid` and `distribution`. one_label:
    a box answers to its best class only. offset: the label, or column, of the first class. baked:
    thresholds were applied inside the graph.
    """

    format: str
    reasons: tuple[str, ...]
    preprocessing: Preprocessing
    boxes: Part
    coding: Coding
    scores: Part
    score_threshold: float
    iou_threshold: float
    units: Units = "px"
    activation: Activation = "none"
    objectness: Part | None = None
    background: Background = "none"
    labels: Part | None = None
    count: str | None = None
    offset: int = 0
    coco_gaps: bool = False  # its zoo numbers COCO's 80 classes 1 to 90
    cells: tuple[tuple[int, int, int], ...] = ()
    centre: Centre = "corner"
    nms: graph.Nms = "per-class"
    one_label: bool = False
    baked: bool = False
    sure: bool = True  # False: only where --format asks for it
    notes: tuple[str, ...] = ()
