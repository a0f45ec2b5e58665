"""The figures of a signature: the same as evaluate's, which are COCO's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handler.detection.detections import Detections
from handler.records.record import Model, PredictionRecord
from scripts.model.baseline.accuracy import measure_accuracy
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate.accuracy import compute_figures
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

CLASSES = ("red", "green", "blue")


def make_record(detections: Detections, threshold: float) -> PredictionRecord:
    listing = detections.to_json(CLASSES)
    above = [each for each in listing if each["score"] > threshold]
    return PredictionRecord(
        "id", "2026-11-01T00:00:00.000Z", "baseline", Model("m", "1", ""), None,
        {"score": threshold}, len(above), None, above, listing[len(above) :], {}, False, "ok", None,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_evaluate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    records, pictures, evaluated = [], [], []
    for _ in range(15):
        count = int(rng.integers(0, 8))
        corners = rng.uniform(0, 500, (count, 2)).round()
        boxes = np.hstack([corners, corners + rng.uniform(20, 90, (count, 2)).round()])
        labels = tuple(rng.choice(CLASSES[:2], count))  # nothing is blue
        found = np.concatenate([boxes + rng.normal(0, 6, boxes.shape), rng.uniform(0, 500, (3, 4))])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 5)
        scores = np.sort(rng.uniform(0.05, 0.99, len(found)).round(4))[::-1]
        class_ids = rng.integers(0, 3, len(found))
        class_ids[:count] = [CLASSES.index(label) for label in labels]
        detections = Detections(
            found.round(2).astype(np.float32), scores.astype(np.float32), class_ids.astype(np.int64)
        )
        picture = LabelledPicture(Path(), boxes, labels, 600, 600)
        pictures.append(picture)
        records.append(make_record(detections, 0.4))
        evaluated.append(EvaluatedPicture(picture, detections, 600, 600))
    expected = compute_figures(evaluated, CLASSES, "drawn", 0.4)
    found_accuracy = measure_accuracy(records, pictures, CLASSES)
    assert found_accuracy
    for name in ("ap50", "precision", "recall", "count_bias"):
        assert getattr(found_accuracy, name) == pytest.approx(getattr(expected, name), abs=1e-9)


def test_without_predictions_or_labels() -> None:
    record = make_record(Detections.empty(), 0.4)
    nothing = LabelledPicture(Path(), np.empty((0, 4)), ())
    assert measure_accuracy([record], [nothing], CLASSES) is None
    one = LabelledPicture(Path(), np.array([[0.0, 0, 9, 9]]), ("red",))
    accuracy = measure_accuracy([record], [one], CLASSES)
    assert accuracy and (accuracy.ap50, accuracy.precision, accuracy.recall) == (0.0, 0.0, 0.0)
    assert accuracy.count_bias == -1.0
