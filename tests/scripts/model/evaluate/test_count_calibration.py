"""The interval of a count holds as often as it says, on pictures that it was not made from."""

from __future__ import annotations

import numpy as np
import pytest

from handler.bundle.manifest import CountCalibration
from handler.detection import count_interval
from scripts.model.evaluate import count_calibration
from scripts.model.evaluate.count_calibration import CalibrationError

SAID = {"dataset": "trays", "score_threshold": 0.5, "iou_threshold": 0.5, "command": "evaluate"}


def counts(rng: np.random.Generator, pictures: int) -> tuple[list[int], list[int]]:
    """Found and true counts of a detector that misses a tenth, skewed, and sees some twice."""
    true = rng.integers(0, 80, pictures)
    found = rng.binomial(true, 0.9) + rng.poisson(1.5, pictures)
    return found.tolist(), true.tolist()


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_interval_covers_as_often_as_it_says(coverage: float) -> None:
    rng = np.random.default_rng(7)
    shares, widths = [], []
    for _ in range(300):
        calibration = count_calibration.calibrate(*counts(rng, 60), coverage=coverage, **SAID)
        found, true = counts(rng, 60)
        shares.append(count_calibration.covered(found, true, calibration))
        low, high = count_interval.interval(40, calibration)
        widths.append(high - low)
    # 300 times 60 pictures: the mean of the shares is known to about 0.005
    assert coverage - 0.01 <= np.mean(shares) <= coverage + 0.06
    assert 5 < np.mean(widths) < 25  # and is of use


def test_the_quantiles_by_hand() -> None:
    # With 9 found everywhere √(found + 1) is √10: residuals -9 … +9 of 19 pictures, the least that
    # 90 % takes, so that the interval reaches from the first to the last.
    found = [9] * 19
    calibration = count_calibration.calibrate(found, list(range(19)), coverage=0.9, **SAID)
    assert calibration.below == pytest.approx(-9 / 10**0.5, abs=1e-5)
    assert calibration.above == pytest.approx(9 / 10**0.5, abs=1e-5)
    assert count_interval.interval(9, calibration) == (0, 18)
    assert count_interval.interval(0, calibration) == (0, 2)


def test_the_interval_holds_its_own_count() -> None:
    # A detector that always misses three: 40 found are 43, yet 40 stays within.
    calibration = count_calibration.calibrate([40] * 30, [43] * 30, coverage=0.9, **SAID)
    assert count_interval.interval(40, calibration) == (40, 43)
    low, high = count_interval.interval(0, calibration)
    assert low == 0 <= high


@pytest.mark.parametrize(("pictures", "coverage"), [(18, 0.9), (0, 0.9), (38, 0.95), (30, 1.0)])
def test_too_few_pictures_are_refused(pictures: int, coverage: float) -> None:
    with pytest.raises(CalibrationError, match=r"pictures|coverage"):
        count_calibration.calibrate([1] * pictures, [1] * pictures, coverage=coverage, **SAID)


def test_it_is_read_back_as_it_was_written() -> None:
    calibration = count_calibration.calibrate([5] * 20, [6] * 20, coverage=0.9, **SAID)
    assert isinstance(calibration, CountCalibration)
    assert CountCalibration(**vars(calibration)) == calibration
