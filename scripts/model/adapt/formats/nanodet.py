"""NanoDet: class scores and distributions over distances, joined or as outputs of each stride."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.preprocessing import (
    BLACK,
    MMDET_BGR_MEAN,
    MMDET_BGR_STD,
    Preprocessing,
)
from scripts.model.adapt.reading import CellCentre, FormatReading, Level, OutputSlice
from scripts.model.adapt.recognition.layouts import PredictionTable
from scripts.model.adapt.recognition.observed_model import ObservedModel, join_values
from scripts.model.adapt.recognition.observed_output import ObservedOutput

PREPROCESSING = Preprocessing(
    "bgr", 255, MMDET_BGR_MEAN, MMDET_BGR_STD, "stretch", BLACK, "opencv-linear"
)
_BINS = 32  # of the joined output: 8 for each of a box's four sides
_DISTANCE_NAMES = r"dis|reg|box|bbox"


@dataclass(frozen=True, eq=False)
class StrideOutputs:
    """For each level of the pyramid an output of class scores and one of distances in bins."""

    levels: tuple[Level, ...]
    class_outputs: tuple[ObservedOutput, ...]
    distance_outputs: tuple[ObservedOutput, ...]
    class_columns: int
    distance_columns: int


def find_stride_outputs(model: ObservedModel) -> StrideOutputs | None:
    tables = {o.name: (o, t) for o in model.outputs if (t := o.table_shape) is not None}
    if len(tables) < 4 or len(tables) % 2:
        return None
    by_cell_count: dict[int, list[ObservedOutput]] = {}
    for output, (cell_count, _) in tables.values():
        by_cell_count.setdefault(cell_count, []).append(output)
    pairs = sorted(by_cell_count.items(), key=lambda item: -item[0])
    if any(len(outputs) != 2 for _, outputs in pairs):
        return None
    ordered = [_classes_before_distances(outputs) for _, outputs in pairs]
    class_outputs = tuple(classes for classes, _ in ordered)
    distance_outputs = tuple(distances for _, distances in ordered)
    column_counts = {name: table[1] for name, (_, table) in tables.items()}
    distance_columns = column_counts[distance_outputs[0].name]
    if distance_columns % 4 or any(
        column_counts[output.name] != distance_columns for output in distance_outputs
    ):
        return None
    pixels = model.foreign.image.width * model.foreign.image.height
    levels = model.levels([round((pixels / cell_count) ** 0.5) for cell_count, _ in pairs])
    if any(
        level.columns * level.rows != cell_count
        for level, (cell_count, _) in zip(levels, pairs, strict=True)
    ):
        return None
    return StrideOutputs(
        levels,
        class_outputs,
        distance_outputs,
        column_counts[class_outputs[0].name],
        distance_columns,
    )


def _classes_before_distances(
    pair: list[ObservedOutput],
) -> tuple[ObservedOutput, ObservedOutput]:
    first, second = sorted(pair, key=lambda o: bool(re.search(_DISTANCE_NAMES, o.name)))
    if not re.search(_DISTANCE_NAMES, second.lower_name):
        first, second = sorted(pair, key=lambda o: not o.is_within_unit_range())
    return first, second


def _read_stride_outputs(outputs: StrideOutputs) -> FormatReading:
    levels, width = outputs.levels, outputs.distance_columns
    is_official = all("stride" in output.name for output in outputs.class_outputs)
    probable = all(output.is_within_unit_range() for output in outputs.class_outputs)
    centre: CellCentre = "middle" if is_official or len(levels) < 4 else "opencv"
    return FormatReading(
        format="nanodet",
        reasons=(
            f"outputs in pairs of {outputs.class_columns} and {width} = 4 × {width // 4} columns "
            f"at strides {join_values([level.stride for level in levels])}: "
            "classes and distributions, NanoDet",
        ),
        preprocessing=PREPROCESSING,
        boxes=OutputSlice(tuple(output.name for output in outputs.distance_outputs), width),
        coding="distribution",
        scores=OutputSlice(
            tuple(output.name for output in outputs.class_outputs), outputs.class_columns
        ),
        activation="none" if probable else "sigmoid",
        levels=levels,
        clips_boxes=True,
        cell_centre=centre,
        score_threshold=0.35,
        iou_threshold=0.6,
        notes=(f"cell centres: {centre} (--cell-centre)",),
    )


def _read_joined_table(table: PredictionTable) -> FormatReading | None:
    grid, output = table.grid, table.output
    class_columns = table.table.width - _BINS
    if grid is None or not table.by_row or grid.boxes_per_cell != 1 or class_columns < 1:
        return None
    probable = output.is_within_unit_range(0, class_columns)
    are_bins = not output.is_within_unit_range(class_columns, table.table.width)
    return FormatReading(
        format="nanodet",
        reasons=(
            f"{table.summary}: {grid.summary} × ({class_columns} classes + 4 × 8 bins): NanoDet",
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
        priority=1 if (probable and are_bins) or table.model.class_count == class_columns else 0,
    )


NANODET = Format(
    "nanodet",
    "class scores and distributions over bins, joined or an output a stride",
    {StrideOutputs: _read_stride_outputs, PredictionTable: _read_joined_table},
)
