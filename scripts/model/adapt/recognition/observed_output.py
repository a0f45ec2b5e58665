"""One output of a graph on trial pictures: its shape, and what its values can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ObservedOutput:
    """samples: the output's array on each trial picture."""

    name: str
    samples: tuple[np.ndarray, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.samples[0].dtype} {list(self.shape)}"

    @property
    def lower_name(self) -> str:
        return self.name.lower()

    @property
    def shape(self) -> tuple[int, ...]:
        """The largest sample's."""
        return max((array.shape for array in self.samples), key=lambda shape: int(np.prod(shape)))

    @property
    def is_integer(self) -> bool:
        """Whether the dtype is an integer's."""
        return bool(np.issubdtype(self.samples[0].dtype, np.integer))

    @property
    def is_scalar(self) -> bool:
        return self.samples[0].size == 1

    @property
    def table_shape(self) -> tuple[int, int] | None:
        """(rows, columns) of a table, which may have a batch of 1 around it; None for no table."""
        shape = self.shape
        if len(shape) == 2:
            return shape[0], shape[1]
        if len(shape) == 3 and shape[0] == 1:
            return shape[1], shape[2]
        if len(shape) == 4 and shape[0] == 1 and 1 in shape[1:3]:
            rows = shape[2] if shape[1] == 1 else shape[1]
            return rows, shape[3]
        return None

    @property
    def vector_length(self) -> int | None:
        """The length of a vector, which may have a batch of 1 around it; None for no vector."""
        shape = self.shape
        if len(shape) == 1:
            return shape[0]
        if len(shape) == 2 and shape[0] == 1:
            return shape[1]
        if len(shape) == 3 and shape[0] == 1 and shape[2] == 1:
            return shape[1]
        if len(shape) == 2 and shape[1] == 1:
            return shape[0]
        return None

    def finite_values(self, first: int = 0, last: int | None = None) -> NDArray[np.float64]:
        """All finite values of columns `first` to `last` (exclusive), flat."""
        columns = [np.asarray(array, np.float64)[..., first:last].ravel() for array in self.samples]
        values = np.concatenate(columns)
        return values[np.isfinite(values)]

    def is_within_unit_range(self, first: int = 0, last: int | None = None) -> bool:
        """Whether there are values, all in 0..1, as probabilities are."""
        values = self.finite_values(first, last)
        return bool(values.size) and bool(np.all(values >= -1e-3) and np.all(values <= 1 + 1e-3))

    def holds_labels(self, column: int) -> bool:
        """Whether a column has only whole numbers, or no row at all."""
        values = self.finite_values(column, column + 1)
        return bool(np.all(values == np.round(values)))

    def boxes(self) -> NDArray[np.float64]:
        """The first four columns of all rows that are not padding: all 0, or all -1."""
        rows = [
            np.asarray(array, np.float64).reshape(-1, array.shape[-1])[:, :4]
            for array in self.samples
            if array.size
        ]
        boxes = np.concatenate(rows) if rows else np.zeros((0, 4))
        is_padding = (boxes == 0).all(1) | (boxes == -1).all(1)
        return boxes[~is_padding & np.isfinite(boxes).all(1)]

    def has_ordered_corners(self) -> bool | None:
        """Whether nearly all boxes have x0 <= x1 and y0 <= y1, as xyxy has; None without boxes."""
        boxes = self.boxes()
        if not len(boxes):
            return None
        ordered = (boxes[:, 0] <= boxes[:, 2]) & (boxes[:, 1] <= boxes[:, 3])
        return bool(np.mean(ordered) > 0.95)

    def has_normalised_boxes(self) -> bool | None:
        """Whether boxes are in 0..1 rather than px: none reaches beyond the picture by the
        picture's own size; None without boxes."""
        boxes = self.boxes()
        return bool(np.quantile(np.abs(boxes), 0.99) <= 2.0) if len(boxes) else None
