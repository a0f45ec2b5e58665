"""Figures of evaluated pictures, against examples worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.model.dataset import DatasetError
from scripts.model.evaluate.accuracy import (
    compute_figures,
    compute_threshold_curves,
)
from tests.scripts.model.evaluate.evaluated_pictures import CLASSES, evaluated_picture


def test_nothing_found_in_an_empty_picture() -> None:
    figures = compute_figures([evaluated_picture([], [], [])], CLASSES, "empty", 0.5)
    assert (figures.ap50, figures.precision, figures.recall, figures.count_error) == (0, 0, 0, 0)


def test_perfect_detections() -> None:
    box = [[10, 10, 30, 40], [50, 50, 90, 60]]
    figures = compute_figures([evaluated_picture(box, box, [0.9, 0.8])], CLASSES, "perfect", 0.5)
    assert figures.ap == pytest.approx(1) and figures.ap50 == pytest.approx(1)
    assert (figures.precision, figures.recall, figures.count_error, figures.count_bias) == (
        1,
        1,
        0,
        0,
    )


def test_by_hand() -> None:
    # Two cells; one found well (IoU 1), one found by IoU 0.45, and one box on nothing, below the
    # threshold.
    picture = evaluated_picture(
        [[0, 0, 20, 20], [50, 50, 70, 70]],
        [[0, 0, 20, 20], [50, 50, 70, 59], [80, 80, 90, 90]],
        [0.9, 0.8, 0.3],
    )
    figures = compute_figures([picture], CLASSES, "hand", 0.5)
    assert (figures.precision, figures.recall, figures.count_error) == (0.5, 0.5, 0.0)
    assert figures.ap50 == pytest.approx(
        51 / 101
    )  # COCO takes 101 recalls; 51 of them lie at or below one half


def test_a_label_that_is_nearly_a_class_of_the_models_is_told() -> None:
    box = [[10.0, 10.0, 30.0, 40.0]]
    picture = evaluated_picture(box, box, [0.9], labels=["Cells"])
    with pytest.raises(DatasetError, match=r"none of the model's.*'Cells' looks like 'cell'"):
        compute_figures([picture], CLASSES, "cells", 0.5)


def test_the_curve_agrees_with_the_figures_at_each_threshold() -> None:
    rng = np.random.default_rng(3)
    truth = [[10 * i, 0, 10 * i + 8, 8] for i in range(9)]
    near = [[x0 + float(rng.integers(0, 5)), y0, x1, y1] for x0, y0, x1, y1 in truth * 2]
    scores = sorted(rng.random(18).round(3).tolist(), reverse=True)
    picture = evaluated_picture(truth, near, scores)
    curves = compute_threshold_curves([picture], CLASSES)
    for at in (0, 20, 45, 70):
        figures = compute_figures([picture], CLASSES, "hand", float(curves.thresholds[at]))
        assert curves.recall[at] == pytest.approx(figures.recall)
        assert curves.f1[at] == pytest.approx(figures.f1)
        assert curves.count_mae_by_mean[at] == pytest.approx(figures.count_mae_by_mean)
        if picture.predicted_count(float(curves.thresholds[at])):
            assert curves.precision[at] == pytest.approx(figures.precision)
