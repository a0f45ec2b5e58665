"""The boxes of cells are those that a person would draw."""

from __future__ import annotations

import numpy as np

from scripts.model.render.cells import label_margin


def test_people_leave_more_room_beside_a_thin_cell() -> None:
    assert label_margin(np.array([20.0]))[0] > label_margin(np.array([150.0]))[0]
