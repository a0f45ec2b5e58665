"""Pose networks: points behind the scores of a table, or beside the boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.other_tasks.tables import (
    are_whole,
    find_probable_columns,
    is_for_each_row,
    stack_tables,
)
from scripts.model.adapt.other_tasks.task import POINTS_INSTEAD, OtherTask, format_of_boxes
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_FACE_POINTS = 5  # face detectors have five points a face; their boxes are read, others leave them


def find_task_of_points(foreign: ForeignModel) -> OtherTask | None:
    outputs = foreign.outputs
    for output in outputs:
        shape = output.shape
        if len(shape) in (3, 4) and shape[-1] in (2, 3) and shape[-2] >= 3:
            is_for_rows = is_for_each_row(output, outputs) and shape[:-2] != (1,)
            if is_for_rows and shape[-2] != _FACE_POINTS:
                return OtherTask(
                    "a pose network",
                    f"{output.name} {list(shape)} has {shape[-2]} points for each box",
                    POINTS_INSTEAD,
                    format_of_boxes(output.name for output in outputs),
                )
        if quiet := _count_points_of_padding(output):
            return OtherTask(
                "a pose network",
                f"{output.name} {list(shape)} has {quiet} times 3 columns behind box, score and "
                "label",
                POINTS_INSTEAD,
            )
        for table in stack_tables(output, foreign.image):
            points = _count_points(table, foreign.image)
            if points:
                return OtherTask(
                    "a pose network",
                    f"the last columns of {output.name} {list(shape)} are {points} points in px "
                    "for each box",
                    POINTS_INSTEAD,
                )
    return None


def _count_points_of_padding(output: ObservedOutput) -> int:
    """How many points are in rows of [1, N, 6 + 3 · points] that are all padding: the width of the
    rows is all that there is to see, and no detector has padding wider than box, score, label."""
    shape = output.shape
    is_padding = all(array.size and not array.any() for array in output.samples)
    if len(shape) != 3 or not is_padding or not shape[1] > shape[2] > 8:
        return 0
    return (shape[2] - 6) // 3 if (shape[2] - 6) % 3 == 0 else 0


def _count_points(table: NDArray[np.float64], image: ImageInput) -> int:
    """How many points, each with or without its visibility, are behind a table's scores."""
    width = table.shape[1]
    probable = find_probable_columns(table)
    reach = 0.25 * max(image.width, image.height)
    starts = [next((c for c in range(4, width) if not probable[c]), width)]
    if width > 8 and are_whole(table[:, 5]):  # xyxy, score, label
        starts.append(6)
    for start in starts:
        behind = width - start
        if start < 5 or behind < 4 or not probable[4]:
            continue
        if np.quantile(np.abs(table[:, start:]), 0.99) <= reach:
            continue
        if behind % 3 == 0 and (probable[start:] == [False, False, True] * (behind // 3)).all():
            return behind // 3
        if behind % 2 == 0 and not probable[start:].any():
            return behind // 2
    return 0
