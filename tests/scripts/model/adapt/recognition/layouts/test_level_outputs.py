"""Levels are found by the input's size and the outputs' shapes, in whatever form these are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scripts.model.adapt.loading.foreign_model import load_foreign_model
from scripts.model.adapt.recognition.layouts.level_outputs import LevelOutputs, find_level_outputs
from scripts.model.adapt.recognition.observed_model import ObservedModel
from tests.scripts.model.adapt.foreign_graphs import make_model, save

Shape = tuple[int, ...]
FORMS: dict[str, Callable[[int, int, int], Shape]] = {
    "maps": lambda rows, columns, count: (1, count, rows, columns),
    "channels-last": lambda rows, columns, count: (1, rows, columns, count),
    "rows": lambda rows, columns, count: (1, rows * columns, count),
    "vectors": lambda rows, columns, count: (
        (1, rows * columns) if count == 1 else (1, rows * columns, count)
    ),
    "columns": lambda rows, columns, count: (1, count, rows * columns),
}


def find(folder: Path, shapes: list[Shape], size: tuple[int, int]) -> LevelOutputs | None:
    rng = np.random.default_rng(0)
    outputs = {
        f"out{number}": rng.normal(0, 1, shape).astype("f4") for number, shape in enumerate(shapes)
    }
    model = make_model(outputs, shape=(1, 3, size[1], size[0]))
    return find_level_outputs(ObservedModel(load_foreign_model(save(model, folder))))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_its_levels(form: str, tmp_path: Path) -> None:
    cells = [(12, 20), (6, 10), (3, 5)]
    shapes = [FORMS[form](rows, columns, count) for count in (1, 4) for rows, columns in cells]
    found = find(tmp_path, shapes[::-1], (160, 96))  # from coarse to fine, boxes first
    assert found is not None and found.form == form
    assert found.levels == ((8, 20, 12), (16, 10, 6), (32, 5, 3))
    scores, boxes = found.parts if found.parts[0].columns == 1 else found.parts[::-1]
    assert (scores.names, boxes.names) == (("out5", "out4", "out3"), ("out2", "out1", "out0"))
    assert not found.are_level_by_level


def test_odd_sizes_are_rounded_up_or_down_but_alike(tmp_path: Path) -> None:
    up, down = [(10, 13), (5, 7), (3, 4)], [(9, 12), (4, 6), (2, 3)]
    for cells in (up, down):
        found = find(tmp_path, [(1, 7, *level) for level in cells], (100, 76))
        assert found is not None
        assert [(level.rows, level.columns) for level in found.levels] == cells
    assert find(tmp_path, [(1, 7, *level) for level in (up[0], down[1], up[2])], (100, 76)) is None


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 7, 12, 16)],  # one level
        [(1, 7, 12, 16), (1, 7, 3, 4)],  # stride 16 is missing
        [(1, 7, 12, 16), (1, 8, 6, 8), (1, 7, 3, 4)],  # columns of its own
        [(1, 7, 12, 16), (1, 7, 6, 8), (1, 7, 3, 4), (1, 5)],  # another output
        [(1, 7, 16, 12), (1, 7, 8, 6), (1, 7, 4, 3)],  # of a picture on its side
    ],
)
def test_other_shapes_are_no_levels(shapes: list[Shape], tmp_path: Path) -> None:
    assert find(tmp_path, shapes, (128, 96)) is None


def test_several_boxes_in_a_cell(tmp_path: Path) -> None:
    rows = find(tmp_path, [(n * 2, k) for k in (1, 4) for n in (192, 48, 12)], (128, 96))
    assert rows is not None and rows.boxes_per_cell == 2
    assert rows.with_boxes_per_cell(1) is None and rows.with_boxes_per_cell(2) is rows
    maps = find(tmp_path, [(1, k, 96 // s, 128 // s) for k in (2, 8) for s in (8, 16, 32)],
                (128, 96))  # fmt: skip
    assert maps is not None and maps.boxes_per_cell is None
    halves = maps.with_boxes_per_cell(2)
    assert halves is not None and [part.columns for part in halves.parts] == [1, 4]
    assert maps.with_boxes_per_cell(3) is None
