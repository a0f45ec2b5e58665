"""The interval in which the true count lies, by the bundle's calibration."""

from __future__ import annotations

import math

from handler.bundle.manifest import CountCalibration


def interval(count: int, calibration: CountCalibration) -> tuple[int, int]:
    """Smallest and largest true count for `count` detections, both inclusive.

    The whole numbers from count + below·√(count + 1) to count + above·√(count + 1), widened to
    include `count`. Split conformal prediction: see CountCalibration.
    """
    scale = math.sqrt(count + 1)
    low = math.ceil(count + calibration.below * scale - 1e-6)
    high = math.floor(count + calibration.above * scale + 1e-6)
    return max(0, min(low, count)), max(high, count)
