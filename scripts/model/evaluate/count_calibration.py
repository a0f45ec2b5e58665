"""Found and true counts of labelled pictures in; how far a count may be off, out.

Split conformal prediction (Papadopoulos et al. 2002; Lei et al. 2018) with residuals scaled by
√(found + 1), because counts spread about like Poisson's, and each side by a quantile of its own:
`coverage` of new pictures have their true count in the interval, whatever the model and the
residuals' distribution, as long as they are exchangeable with those calibrated on. Pictures of
another microscope are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from handler.bundle.manifest import CountCalibration
from handler.detection import count_interval


class CalibrationError(ValueError):
    """Too few pictures for the coverage, or no such coverage; the text says how many it takes."""


def least_pictures(coverage: float) -> int:
    """How many pictures the finite-sample quantiles of both sides need."""
    return math.ceil(2 / (1 - coverage) - 1 - 1e-9)


def calibrate(
    found: Sequence[int],
    true: Sequence[int],
    *,
    coverage: float,
    dataset: str,
    score_threshold: float,
    iou_threshold: float,
    command: str,
) -> CountCalibration:
    """Quantiles of the residuals, each side missing (1 - coverage) / 2. Raises
    CalibrationError."""
    if not 0.5 <= coverage <= 0.99:
        raise CalibrationError(f"coverage is {coverage:g}; expected 0.5 to 0.99")
    count, least = len(found), least_pictures(coverage)
    if count < least:
        raise CalibrationError(
            f"{dataset}: {count} pictures; an interval of {coverage:.0%} coverage takes at least "
            f"{least} that training never saw"
        )
    counted = np.asarray(found, np.float64)
    residuals = np.sort((np.asarray(true, np.float64) - counted) / np.sqrt(counted + 1))
    # The finite-sample ranks: among n + 1 exchangeable residuals every rank is as likely.
    miss = (1 - coverage) / 2
    rank = min(count, math.ceil((count + 1) * (1 - miss) - 1e-9))
    return CountCalibration(
        coverage=coverage,
        below=round(float(residuals[count - rank]), 9),
        above=round(float(residuals[rank - 1]), 9),
        pictures=count,
        dataset=dataset,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        command=command,
    )


def covered(found: Sequence[int], true: Sequence[int], calibration: CountCalibration) -> float:
    """The share of pictures whose true count lies in the interval of the found one."""
    pairs = [
        (count_interval.interval(count, calibration), right)
        for count, right in zip(found, true, strict=True)
    ]
    return float(np.mean([low <= right <= high for (low, high), right in pairs]))
