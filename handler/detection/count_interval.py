"""A count and a bundle's calibration in; the interval that the true count lies in, out."""

from __future__ import annotations

import math

from handler.bundle.manifest import CountCalibration


def interval(count: int, calibration: CountCalibration) -> tuple[int, int]:
    """The least and the greatest true count that go with `count` detections, both included.

    count + below·√(count + 1) to count + above·√(count + 1), the whole numbers in it, widened to
    hold `count` itself: the calibration's residuals, scaled back.
    """
    scale = math.sqrt(count + 1)
    low = math.ceil(count + calibration.below * scale - 1e-6)
    high = math.floor(count + calibration.above * scale + 1e-6)
    return max(0, min(low, count)), max(high, count)
