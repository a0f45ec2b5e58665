"""Heads before decoding whose levels are outputs of their own: class scores, boxes and others.

The levels follow from the input's size and the outputs' shapes alone. A head is found only where
every output of the graph is a level's, every level has the same kinds of output, and the strides
double from level to level; names play no part.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.reading import Level, OutputSlice
from scripts.model.adapt.recognition.observed_model import ObservedModel, join_values
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_FINEST_STRIDES = (8, 4, 16)
_LOGITS_ABOVE_0 = 0.3
# How a level's numbers lie: [1, c, H, W], [1, H, W, c], [1, A, c] or [A, c], the same but [1, A]
# for one column, and [1, c, A].
Form = Literal["maps", "channels-last", "rows", "vectors", "columns"]


@dataclass(frozen=True, eq=False)
class LevelPart:
    """One kind of output, once for each level, the finest first.

    columns: numbers for each box. tables: how many boxes' columns lie side by side. position: of
    its finest level among the model's outputs.
    """

    outputs: tuple[ObservedOutput, ...]
    columns: int
    layout: Literal["rows", "columns"]
    position: int
    tables: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(output.name for output in self.outputs)

    def slice(self, first: int = 0, last: int | None = None) -> OutputSlice:
        return OutputSlice(
            self.names, self.columns, self.layout, first, last, tables_per_row=self.tables
        )

    def level_values(self, first: int = 0, last: int | None = None) -> list[NDArray[np.float64]]:
        """For each level [n, columns]: columns `first` to `last` of all boxes of all samples."""
        return [
            np.concatenate([self._rows(array)[:, first:last] for array in output.samples])
            for output in self.outputs
        ]

    def _rows(self, array: np.ndarray) -> NDArray[np.float64]:
        width = self.columns * self.tables
        values = np.asarray(array, np.float64)
        if self.layout == "columns":
            values = values.reshape(width, -1).T
        return values.reshape(-1, self.columns)

    def share_above(self, limit: float) -> float:
        """The share of values above `limit`."""
        values = np.concatenate([array.ravel() for array in self.level_values()])
        return float(np.mean(values > limit)) if values.size else 0.0

    def is_probable(self, first: int = 0, last: int | None = None) -> bool:
        """Whether all values are in 0..1, as probabilities are."""
        values = np.concatenate([array.ravel() for array in self.level_values(first, last)])
        values = values[np.isfinite(values)]
        return bool(values.size) and bool(np.all((values >= -1e-3) & (values <= 1 + 1e-3)))


@dataclass(frozen=True, eq=False)
class LevelOutputs:
    """boxes_per_cell: None where maps leave it open, and columns are those of a whole cell. parts:
    in the order of the outputs."""

    model: ObservedModel
    levels: tuple[Level, ...]
    parts: tuple[LevelPart, ...]
    form: Form
    boxes_per_cell: int | None

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(level.stride for level in self.levels)

    @property
    def summary(self) -> str:
        """The outputs and their levels in words."""
        columns = " + ".join(str(part.columns * part.tables) for part in self.parts)
        boxes = f", {self.boxes_per_cell} boxes a cell" if (self.boxes_per_cell or 1) > 1 else ""
        cells = ", ".join(f"{level.rows}×{level.columns}" for level in self.levels)
        return (
            f"{len(self.parts) * len(self.levels)} outputs of {columns} columns for {cells} cells "
            f"(strides {join_values(self.strides)}{boxes})"
        )

    @property
    def are_level_by_level(self) -> bool:
        """Whether a level's outputs follow each other, rather than those of a kind."""
        positions = [part.position for part in self.parts]
        return max(positions) - min(positions) == len(positions) - 1

    def with_boxes_per_cell(self, count: int) -> LevelOutputs | None:
        """The same with the columns of one of a cell's `count` boxes; None where that cannot be."""
        if self.boxes_per_cell is not None:
            return self if self.boxes_per_cell == count else None
        if any(part.columns % count for part in self.parts):
            return None
        parts = tuple(
            dataclasses.replace(part, columns=part.columns // count, tables=count)
            for part in self.parts
        )
        return dataclasses.replace(self, parts=parts, boxes_per_cell=count)

    def find_parts(self, *columns: int) -> tuple[LevelPart, ...] | None:
        """The parts of these columns, in this order; None where there are others, or too few."""
        if sorted(columns) != sorted(part.columns for part in self.parts):
            return None
        rest, found = list(self.parts), []
        for count in columns:
            part = next(part for part in rest if part.columns == count)
            rest.remove(part)
            found.append(part)
        return tuple(found)

    def find_scores_and_boxes(self) -> tuple[LevelPart, LevelPart] | None:
        """The two parts where one has 4 columns and the other has not, that one first. Of two with
        4, scores are those that are mostly below 0."""
        if len(self.parts) != 2:
            return None
        found = [
            (scores, boxes)
            for scores, boxes in (self.parts, self.parts[::-1])
            if boxes.columns == 4
        ]
        if len(found) == 2:
            found = [
                (scores, boxes)
                for scores, boxes in found
                if scores.share_above(0) < _LOGITS_ABOVE_0 < boxes.share_above(0)
            ]
        return found[0] if len(found) == 1 else None

    def find_scores_and_bins(self, bins: int) -> tuple[LevelPart, LevelPart] | None:
        """The two parts of one box a cell where one has 4 · bins columns and no probabilities, the
        other first."""
        head = self.with_boxes_per_cell(1)
        if head is None or len(head.parts) != 2:
            return None
        found = [
            (scores, distances)
            for scores, distances in (head.parts, head.parts[::-1])
            if distances.columns == 4 * bins and not distances.is_probable()
        ]
        if len(found) == 2:  # as many classes as columns of bins: only scores can be in 0..1
            found = [pair for pair in found if pair[0].is_probable()]
        return found[0] if len(found) == 1 else None


class _LevelTable(NamedTuple):
    """An output as a level's: what it has of cells, as (rows, columns) or a count, and columns."""

    output: ObservedOutput
    position: int
    cells: tuple[int, ...]
    columns: int


def find_level_outputs(model: ObservedModel) -> LevelOutputs | None:
    """The levels whose outputs are all of the model's, two or more; None where there are none."""
    forms: tuple[tuple[Form, int | None], ...] = (
        ("maps", None),
        ("channels-last", None),
        ("rows", 1),
        ("rows", 2),
        ("rows", 3),
        ("vectors", 1),
        ("vectors", 2),
        ("columns", 1),
    )
    for form, boxes_per_cell in forms:
        tables = [_as_table(form, index, o) for index, o in enumerate(model.outputs)]
        known_tables = [table for table in tables if table is not None]
        if len(known_tables) < len(tables):
            continue
        found = _match_levels(model, known_tables, boxes_per_cell or 1)
        parts = _group_parts(found[1], form) if found else None
        if found is not None and parts is not None:
            return LevelOutputs(model, found[0], parts, form, boxes_per_cell)
    return None


def _as_table(form: Form, position: int, output: ObservedOutput) -> _LevelTable | None:
    shape = output.shape
    if form in ("maps", "channels-last"):
        if len(shape) != 4 or shape[0] != 1:
            return None
        if form == "maps":
            return _LevelTable(output, position, shape[2:], shape[1])
        return _LevelTable(output, position, shape[1:3], shape[3])
    if form == "vectors" and output.vector_length == math.prod(shape):
        return _LevelTable(output, position, (math.prod(shape),), 1)
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    elif form == "columns":
        return None
    if len(shape) != 2:
        return None
    box_count, columns = shape[::-1] if form == "columns" else shape
    return _LevelTable(output, position, (box_count,), columns)


def _match_levels(
    model: ObservedModel, tables: Sequence[_LevelTable], boxes_per_cell: int
) -> tuple[tuple[Level, ...], list[list[_LevelTable]]] | None:
    """The levels, the finest first, and the tables of each."""
    by_cells: dict[tuple[int, ...], list[_LevelTable]] = {}
    for table in tables:
        by_cells.setdefault(table.cells, []).append(table)
    groups = sorted(by_cells.items(), key=lambda item: -math.prod(item[0]))
    if len(groups) < 2:
        return None
    image = model.foreign.image
    for finest in _FINEST_STRIDES:
        strides = [finest << index for index in range(len(groups))]
        # A convolution rounds a size up where its padding reaches beyond the edge, else down.
        for levels in (
            [Level(s, -(-image.width // s), -(-image.height // s)) for s in strides],
            [Level(s, image.width // s, image.height // s) for s in strides],
        ):
            shapes: list[tuple[int, ...]] = [
                (level.rows, level.columns)
                if len(cells) == 2
                else (level.rows * level.columns * boxes_per_cell,)
                for level, (cells, _) in zip(levels, groups, strict=True)
            ]
            if shapes == [cells for cells, _ in groups]:
                return tuple(levels), [level_tables for _, level_tables in groups]
    return None


def _group_parts(
    levels: Sequence[Sequence[_LevelTable]], form: Form
) -> tuple[LevelPart, ...] | None:
    """The kinds of output: those of equal columns that come at the same place in their level."""
    layout: Literal["rows", "columns"] = "columns" if form in ("maps", "columns") else "rows"
    by_kind: list[dict[tuple[int, int], _LevelTable]] = []
    for tables in levels:
        kinds: dict[tuple[int, int], _LevelTable] = {}
        for table in tables:
            earlier = sum(columns == table.columns for columns, _ in kinds)
            kinds[table.columns, earlier] = table
        by_kind.append(kinds)
    if any(kinds.keys() != by_kind[0].keys() for kinds in by_kind):
        return None
    parts = [
        LevelPart(tuple(kinds[kind].output for kinds in by_kind), kind[0], layout, table.position)
        for kind, table in by_kind[0].items()
    ]
    return tuple(sorted(parts, key=lambda part: part.position))
