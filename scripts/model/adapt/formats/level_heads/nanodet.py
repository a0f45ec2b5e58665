"""NanoDet: class scores and distributions over distances, joined or as outputs of each stride."""

from __future__ import annotations

import numpy as np

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import (
    BLACK,
    MMDET_BGR_MEAN,
    MMDET_BGR_STD,
    Preprocessing,
)
from scripts.model.adapt.reading import CellCentre, FormatReading
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs
from scripts.model.adapt.recognition.layouts.shared import PredictionTable
from scripts.model.plurals import counted

PREPROCESSING = Preprocessing(
    "bgr", 255, MMDET_BGR_MEAN, MMDET_BGR_STD, "stretch", BLACK, "opencv-linear"
)
_BINS = 32  # of the joined output: 8 for each of a box's four sides
_QUIET = -2.0  # the logit of 0.12: most cells have no object
_CENTRES: dict[tuple[int, ...], CellCentre] = {
    (8, 16, 32): "middle",
    (8, 16, 32, 64): "opencv",
}


def _read_stride_outputs(outputs: LevelOutputs) -> FormatReading | None:
    """NanoDet puts a cell's place in its middle; OpenCV's zoo, whose NanoDet-Plus has an output a
    stride, at (stride - 1) / 2."""
    centre = _CENTRES.get(outputs.strides)
    pair = next((p for bins in (8, 11) if (p := outputs.find_scores_and_bins(bins))), None)
    if pair is None or centre is None:
        return None
    scores, bins = pair
    probable = scores.is_probable()
    order = "stride by stride" if outputs.are_level_by_level else "all scores first"
    return FormatReading(
        format="nanodet",
        reasons=(
            f"{outputs.summary}: scores {'in 0..1' if probable else 'as logits'} and 4 × "
            f"{bins.columns // 4} bins, {order}: NanoDet",
        ),
        preprocessing=PREPROCESSING,
        boxes=bins.slice(),
        coding="distribution",
        scores=scores.slice(),
        activation="none" if probable else "sigmoid",
        levels=outputs.levels,
        cell_centre=centre,
        clips_boxes=True,
        score_threshold=0.35,
        iou_threshold=0.6,
        plausible=outputs.form in ("rows", "columns"),
        priority=1,
        notes=(
            f"cell centres: {centre} (--cell-centre)",
            *(
                ("PicoDet has the same outputs: --format picodet",)
                if len(outputs.levels) > 3
                else ()
            ),
        ),
    )


def _read_joined_table(table: PredictionTable) -> FormatReading | None:
    grid, output = table.grid, table.output
    class_columns = table.table.width - _BINS
    if grid is None or not table.by_row or grid.boxes_per_cell != 1 or class_columns < 1:
        return None
    probable = output.is_within_unit_range(0, class_columns)
    if output.is_within_unit_range(class_columns, table.table.width):
        return None  # bins before their softmax are numbers of both signs
    values = np.concatenate(table.model.values(table.slice(0, class_columns)))
    is_quiet = bool((np.median(values, axis=0) < _QUIET).all())  # YOLOv8's table begins with bins
    return FormatReading(
        format="nanodet",
        reasons=(
            f"{table.summary}: {grid.summary} × ({counted(class_columns, 'class')} + 4 × 8 bins): "
            "NanoDet",
        ),
        preprocessing=PREPROCESSING,
        boxes=table.slice(class_columns, table.table.width),
        coding="distribution",
        scores=table.slice(0, class_columns),
        activation="none" if probable else "sigmoid",
        levels=grid.levels,
        clips_boxes=True,
        cell_centre="corner" if len(grid.levels) == 4 else "middle",
        score_threshold=0.35,
        iou_threshold=0.6,
        plausible=probable or is_quiet,
        priority=1 if probable else 0,
    )


NANODET = Format(
    "nanodet",
    "class scores and distributions over bins, joined or an output a stride",
    {LevelOutputs: _read_stride_outputs, PredictionTable: _read_joined_table},
)
