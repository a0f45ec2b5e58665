"""Detectors with more than upright boxes: masks, points of a pose, an angle.

Their tables are a detector's with columns behind the class scores, which read as classes would be
junk. Values tell: points are in px, an angle is in radians, scores in 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.other_tasks.maps import find_pixel_map
from scripts.model.adapt.other_tasks.task import (
    ANGLES_INSTEAD,
    MASKS_INSTEAD,
    POINTS_INSTEAD,
    OtherTask,
)
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_MIN_PROTOTYPES = 8
_MIN_MASK_SIDE = 14
_FACE_POINTS = 5  # face detectors have five points a face; their boxes are read, others leave them
_ANGLES = (-math.pi / 4 - 1e-3, 3 * math.pi / 4 + 1e-3)  # ultralytics' (sigmoid - 1/4) π


def find_task_of_columns(foreign: ForeignModel) -> OtherTask | None:
    return _find_masks(foreign) or _find_points(foreign) or _find_angles(foreign)


def _find_masks(foreign: ForeignModel) -> OtherTask | None:
    outputs = foreign.outputs
    for output in outputs:
        prototypes = find_pixel_map(output, foreign.image)
        tables = [o.table_shape for o in outputs if o is not output]
        if (
            prototypes is not None
            and prototypes.channels >= _MIN_PROTOTYPES
            and not _has_another_level(output, outputs)
        ):
            count = prototypes.channels
            if any(
                columns == count or columns >= count + 5
                for table in tables
                if table is not None and min(table) > 0
                for columns in (table[1], *([table[0]] if table[0] < table[1] else []))
            ):
                return OtherTask(
                    "a segmentation network",
                    f"{prototypes.summary} holds {count} prototypes of masks",
                    MASKS_INSTEAD,
                )
        if _is_for_each_row(output, outputs) and _is_mask(output.shape):
            return OtherTask(
                "a segmentation network",
                f"{output.name} {list(output.shape)} is a mask for each box",
                MASKS_INSTEAD,
                _format_of_boxes(outputs),
            )
    return None


def _has_another_level(output: ObservedOutput, outputs: tuple[ObservedOutput, ...]) -> bool:
    """Whether a map of as many channels has another size: heads before decoding, as ultralytics'
    graphs may have them beside what is decoded of them."""
    return any(
        len(other.shape) == len(output.shape) == 4
        and other.shape[1] == output.shape[1]
        and other.shape[2:] != output.shape[2:]
        for other in outputs
    )


def _is_mask(shape: tuple[int, ...]) -> bool:
    """Whether it is [N, H, W], with or without a batch of 1; [1, A, C] is a table of scores."""
    without_batch = shape[1:] if shape[:1] == (1,) else shape
    return len(without_batch) >= 3 and min(shape[-2:]) >= _MIN_MASK_SIDE


def _is_for_each_row(output: ObservedOutput, outputs: tuple[ObservedOutput, ...]) -> bool:
    """Whether an output of more than two axes has an entry for each row of a table of boxes."""
    for other in outputs:
        if other is output or other.table_shape is None:
            continue
        if other.table_shape[1] not in (4, 5, 6, 7):
            continue
        if all(
            _leading(mine.shape) == _leading(theirs.shape)
            for mine, theirs in zip(output.samples, other.samples, strict=True)
        ):
            return True
    return False


def _leading(shape: tuple[int, ...]) -> int:
    """How many entries an array has, which may lie behind a batch of 1."""
    if len(shape) >= 3 and shape[0] == 1:
        return shape[1]
    return shape[0] if shape else 1


def _format_of_boxes(outputs: tuple[ObservedOutput, ...]) -> str | None:
    """torchvision's Mask R-CNN and Keypoint R-CNN have a detector's three outputs, too."""
    names = {output.lower_name for output in outputs}
    return "torchvision" if {"boxes", "labels", "scores"} <= names else None


def _find_points(foreign: ForeignModel) -> OtherTask | None:
    outputs = foreign.outputs
    for output in outputs:
        shape = output.shape
        if len(shape) in (3, 4) and shape[-1] in (2, 3) and shape[-2] >= 3:
            is_for_rows = _is_for_each_row(output, outputs) and shape[:-2] != (1,)
            if is_for_rows and shape[-2] != _FACE_POINTS:
                return OtherTask(
                    "a pose network",
                    f"{output.name} {list(shape)} has {shape[-2]} points for each box",
                    POINTS_INSTEAD,
                    _format_of_boxes(outputs),
                )
        for table in _tables(output, foreign.image):
            points = _count_points(table, foreign.image)
            if points:
                return OtherTask(
                    "a pose network",
                    f"the last columns of {output.name} {list(shape)} are {points} points in px "
                    "for each box",
                    POINTS_INSTEAD,
                )
    return None


def _count_points(table: NDArray[np.float64], image: ImageInput) -> int:
    """How many points, each with or without its visibility, are behind a table's scores."""
    width = table.shape[1]
    probable = _probable_columns(table)
    reach = 0.25 * max(image.width, image.height)
    starts = [next((c for c in range(4, width) if not probable[c]), width)]
    if width > 8 and _are_whole(table[:, 5]):  # xyxy, score, label
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


def _find_angles(foreign: ForeignModel) -> OtherTask | None:
    for output in foreign.outputs:
        for table in _tables(output, foreign.image):
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
    probable, last = _probable_columns(table), table[:, -1]
    if not probable[4:-1].all() or np.all(table[:, :4] <= 2) or _are_whole(last):
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
    rows = table[table[:, 4] > 0] if table.shape[1] == 7 else table[:0]
    if not len(rows):
        return False
    score, label, angle = rows[:, 4], rows[:, 5], rows[:, 6]
    return bool(
        np.all(score <= 1)
        and _are_whole(label)
        and np.all((angle >= -math.pi) & (angle <= math.pi))
        and not any(_are_whole(column) for column in (angle, rows[:, 0], score))
        and np.any(rows[:, :4] > 2)
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


def _are_whole(values: NDArray[np.float64]) -> bool:
    """Whether all are whole numbers, as labels are."""
    return bool(np.all(values == np.round(values)))


def _probable_columns(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which columns lie in 0..1, as scores do."""
    return np.all((table >= -1e-3) & (table <= 1 + 1e-3), axis=0)


def _tables(output: ObservedOutput, image: ImageInput) -> Iterator[NDArray[np.float64]]:
    """The samples stacked as one table with a box a row, without padding; none of less columns
    than a box with score and label has."""
    shape = output.table_shape
    if shape is None or min(shape) < 6:
        return
    rows, columns = shape
    cells = {
        boxes * sum(-(-image.width // s) * -(-image.height // s) for s in strides)
        for strides in ((8, 16, 32), (8, 16, 32, 64), (16, 32))
        for boxes in (1, 3)
    }
    arrays = [
        np.nan_to_num(np.asarray(array, np.float64)).reshape(-1, *array.shape[-2:])[-1]
        for array in output.samples
        if array.ndim >= 2 and min(array.shape[-2:]) > 0
    ]
    if not arrays:
        return
    if columns not in cells and (rows >= columns or rows in cells):
        table = np.concatenate([array for array in arrays if array.shape[1] == columns])
    else:
        table = np.concatenate([array.T for array in arrays if array.shape[0] == rows])
    table = table[table.any(1)]  # rows of zeros are padding
    if len(table):
        yield table
