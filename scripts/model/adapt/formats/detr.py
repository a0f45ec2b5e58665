"""DETR and its descendants: a set of queries, boxes as cxcywh in 0..1, no NMS."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import (
    BLACK,
    IMAGENET_MEAN,
    IMAGENET_STD,
    STRETCHED_UNIT,
    Preprocessing,
)
from scripts.model.adapt.reading import FormatReading, OutputSlice
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput
from scripts.model.plurals import counted

_IMAGENET = Preprocessing("rgb", 1, IMAGENET_MEAN, IMAGENET_STD, "stretch", BLACK, "antialias")
_MAX_QUERIES = 1000


@dataclass(frozen=True, eq=False)
class QueryOutputs:
    """Class logits [1, N, C] beside boxes [1, N, 4] in 0..1.

    plausible: whether names or values tell them from an SSD's boxes and scores.
    """

    model: ObservedModel
    boxes: ObservedOutput
    logits: ObservedOutput
    query_count: int
    column_count: int
    plausible: bool

    @property
    def summary(self) -> str:
        return (
            f"{self.logits.name} [1, {self.query_count}, {self.column_count}] and "
            f"{self.boxes.name} in 0..1, {self.query_count} queries"
        )

    @property
    def has_no_object(self) -> bool:
        """Whether the last column is no-object, of a softmax: the highest in most queries, while
        logits of sigmoids are below 0 in nearly all columns. DETR has 100 queries; 300 and more
        are usual in its descendants with sigmoids."""
        rows = np.concatenate(
            [np.asarray(a, np.float64).reshape(-1, self.column_count) for a in self.logits.samples]
        )
        is_last = float((rows.argmax(1) == self.column_count - 1).mean())
        if is_last > 0.8 or is_last < 0.2:
            return is_last > 0.8
        return self.query_count <= 200

    @property
    def ignored_outputs(self) -> tuple[str, ...]:
        """What Hugging Face's and other exports have besides: hidden states, auxiliary heads."""
        return tuple(
            output.name
            for output in self.model.outputs
            if re.search(
                r"hidden_state|reference_point|intermediate|aux|enc_|encoder|attention|mask",
                output.lower_name,
            )
        )


def find_query_outputs(model: ObservedModel) -> QueryOutputs | None:
    boxes = model.find_output(r"pred_boxes") or model.find_output(r"boxes|dets|bbox")
    logits = model.find_output(r"logits") or model.find_output(r"^labels$|scores|cls|class")
    if boxes is None or logits is None or boxes is logits:
        return None
    box_table, table = boxes.table_shape, logits.table_shape
    if box_table is None or table is None or box_table[1] != 4 or table[0] != box_table[0]:
        return None
    if table[1] < 2 or len(logits.shape) < 3 or not boxes.is_within_unit_range():
        return None
    is_named = "logits" in logits.lower_name
    if logits.is_within_unit_range() and not is_named:
        return None
    # cxcywh read as xyxy has its corners out of order; cells of a grid are no queries
    plausible = is_named or (
        not boxes.has_ordered_corners()
        and table[0] <= _MAX_QUERIES
        and model.match_grid(table[0]) is None
    )
    return QueryOutputs(model, boxes, logits, table[0], table[1], plausible)


def _read_detr(queries: QueryOutputs) -> FormatReading:
    columns = queries.column_count
    return FormatReading(
        format="detr",
        reasons=(
            f"{queries.summary}: DETR, softmax over {counted(columns - 1, 'class')} and no-object",
        ),
        preprocessing=_IMAGENET,
        boxes=OutputSlice((queries.boxes.name,), 4),
        coding="cxcywh",
        units="normalised",
        scores=OutputSlice((queries.logits.name,), columns),
        activation="softmax",
        background="last",
        coco_gaps=True,
        single_label=True,
        nms="none",
        score_threshold=0.5,
        iou_threshold=0.5,
        ignored_outputs=queries.ignored_outputs,
        plausible=queries.plausible,
        priority=1 if queries.has_no_object else 0,
    )


def _read_deformable_detr(queries: QueryOutputs) -> FormatReading:
    columns = queries.column_count
    is_rt_detr = columns == 80  # the others number COCO's classes with gaps, 1 to 90
    normalisation = "RT-DETR (0..1)" if is_rt_detr else "ImageNet"
    return FormatReading(
        format="deformable-detr",
        reasons=(
            f"{queries.summary}: a DETR with sigmoid scores over {counted(columns, 'class')}",
        ),
        preprocessing=STRETCHED_UNIT if is_rt_detr else _IMAGENET,
        boxes=OutputSlice((queries.boxes.name,), 4),
        coding="cxcywh",
        units="normalised",
        scores=OutputSlice((queries.logits.name,), columns),
        activation="none" if queries.logits.is_within_unit_range() else "sigmoid",
        coco_gaps=True,
        nms="none",
        score_threshold=0.5,
        iou_threshold=0.5,
        ignored_outputs=queries.ignored_outputs,
        plausible=queries.plausible,
        priority=0 if queries.has_no_object else 1,
        notes=(f"normalised as {normalisation}; --mean and --std say otherwise",),
    )


DETR = Format(
    "detr",
    "logits [1, N, C + 1] with no-object (softmax), pred_boxes cxcywh 0..1; ImageNet",
    {QueryOutputs: _read_detr},
)
DEFORMABLE_DETR = Format(
    "deformable-detr",
    "the same with C columns (sigmoid): Deformable DETR, RT-DETR of Hugging Face, RF-DETR",
    {QueryOutputs: _read_deformable_detr},
)
