"""Lookups in a foreign model's observed outputs: by name, and by the grid whose cells they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.reading import Level, OutputSlice
from scripts.model.adapt.recognition.file_claims import FileClaims, read_claims
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_STRIDES = [(8, 16, 32), (8, 16, 32, 64), (16, 32), (4, 8, 16, 32), (16, 32, 64)]


@dataclass(frozen=True)
class FeatureGrid:
    """The cells of a feature pyramid. summary: the sum of its cells in words."""

    levels: tuple[Level, ...]
    boxes_per_cell: int
    summary: str


@dataclass(frozen=True, eq=False)
class ObservedModel:
    foreign: ForeignModel

    @cached_property
    def claims(self) -> FileClaims:
        names = self.foreign.class_names
        return read_claims(self.foreign.metadata, len(names) if names else None)

    @property
    def outputs(self) -> tuple[ObservedOutput, ...]:
        return self.foreign.outputs

    @property
    def fixed_input_names(self) -> frozenset[str]:
        """The lower-case names of the inputs beside the picture."""
        return frozenset(name.lower() for name in self.foreign.fixed_inputs)

    @property
    def fixed_inputs_text(self) -> str:
        return join_values(sorted(self.foreign.fixed_inputs))

    def find_output(self, pattern: str) -> ObservedOutput | None:
        """The first output whose lower-case name has a match of `pattern`."""
        return next((o for o in self.outputs if re.search(pattern, o.lower_name)), None)

    def values(self, part: OutputSlice) -> list[NDArray[np.float64]]:
        """What is in a slice of the outputs, [A, columns], for each trial picture."""
        samples = {output.name: output.samples for output in self.outputs}
        pictures = zip(*(samples[name] for name in part.outputs), strict=True)
        return [
            np.concatenate([_table(array, part) for array in arrays])[:, part.first : part.last]
            for arrays in pictures
        ]

    def levels(self, strides: Sequence[int]) -> tuple[Level, ...]:
        image = self.foreign.image
        return tuple(Level(s, -(-image.width // s), -(-image.height // s)) for s in strides)

    def match_grid(self, box_count: int) -> FeatureGrid | None:
        """The grid of the input's size that has `box_count` boxes, 1 or 3 in each cell."""
        for boxes_per_cell in (1, 3):
            for strides in _STRIDES:
                levels = self.levels(strides)
                if (
                    boxes_per_cell * sum(level.columns * level.rows for level in levels)
                    != box_count
                ):
                    continue
                cells = " + ".join(f"{level.rows}×{level.columns}" for level in levels)
                total = f"{boxes_per_cell} × ({cells})" if boxes_per_cell > 1 else cells
                summary = f"{box_count} = {total} cells (strides {join_values(strides)})"
                return FeatureGrid(levels, boxes_per_cell, summary)
        return None


def _table(array: np.ndarray, part: OutputSlice) -> NDArray[np.float64]:
    values = np.asarray(array, np.float64)
    if part.layout == "columns":
        return values.reshape(part.width, -1).T
    return values.reshape(-1, part.width)


def join_values(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
