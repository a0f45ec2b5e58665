"""How a format reads a graph's outputs: where its boxes and scores are, and how they are coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scripts.model import graph
from scripts.model.adapt.preprocessing import Preprocessing

# The last eight are of heads before decoding:
# - grid: offsets to a cell and logarithms of sizes, both in cells (YOLOX);
# - distribution: of distances from a cell to the four sides, over bins (Generalized Focal Loss);
# - distances: from a cell to the four sides, in strides (SCRFD);
# - pixel-distances: the same in px (RTMDet); log-distances: logarithms of those in strides;
# - prior-offsets: to prior boxes, with variances (SSD);
# - anchors: to anchors of a cell, through sigmoids (YOLOv5) or exponentials (YOLOv3);
# - tanh: to a cell by a tanh, with a sigmoid as the size in 0..1 of the input (FastestDet).
Coding = Literal[
    "xyxy",
    "yxyx",
    "cxcywh",
    "xywh",
    "grid",
    "distribution",
    "distances",
    "pixel-distances",
    "log-distances",
    "prior-offsets",
    "anchors",
    "tanh",
]
Units = Literal["px", "normalised"]
Activation = Literal["none", "sigmoid", "softmax"]
Background = Literal["none", "first", "last"]
CellCentre = Literal["corner", "middle", "opencv"]


class Level(NamedTuple):
    """One level of a feature pyramid: its stride in px, and the columns and rows of its cells."""

    stride: int
    columns: int
    rows: int


@dataclass(frozen=True, eq=False)
class Priors:
    """Prior boxes of an SSD: float32 [A, 4], cxcywh in px of the input, in the order of the rows.

    variances: of the centre's offset and of the size's logarithm. order: of the offsets' columns.
    sizes: whether a size is coded as a logarithm, or in priors as it is (BlazeFace).
    """

    boxes: NDArray[np.float32]
    variances: tuple[float, float] = (0.1, 0.2)
    order: Literal["xywh", "yxhw"] = "xywh"
    sizes: Literal["logarithm", "linear"] = "logarithm"


@dataclass(frozen=True)
class Anchors:
    """Anchors of the cells of a YOLO: for each level, (width, height) in px of each anchor.

    coding: yolov5 is centre (2σ - 0.5 + cell) · stride and size (2σ)² · anchor; yolov3 is centre
    (σ + cell) · stride and size exp(t) · anchor. centre_scales: for each level what YOLOv4
    stretches σ by, around 0.5. activated: whether the sigmoids are in the graph. order: within a
    level all boxes of a cell come together, or all boxes of an anchor.
    """

    sizes: tuple[tuple[tuple[float, float], ...], ...]
    coding: Literal["yolov5", "yolov3"] = "yolov5"
    centre_scales: tuple[float, ...] = ()
    activated: bool = False
    order: Literal["by-cell", "by-anchor"] = "by-cell"


@dataclass(frozen=True)
class OutputSlice:
    """Columns `first` to `last` (exclusive) of one or more outputs, each a table of `width`
    columns.

    Several outputs are stacked in their order. Layout `rows` is [1, A, width], `columns`
    [1, width, A]. last: None for all columns from `first` on. tables_per_row: how many tables lie
    side by side, as [1, A, tables · width]; their rows follow each other then.
    """

    outputs: tuple[str, ...]
    width: int
    layout: Literal["rows", "columns"] = "rows"
    first: int = 0
    last: int | None = None
    tables_per_row: int = 1

    @property
    def column_count(self) -> int:
        return (self.width if self.last is None else self.last) - self.first


@dataclass(frozen=True)
class FormatReading:
    """One format's reading of a graph's outputs, with the reasons for it.

    scores: a column a class, or, with `labels`, the one column beside a column of labels.
    score_threshold, iou_threshold: the defaults of requests.
    count_output: the output that says how many rows are detections; the others are padding.
    class_offset: the label, or column, of the first class. is_class_offset_assumed: nothing but
    convention says so, and labels that were seen may say otherwise.
    coco_gaps: the format's models number COCO's 80 classes 1 to 90.
    levels: of the grid of cells, for the codings of cells. boxes_per_cell: in the order of the
    rows, all of a cell together. priors: for the coding `prior-offsets`. anchors: for `anchors`;
    a row may hold the boxes of several, 4 columns each, which share their class scores.
    score_exponents: a score is class score ** the first × objectness ** the second, where they are
    not 1 both cut to 0..1.
    clips_boxes: whether boxes are cut at the input's edges before NMS.
    ignored_outputs: what the format has besides, such as landmarks, and this reading leaves out;
    an output that is neither read nor named here speaks against the reading.
    nms: what the bundle's graph adds. nms_in_graph: thresholds were applied inside already.
    single_label: a box counts for its best class only.
    plausible: False where only --format picks it. priority: how specific the evidence is; of a
    layout's readings the highest is tried first. notes: what the user should know; doubts: what is
    assumed and nothing in the file confirms, sentences that become warnings.
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
    objectness_activation: Activation = "none"
    score_exponents: tuple[float, float] = (1.0, 1.0)
    background: Background = "none"
    labels: OutputSlice | None = None
    count_output: str | None = None
    class_offset: int = 0
    is_class_offset_assumed: bool = False
    coco_gaps: bool = False
    levels: tuple[Level, ...] = ()
    boxes_per_cell: int = 1
    clips_boxes: bool = False
    priors: Priors | None = None
    anchors: Anchors | None = None
    ignored_outputs: tuple[str, ...] = ()
    cell_centre: CellCentre = "corner"
    nms: graph.Nms = "per-class"
    single_label: bool = False
    nms_in_graph: bool = False
    plausible: bool = True
    priority: int = 0
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def boxes_per_row(self) -> int:
        """How many boxes a row of `boxes` holds."""
        return self.boxes.column_count // 4 if self.coding == "anchors" else 1

    @property
    def outputs(self) -> frozenset[str]:
        """The names of all outputs that are read."""
        parts = (self.boxes, self.scores, self.objectness, self.labels)
        names = {name for part in parts if part is not None for name in part.outputs}
        return frozenset(names | ({self.count_output} if self.count_output else set()))
