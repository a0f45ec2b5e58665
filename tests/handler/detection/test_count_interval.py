"""The interval of a count: golden values, and what holds whatever the picture."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.bundle.manifest import CountCalibration, CountSpread
from handler.detection.count_interval import interval, scale
from handler.detection.likeness import PictureFeatures

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
