"""The interval of a count: golden values, and what holds whatever the picture."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from handler.bundle.files import load_bundle
from handler.bundle.manifest import CountCalibration, CountSpread
from handler.detection.count_interval import (
    CountInterval,
    at_model_thresholds,
    interval,
    scale,
)
from handler.detection.detector import Detector, Thresholds
from handler.detection.likeness import PictureFeatures
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from tests.support.paths import ROOT

CALIBRATION = CountCalibration(
    coverage=0.9,
    below=-2.0,
    above=1.5,
    pictures=100,
    dataset="plates",
    score_threshold=0.3,
    iou_threshold=0.5,
    command="evaluate",
    spread=CountSpread(base=1.0, doubtful=1.0, share=0.05),
)
FEATURES = PictureFeatures(
    count=0,
    doubtful=0,
    near_miss_share=0.5,
    object_px=27.0,
    brightness=0.5,
    contrast=0.3,
    sharpness=0.03,
)
counts = st.integers(0, 10_000)
calibrations = st.builds(
    CALIBRATION._replace,
    below=st.floats(-30, 30),
    above=st.floats(-30, 30),
    spread=st.none() | st.builds(CountSpread, st.floats(0, 10), st.floats(0, 10), st.floats(0, 1)),
)


@pytest.mark.parametrize(
    ("count", "doubtful", "made"),
    [  # by hand: 60 ± of √(1 + 15 + 9) = 5, 60 ± of √(1 + 39 + 9) = 7; √(1 + 0 + 0)
        (60, 15, (50, 67)),
        (60, 39, (46, 70)),
        (0, 0, (0, 1)),
        (0, 8, (0, 4)),
    ],
)
def test_it_is_as_wide_as_count_and_near_misses_say(
    count: int, doubtful: int, made: tuple[int, int]
) -> None:
    features = replace(FEATURES, count=count, doubtful=doubtful)
    assert interval(features, CALIBRATION) == made


def test_a_bundle_of_before_has_the_scale_that_it_was_calibrated_with() -> None:
    features = replace(FEATURES, count=99, doubtful=50)
    assert scale(features, CALIBRATION._replace(spread=None)) == 10


def test_the_default_model_has_one_for_its_own_kind_of_picture_and_none_where_it_fails() -> None:
    """Darker, defocused and far away, where the model misses more than the interval knows of."""
    bundle = load_bundle(ROOT / "handler" / "model")
    detector, own = Detector.load(bundle, threads=1), bundle.manifest.thresholds
    sample = Image.open(ROOT / "events" / "sample.jpg").convert("RGB")
    small = Image.new("RGB", sample.size, (120, 120, 120))
    small.paste(sample.resize((630, 630)), (385, 385))
    said, counts = [], []
    for image in (
        sample,
        sample.point([level * 0.4 for level in range(256)] * 3),
        sample.filter(ImageFilter.GaussianBlur(7)),
        small,
        Image.new("RGB", (640, 640)),
    ):
        stream = io.BytesIO()
        image.save(stream, "PNG")
        request = PredictRequest(
            stream.getvalue(), Thresholds(own.score, own.iou, own.max_detections)
        )
        prediction = predict(request, detector=detector, max_pixels=10**7)
        made = at_model_thresholds(prediction, bundle.manifest)
        assert made
        said.append(made.count_interval or made.no_interval)
        counts.append(made.count)
    assert isinstance(said[0], CountInterval) and bundle.manifest.count_calibration
    low, high, coverage = said[0]
    assert coverage == bundle.manifest.count_calibration.coverage
    assert 0 < low <= counts[0] <= high < 2 * low  # it says something
    darker, blurred, far, blank = said[1:]
    assert str(darker).startswith("the picture is darker than those")
    assert str(blurred).startswith(("the picture is less sharp than", "nothing was found"))
    assert str(far).startswith("the objects are smaller than those that the model was trained on")
    assert str(blank).startswith("nothing was found")


@given(counts, counts, calibrations)
def test_it_holds_the_count_and_nothing_below_zero(
    count: int, doubtful: int, calibration: CountCalibration
) -> None:
    low, high = interval(replace(FEATURES, count=count, doubtful=doubtful), calibration)
    assert 0 <= low <= count <= high


@given(counts, counts, st.integers(1, 100), calibrations)
def test_more_near_misses_never_make_it_narrower(
    count: int, doubtful: int, more: int, calibration: CountCalibration
) -> None:
    calibration = calibration._replace(below=-abs(calibration.below), above=abs(calibration.above))
    features = replace(FEATURES, count=count, doubtful=doubtful)
    low, high = interval(features, calibration)
    wider_low, wider_high = interval(replace(features, doubtful=doubtful + more), calibration)
    assert wider_low <= low and wider_high >= high
