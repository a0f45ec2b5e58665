"""From an encoded picture to a prediction, with a real session on real pixels."""

from __future__ import annotations

from pathlib import Path

import pytest

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.problems import TooManyPixels, UnsupportedImage
from tests.support.pictures import RED_AND_GREEN, jpeg, png

THRESHOLDS = Thresholds(0.5, 0.5, 100)


@pytest.fixture(scope="module")
def detector(tiny_bundle: Path) -> Detector:
    return Detector.load(load_bundle(tiny_bundle), threads=1)


def test_no_bytes_are_no_picture(detector: Detector) -> None:
    with pytest.raises(UnsupportedImage):
        predict(PredictRequest(b"", THRESHOLDS), detector=detector, max_pixels=10**6)


def test_too_many_pixels_are_refused(detector: Detector) -> None:
    with pytest.raises(TooManyPixels):
        predict(
            PredictRequest(png(RED_AND_GREEN), THRESHOLDS),
            detector=detector,
            max_pixels=640 * 640 - 1,
        )


@pytest.mark.parametrize("image_bytes", [jpeg(RED_AND_GREEN), png(RED_AND_GREEN)])
def test_a_picture_is_counted(detector: Detector, image_bytes: bytes) -> None:
    prediction = predict(
        PredictRequest(image_bytes, THRESHOLDS), detector=detector, max_pixels=640 * 640
    )
    assert prediction.counts() == {"red": 1, "green": 2}
    assert len(prediction.detections) == 3
    assert (prediction.picture.width, prediction.picture.height) == (640, 640)


def test_nothing_found_counts_zero_of_each(detector: Detector) -> None:
    prediction = predict(PredictRequest(jpeg([]), THRESHOLDS), detector=detector, max_pixels=10**6)
    assert prediction.counts() == {"red": 0, "green": 0}
