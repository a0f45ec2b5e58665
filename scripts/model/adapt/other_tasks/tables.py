"""A detector's outputs as tables of rows, and which of their columns look like scores or labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.recognition.observed_output import ObservedOutput


def list_cell_counts(image: ImageInput) -> set[int]:
    """How many boxes a head has that are not through NMS: 1 or 3 a cell."""
    return {
        boxes * sum(-(-image.width // s) * -(-image.height // s) for s in strides)
        for strides in ((8, 16, 32), (8, 16, 32, 64), (16, 32))
        for boxes in (1, 3)
    }


def stack_tables(output: ObservedOutput, image: ImageInput) -> Iterator[NDArray[np.float64]]:
    """The samples stacked as one table with a box a row, without padding; none of less columns
    than a box with score and label has."""
    shape = output.table_shape
    if shape is None or min(shape) < 6:
        return
    rows, columns = shape
    cells = list_cell_counts(image)
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


def find_probable_columns(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which columns lie in 0..1, as scores do."""
    return np.all((table >= -1e-3) & (table <= 1 + 1e-3), axis=0)


def are_whole(values: NDArray[np.float64]) -> bool:
    """Whether all are whole numbers, as labels are."""
    return bool(np.all(values == np.round(values)))


def is_for_each_row(output: ObservedOutput, outputs: tuple[ObservedOutput, ...]) -> bool:
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
