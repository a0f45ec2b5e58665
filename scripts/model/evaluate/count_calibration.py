"""How far the count of a picture may be off, learned from labelled pictures.

Split conformal prediction (Papadopoulos et al. 2002; Lei et al. 2018) with residuals scaled by
√(predicted + 1), because counts spread about like Poisson's, and a quantile for each side:
`coverage` of new pictures have their true count in the interval, whatever the model and the
distribution of residuals, as long as they are exchangeable with those calibrated on. Pictures of
another microscope are not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from handler.bundle.manifest import CountCalibration
from handler.detection import count_interval
from scripts.tool import ToolError


def minimum_pictures(coverage: float) -> int:
    """How many pictures the finite-sample quantiles of both sides need."""
    return math.ceil(2 / (1 - coverage) - 1 - 1e-9)


def calibrate_count_interval(
    predicted_counts: Sequence[int],
    true_counts: Sequence[int],
    *,
    coverage: float,
    dataset: str,
    score_threshold: float,
    iou_threshold: float,
    command: str,
) -> CountCalibration:
    """Quantiles of the residuals; each side misses (1 - coverage) / 2 of the pictures.

    Raises ToolError for a coverage outside 0.5 to 0.99 and for too few pictures.
    """
    if not 0.5 <= coverage <= 0.99:
        raise ToolError(f"coverage is {coverage:g}; expected 0.5 to 0.99")
    pictures, minimum = len(predicted_counts), minimum_pictures(coverage)
    if pictures < minimum:
        raise ToolError(
            f"{dataset}: {pictures} pictures; an interval of {coverage:.0%} coverage takes at "
            f"least {minimum} that training never saw"
        )
    predicted = np.asarray(predicted_counts, np.float64)
    residuals = np.sort((np.asarray(true_counts, np.float64) - predicted) / np.sqrt(predicted + 1))
    # The finite-sample ranks: among n + 1 exchangeable residuals every rank is as likely.
    miss_rate = (1 - coverage) / 2
    rank = min(pictures, math.ceil((pictures + 1) * (1 - miss_rate) - 1e-9))
    return CountCalibration(
        coverage=coverage,
        below=round(float(residuals[pictures - rank]), 9),
        above=round(float(residuals[rank - 1]), 9),
        pictures=pictures,
        dataset=dataset,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        command=command,
    )


def measure_coverage(
    predicted_counts: Sequence[int], true_counts: Sequence[int], calibration: CountCalibration
) -> float:
    """The fraction of pictures whose true count lies in the interval of the predicted one."""
    intervals = [count_interval.interval(count, calibration) for count in predicted_counts]
    return float(
        np.mean(
            [low <= true <= high for (low, high), true in zip(intervals, true_counts, strict=True)]
        )
    )
