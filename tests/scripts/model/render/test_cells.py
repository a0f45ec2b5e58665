"""The boxes of cells are those that a person would draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scripts.model.render.cells import draw_cells, label_margin
from scripts.model.render.population import Cell, choose_cells
from scripts.model.render.scene import Scene, make_scene

SIZE = 700
CELL = Cell(
    x=350, y=350, angle=0.0, length=190, slimness=9, blur=2, contrast=1, kind="cell", labelled=True
)


def test_people_leave_more_room_beside_a_thin_cell() -> None:
    assert label_margin(np.array([20.0]))[0] > label_margin(np.array([150.0]))[0]


def boxes_of(cell: Cell, hidden: np.ndarray) -> np.ndarray:
    scene = make_scene(np.random.default_rng(3), SIZE)
    light = np.full((SIZE, SIZE, 3), 200, np.float32)
    return draw_cells(scene, light, [cell], hidden=hidden)


def test_a_cell_under_the_needle_is_labelled_as_far_as_it_shows() -> None:
    hidden = np.zeros((SIZE, SIZE), bool)
    (whole,) = boxes_of(CELL, hidden)
    hidden[:, 350:] = True
    (half,) = boxes_of(CELL, hidden)
    assert whole[2] > 365 and half[2] < 360
    hidden[:, 330:] = True
    assert len(boxes_of(CELL, hidden)) == 0


def test_cells_far_out_of_focus_are_not_labelled() -> None:
    assert len(boxes_of(replace(CELL, labelled=False), np.zeros((SIZE, SIZE), bool))) == 0
    cells = [cell for seed in range(12) for cell in choose_cells(scene_of(seed))]
    assert any(cell.blur > 11 for cell in cells)
    assert not any(cell.labelled for cell in cells if cell.blur > 8.5)


def scene_of(seed: int) -> Scene:
    return make_scene(np.random.default_rng(seed), SIZE)
