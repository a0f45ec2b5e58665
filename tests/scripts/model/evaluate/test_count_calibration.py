"""The interval of a count holds as often as it says, on pictures that it was not made from."""

from __future__ import annotations

import numpy as np
import pytest

from handler.bundle.manifest import CountCalibration
from handler.detection import count_interval
from scripts.model.evaluate.count_calibration import calibrate_count_interval, measure_coverage
from scripts.tool import ToolError

MEASURED_ON = {
    "dataset": "trays",
    "score_threshold": 0.5,
    "iou_threshold": 0.5,
    "command": "evaluate",
}


def counts(rng: np.random.Generator, pictures: int) -> tuple[list[int], list[int]]:
    """Predicted and true counts of a detector that misses a tenth and sees some twice."""
    true = rng.integers(0, 80, pictures)
    predicted = rng.binomial(true, 0.9) + rng.poisson(1.5, pictures)
    return predicted.tolist(), true.tolist()


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_interval_covers_as_often_as_it_says(coverage: float) -> None:
    rng = np.random.default_rng(7)
    coverages, widths = [], []
    for _ in range(300):
        calibration = calibrate_count_interval(*counts(rng, 60), coverage=coverage, **MEASURED_ON)
        predicted, true = counts(rng, 60)
        coverages.append(measure_coverage(predicted, true, calibration))
        low, high = count_interval.interval(40, calibration)
        widths.append(high - low)
    # 300 times 60 pictures: the mean coverage is known to about 0.005
    assert coverage - 0.01 <= np.mean(coverages) <= coverage + 0.06
    assert 5 < np.mean(widths) < 25  # and is of use


def test_the_quantiles_by_hand() -> None:
    # With 9 predicted everywhere, √(predicted + 1) is √10: residuals -9 … +9 of 19 pictures, the
    # least that 90 % takes, so that the interval reaches from the first to the last.
    predicted = [9] * 19
    calibration = calibrate_count_interval(predicted, list(range(19)), coverage=0.9, **MEASURED_ON)
    assert calibration.below == pytest.approx(-9 / 10**0.5, abs=1e-5)
    assert calibration.above == pytest.approx(9 / 10**0.5, abs=1e-5)
    assert count_interval.interval(9, calibration) == (0, 18)
    assert count_interval.interval(0, calibration) == (0, 2)


def test_the_interval_holds_its_own_count() -> None:
    # A detector that always misses three: 40 predicted are 43, yet 40 stays within.
    calibration = calibrate_count_interval([40] * 30, [43] * 30, coverage=0.9, **MEASURED_ON)
    assert count_interval.interval(40, calibration) == (40, 43)
    low, high = count_interval.interval(0, calibration)
    assert low == 0 <= high


@pytest.mark.parametrize(("pictures", "coverage"), [(18, 0.9), (0, 0.9), (38, 0.95), (30, 1.0)])
def test_too_few_pictures_are_refused(pictures: int, coverage: float) -> None:
    with pytest.raises(ToolError, match=r"pictures|coverage"):
        calibrate_count_interval([1] * pictures, [1] * pictures, coverage=coverage, **MEASURED_ON)


def test_it_is_read_back_as_it_was_written() -> None:
    calibration = calibrate_count_interval([5] * 20, [6] * 20, coverage=0.9, **MEASURED_ON)
    assert isinstance(calibration, CountCalibration)
    assert CountCalibration(**calibration._asdict()) == calibration
