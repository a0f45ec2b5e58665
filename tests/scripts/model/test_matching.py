"""Predictions match ground truth one to one."""

from __future__ import annotations

from scripts.model.matching import count_matches
from tests.scripts.model.evaluate.evaluated_pictures import CLASSES, evaluated_picture


def test_a_box_is_taken_once() -> None:
    picture = evaluated_picture([[0, 0, 20, 20]], [[0, 0, 20, 20], [1, 0, 20, 20]], [0.9, 0.8])
    assert count_matches(picture.predictions, picture.ground_truth, CLASSES) == 1
