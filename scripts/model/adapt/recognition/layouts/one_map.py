"""A head before decoding that is one map, of the cells of one stride."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.reading import Level, OutputSlice
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_STRIDES = (16, 32)


@dataclass(frozen=True, eq=False)
class OneMap:
    """The only output, [1, columns, rows of cells, columns of cells]."""

    output: ObservedOutput
    level: Level
    columns: int

    @property
    def summary(self) -> str:
        cells = f"{self.level.rows}×{self.level.columns} cells of stride {self.level.stride}"
        return f"{self.output.name} {list(self.output.shape)}: {cells}"

    def slice(self, first: int, last: int | None = None, *, boxes_per_cell: int = 1) -> OutputSlice:
        """Columns of a cell, or of each of its boxes, which lie side by side."""
        width = self.columns // boxes_per_cell
        return OutputSlice(
            (self.output.name,), width, "columns", first, last, tables_per_row=boxes_per_cell
        )

    def values(self, first: int = 0, last: int | None = None) -> NDArray[np.float64]:
        """[pictures, columns, cells]."""
        maps = [np.asarray(array, np.float64)[0] for array in self.output.samples]
        return np.stack([each.reshape(self.columns, -1)[first:last] for each in maps])


def find_one_map(model: ObservedModel) -> OneMap | None:
    shape = model.outputs[0].shape if len(model.outputs) == 1 else ()
    if len(shape) != 4 or shape[0] != 1:
        return None
    for level in model.levels(_STRIDES):
        if shape[2:] == (level.rows, level.columns):
            return OneMap(model.outputs[0], level, shape[1])
    return None
