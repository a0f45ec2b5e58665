"""COCO's average precision, against an example worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handler.detection.detections import Detections
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate.average_precision import compute_average_precision
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture


def test_figures_by_class_and_size_by_hand() -> None:
    # A small box found, a large one missed and found by another class, whose precision that costs.
    classes = ("cell", "grain")
    boxes = np.array([[0, 0, 20, 20], [0, 0, 99, 99]], np.float64)
    ground_truth = LabelledPicture(Path("p.png"), boxes, ("cell", "grain"))
    predictions = Detections(
        np.array([[0, 0, 99, 99], [0, 0, 20, 20]], np.float32),
        np.array([0.9, 0.8], np.float32),
        np.array([0, 0], np.int64),
    )
    precision = compute_average_precision(
        [EvaluatedPicture(ground_truth, predictions, 100, 100)], classes
    )
    assert precision.by_class["cell"] == pytest.approx((0.5, 0.5))
    assert precision.by_class["grain"] == (0.0, 0.0)
    assert precision.ap == pytest.approx(0.25) and precision.ap75 == pytest.approx(0.25)
    assert precision.by_size["medium"] is None and precision.by_size["large"] == 0.0
    assert precision.by_size["small"] == pytest.approx(1.0)  # COCO leaves what matches no size out
