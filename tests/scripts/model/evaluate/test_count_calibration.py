"""The interval of a count holds as often as it says, on pictures that it was not made from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from handler.bundle.manifest import CountCalibration
from handler.detection import count_interval
from handler.detection.likeness import PictureFeatures
from scripts.model.evaluate.count_calibration import (
    MARGIN,
    CountedPicture,
    Coverage,
    calibrate_count_interval,
    describe_coverage,
    leave_each_out,
    measure_coverage,
)
from scripts.tool import ToolError

MEASURED_ON = {
    "dataset": "trays",
    "score_threshold": 0.5,
    "iou_threshold": 0.5,
    "command": "evaluate",
}
FEATURES = PictureFeatures(
    count=0,
    doubtful=0,
    near_miss_share=0.5,
    object_px=27.0,
    brightness=0.5,
    contrast=0.3,
    sharpness=0.03,
)


def counted(found: int, true: int, doubtful: int = 0, **other: float) -> CountedPicture:
    return CountedPicture(replace(FEATURES, count=found, doubtful=doubtful, **other), true)


def pictures(rng: np.random.Generator, number: int) -> list[CountedPicture]:
    """Of a detector that decides most of a picture's doubtful candidates by the toss of a coin."""
    made = []
    for _ in range(number):
        sure, doubtful = int(rng.integers(1, 80)), int(rng.integers(0, 60))
        counts = rng.binomial(doubtful, 0.5, 2)
        made.append(counted(sure + int(counts[0]), sure + int(counts[1]), doubtful))
    return made


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_interval_covers_as_often_as_it_says_with_few_near_misses_and_with_many(
    coverage: float,
) -> None:
    rng = np.random.default_rng(7)
    held = {"all": [], "few": [], "many": []}
    widths = []
    for _ in range(150):
        calibration = calibrate_count_interval(
            [pictures(rng, 60)], coverage=coverage, **MEASURED_ON
        )._replace(ranges=None)
        for picture in pictures(rng, 60):
            low, high = count_interval.interval(picture.features, calibration)
            kind = "few" if picture.features.doubtful < 20 else "many"
            for name in ("all", kind):
                held[name].append(low <= picture.true_count <= high)
            widths.append(high - low)
    # 150 times 60 pictures: the mean coverage is known to about 0.01
    assert coverage - 0.01 <= np.mean(held["all"]) <= coverage + 0.07
    assert np.mean(held["few"]) >= coverage - 0.05 and np.mean(held["many"]) >= coverage - 0.05
    assert 5 < np.mean(widths) < 25  # and is of use


def test_the_quantiles_by_hand() -> None:
    # With 20 found everywhere and 14 of them doubtful, √(1 + 14 + (20 · 0.05)²) is 4: residuals
    # -9 … +9 of 19 pictures, the least that 90 % takes, so that the interval reaches from the first
    # to the last.
    folder = [counted(20, 11 + number, 14) for number in range(19)]
    calibration = calibrate_count_interval([folder], coverage=0.9, **MEASURED_ON)
    assert (calibration.below, calibration.above) == (-9 / 4, 9 / 4)
    assert count_interval.interval(folder[0].features, calibration) == (11, 29)
    assert calibration.ranges and calibration.ranges.count == (20, 20)


def test_the_interval_holds_on_each_kind_of_pictures() -> None:
    rendered = [counted(20, 20 + number % 3, 14) for number in range(100)]
    few_photos = [
        counted(20, 12, 14),
        counted(20, 20, 14),
        counted(20, 21, 14),
        counted(20, 19, 14),
    ]
    made = calibrate_count_interval([rendered, few_photos], coverage=0.9, **MEASURED_ON)
    # the extremes of the four, a quarter further: of all pictures like these some lie beyond
    assert (made.below, made.above) == (-8 / 4 * 1.25, 2 / 4)
    assert made.pictures == 104
    assert calibrate_count_interval([rendered], coverage=0.9, **MEASURED_ON).below == 0


def test_pictures_are_left_out_one_by_one() -> None:
    rendered = [counted(20, 20 + number % 3, 14) for number in range(100)]
    photos = [counted(20, 10, 14), counted(20, 20, 14), counted(20, 17, 14)]
    folders = [rendered, photos]
    made = calibrate_count_interval(folders, coverage=0.9, **MEASURED_ON)
    assert measure_coverage(photos, made) == Coverage(3, 3, 3)
    # without the first, the others reach to -3 and half as far again
    assert leave_each_out(folders, 1, made) == Coverage(3, 3, 2, is_left_out=True)


def test_ranges_are_those_of_the_pictures_with_some_margin() -> None:
    folder = [
        counted(20 + number, 20, brightness=0.3 + number / 100, object_px=27.0)
        for number in range(21)
    ]
    folder.append(counted(0, 0, object_px=None))
    ranges = calibrate_count_interval([folder], coverage=0.9, **MEASURED_ON).ranges
    assert ranges and ranges.brightness == pytest.approx((0.3 - 0.2 * MARGIN, 0.5 + 0.2 * MARGIN))
    assert ranges.object_px == (27, 27) and ranges.count[0] == 0
    dark = counted(30, 30, brightness=0.1)
    calibration = calibrate_count_interval([folder], coverage=0.9, **MEASURED_ON)
    assert measure_coverage([folder[3], dark, folder[-1]], calibration) == Coverage(3, 1, 1)


def test_how_often_it_held_is_said() -> None:
    assert describe_coverage(Coverage(16, 15, 14)) == "given on 15 of 16 pictures, held on 14 of " \
        "them (93%)"  # fmt: skip
    assert describe_coverage(Coverage(1, 0, 0)) == "given on 0 of 1 picture"
    left_out = describe_coverage(Coverage(6, 6, 5, is_left_out=True))
    assert left_out.endswith("(83%), each left out of the calibration in turn")


@pytest.mark.parametrize(("number", "coverage"), [(18, 0.9), (0, 0.9), (38, 0.95), (30, 1.0)])
def test_too_few_pictures_are_refused(number: int, coverage: float) -> None:
    with pytest.raises(ToolError, match=r"pictures|coverage"):
        calibrate_count_interval([[counted(1, 1)] * number], coverage=coverage, **MEASURED_ON)


def test_it_is_read_back_as_it_was_written() -> None:
    made = calibrate_count_interval([[counted(5, 6)] * 20], coverage=0.9, **MEASURED_ON)
    assert isinstance(made, CountCalibration)
    assert CountCalibration(**made._asdict()) == made
