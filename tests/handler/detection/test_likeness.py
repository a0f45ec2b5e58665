"""Which picture is like those that counts were calibrated on, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.bundle.manifest import DefaultThresholds, PictureRanges
from handler.detection.detections import Detections
from handler.detection.likeness import find_difference, measure_features
from handler.images.statistics import LightSample
from tests.handler.detection.test_count_interval import FEATURES

OWN = DefaultThresholds(score=0.5, iou=0.5, max_detections=4, score_floor=0.1)
LIGHT = LightSample(0.5, 0.2, 0.01)
RANGES = PictureRanges(
    brightness=(0.4, 0.6),
    contrast=(0.2, 0.4),
    sharpness=(0.02, 0.04),
    object_px=(24.0, 32.0),
    near_miss_share=(0.3, 0.9),
    count=(5.0, 120.0),
)
LIKE = replace(FEATURES, count=60)


def candidates(scores: list[float]) -> Detections:
    """Squares of 10, 20, 30 … px."""
    sides = 10.0 * np.arange(1, len(scores) + 1)
    boxes = np.stack([0 * sides, 0 * sides, sides, sides], 1).astype(np.float32)
    return Detections(boxes, np.float32(scores), np.zeros(len(scores), np.int64))


def test_features_are_those_at_the_models_own_thresholds() -> None:
    # Half the way from 0.5 to 0.1 is 0.2: what lies within 0.3 to 0.7 is doubtful.
    made = measure_features(candidates([0.9, 0.65, 0.55, 0.45, 0.2, 0.1]), LIGHT, OWN)
    assert (made.count, made.doubtful) == (3, 3)
    assert made.near_miss_share == 2 / 5  # 0.1 is not above the floor
    assert made.object_px == 20  # the median of the three
    assert (made.brightness, made.contrast, made.sharpness) == LIGHT


def test_features_of_many_and_of_none_are_well_defined() -> None:
    made = measure_features(candidates([0.9] * 7), LIGHT, OWN)
    assert (made.count, made.near_miss_share, made.object_px) == (4, 0, 25)  # at most four
    made = measure_features(candidates([]), LIGHT, OWN)
    assert (made.count, made.doubtful, made.near_miss_share, made.object_px) == (0, 0, 0, None)
    above = OWN._replace(score_floor=0.8)  # nothing is recorded as a near miss
    assert measure_features(candidates([0.9, 0.5]), LIGHT, above).doubtful == 0


@given(st.lists(st.floats(0, 1, width=32)), st.floats(0, 1, width=32))
def test_one_more_near_miss_is_never_less_doubt(scores: list[float], another: float) -> None:
    before = measure_features(candidates(sorted(scores, reverse=True)), LIGHT, OWN)
    after = measure_features(candidates(sorted([*scores, another], reverse=True)), LIGHT, OWN)
    assert before.doubtful <= after.doubtful <= before.doubtful + 1


@pytest.mark.parametrize(
    ("changed", "phrase"),
    [
        ({"brightness": 0.21}, "the picture is darker than those it was calibrated on "
         "(brightness 21.0%, there 40.0% to 60.0%)"),
        ({"brightness": 0.7}, "the picture is brighter than those"),
        ({"contrast": 0.1}, "the picture has less contrast than those"),
        ({"contrast": 0.5}, "the picture has more contrast than those"),
        ({"sharpness": 0.01}, "the picture is less sharp than those"),
        ({"sharpness": 0.05}, "the picture is sharper or noisier than those"),
        ({"object_px": 12.0}, "the objects are smaller than those it was calibrated on "
         "(px in the model's input 12.0, there 24.0 to 32.0)"),
        ({"object_px": 50.0}, "the objects are larger than those"),
        ({"near_miss_share": 0.1}, "the picture has fewer near misses than those"),
        ({"near_miss_share": 0.95}, "the picture has more near misses than those"),
        ({"count": 2}, "the picture has fewer objects"),
        ({"count": 200}, "the picture has more objects than those it was calibrated on "
         "(count 200, there 5 to 120)"),
        ({"count": 0, "object_px": None}, "nothing was found"),
    ],
)  # fmt: skip
def test_each_difference_has_words_and_numbers(changed: dict[str, float], phrase: str) -> None:
    said = find_difference(replace(LIKE, **changed), RANGES)
    assert said and said.startswith(phrase)


def test_a_picture_like_them_up_to_the_ends_of_the_ranges_has_none() -> None:
    assert find_difference(LIKE, RANGES) is None
    for name, limits in RANGES._asdict().items():
        for limit in limits:
            assert find_difference(replace(LIKE, **{name: limit}), RANGES) is None
