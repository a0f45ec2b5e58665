"""Networks of oriented boxes: an angle behind the scores of a table, or in a detection's row."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.other_tasks.tables import are_whole, find_probable_columns, stack_tables
from scripts.model.adapt.other_tasks.task import ANGLES_INSTEAD, OtherTask
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_ANGLES = (-math.pi / 4 - 1e-3, 3 * math.pi / 4 + 1e-3)  # ultralytics' (sigmoid - 1/4) π


def find_task_of_angles(foreign: ForeignModel) -> OtherTask | None:
    for output in foreign.outputs:
        for table in stack_tables(output, foreign.image):
            if _ends_in_angle(table) or _is_turned_row(table):
                return OtherTask(
                    "a network of oriented boxes",
                    f"the last column of {output.name} {list(output.shape)} is an angle",
                    ANGLES_INSTEAD,
                )
        if _is_turned_box_and_label(output, foreign.outputs):
            return OtherTask(
                "a network of oriented boxes",
                f"the fifth column of {output.name} {list(output.shape)} is an angle",
                ANGLES_INSTEAD,
            )
    return None


def _ends_in_angle(table: NDArray[np.float64]) -> bool:
    """cxcywh, scores, angle: before NMS."""
    if table.shape[1] < 6:
        return False
    probable, last = find_probable_columns(table), table[:, -1]
    if not probable[4:-1].all() or np.all(table[:, :4] <= 2) or are_whole(last):
        return False
    is_in_range = bool(np.all((last >= _ANGLES[0]) & (last <= _ANGLES[1])))
    if not is_in_range:
        return False
    if not probable[-1]:
        return True
    # Angles of about π/4 everywhere lie in 0..1, as no class of a detector is everywhere.
    others = np.median(table[:, 4:-1], axis=0)
    return bool(np.quantile(last, 0.05) > 0.2 and np.all(others < 0.1))


def _is_turned_row(table: NDArray[np.float64]) -> bool:
    """cxcywh, score, label, angle: after NMS."""
    if table.shape[1] != 7:
        return False
    score, label, angle = table[:, 4], table[:, 5], table[:, 6]
    return bool(
        np.all((score >= 0) & (score <= 1))
        and are_whole(label)
        and np.all(np.abs(angle) <= math.pi)
        and not are_whole(angle)
        and np.any(table[:, :4] > 2)
    )


def _is_turned_box_and_label(output: ObservedOutput, outputs: tuple[ObservedOutput, ...]) -> bool:
    """cxcywh, angle, score, and labels beside: mmrotate by mmdeploy."""
    table = output.table_shape
    if table is None or table[1] != 6 or table[0] == 0:
        return False
    if not any(o.is_integer and o.vector_length == table[0] for o in outputs if o is not output):
        return False
    rows = np.concatenate([np.asarray(a, np.float64).reshape(-1, 6) for a in output.samples])
    rows = rows[rows[:, 5] > 0]
    angle = rows[:, 4]
    return bool(
        len(rows)
        and np.all(rows[:, 5] <= 1)
        and np.all(np.abs(angle) <= math.pi)
        and np.any((angle < 0) | (angle > 1))
        and np.any(rows[:, :4] > 2)
    )
