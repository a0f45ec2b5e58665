"""Peers' boxes are held to Icebox's own, and to labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.bench.peers.accuracy import compare, find_reference, measure_accuracy
from scripts.bench.peers.dialects import Found
from scripts.bench.peers.result import FLOAT_BUNDLE, Agreement
from scripts.model.dataset import LabelledPicture
from scripts.paths import SAMPLE
from tests.docs.pages import sample_count


def found(*boxes: tuple[float, float, float, float]) -> Found:
    labels = ("cell",) * len(boxes)
    return Found(len(boxes), np.array(boxes, float).reshape(-1, 4), (0.9,) * len(boxes), labels)


A, B, C = (0, 0, 10, 10), (20, 20, 40, 40), (50, 0, 60, 10)


def test_boxes_are_alike_that_overlap_by_half() -> None:
    assert compare(found(A, B), found(A, B)) == Agreement(2, 2, 1.0)
    # IoU of (0, 0, 10, 10) and (0, 0, 10, 5) is 0.5; C is nowhere in the other
    assert compare(found((0, 0, 10, 5), C), found(A, B)) == Agreement(2, 2, 0.5)
    assert compare(found(), found()) == Agreement(0, 0, 1.0)
    assert compare(found(), found(A)) == Agreement(0, 1, 0.0)


@pytest.mark.parametrize(("count", "alike"), [(100, True), (90, True), (89, False), (111, False)])
def test_a_count_may_differ_by_a_tenth(count: int, alike: bool) -> None:
    assert Agreement(count, 100, 1.0).is_alike is alike


def test_accuracy_is_of_all_boxes_and_the_count_of_each_picture() -> None:
    pictures = [
        LabelledPicture(Path("1.jpg"), np.array([A, B], float), ("cell", "cell")),
        LabelledPicture(Path("2.jpg"), np.array([C], float), ("cell",)),
    ]
    # 3 boxes match of 3 labelled and 4 predicted; counts are 2 of 2, and 2 instead of 1
    accuracy = measure_accuracy([found(A, B), found(C, A)], pictures)
    assert (accuracy.pictures, accuracy.f1, accuracy.count_error) == (2, 6 / 7, 0.5)


def test_the_reference_is_what_the_float_model_finds_on_the_sample() -> None:
    reference = find_reference(FLOAT_BUNDLE, SAMPLE.read_bytes())
    assert reference.count == len(reference.boxes) == sample_count()
    assert list(reference.scores) == sorted(reference.scores, reverse=True)
