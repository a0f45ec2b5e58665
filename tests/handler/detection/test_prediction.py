"""A prediction as a value: its counts, and itself without pixels."""

from __future__ import annotations

import numpy as np

from handler.detection.detections import Detections
from handler.detection.detector import DetectorOutput, Thresholds
from handler.detection.prediction import Prediction, PredictRequest
from handler.images.picture import Picture


def make_prediction(class_ids: list[int]) -> Prediction:
    count = len(class_ids)
    detections = Detections(
        np.zeros((count, 4), np.float32), np.ones(count, np.float32), np.array(class_ids, np.int64)
    )
    pixels = np.ones((3, 2, 3), np.uint8)
    return Prediction(
        PredictRequest(b"image", Thresholds(0.5, 0.5, 100)),
        Picture(pixels, 4, 6, "JPEG", 1),
        DetectorOutput(detections, Detections.empty(), pixels, 1.0),
        ("red", "green"),
        decode_ms=2.0,
    )


def test_each_class_is_counted_in_the_models_order() -> None:
    assert make_prediction([]).counts() == {"red": 0, "green": 0}
    assert list(make_prediction([1, 0, 1]).counts().items()) == [("red", 1), ("green", 2)]


def test_without_pixels_it_is_the_same_but_for_them() -> None:
    prediction = make_prediction([1])
    small = prediction.without_pixels()
    assert small.picture.rgb.shape == (0, 0, 3)
    assert prediction.picture.rgb.shape == (3, 2, 3)
    for name in ("width", "height", "format", "orientation"):
        assert getattr(small.picture, name) == getattr(prediction.picture, name)
    for name in ("request", "output", "classes", "decode_ms", "grid"):
        assert getattr(small, name) is getattr(prediction, name)
