"""The interval in which the true count lies, by the bundle's calibration, and why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from handler.bundle.manifest import CountCalibration, Manifest
from handler.detection.prediction import Prediction


class CountInterval(NamedTuple):
    """Smallest and largest true count, both inclusive, which hold for the fraction `coverage` of
    pictures like those that it was calibrated on."""

    low: int
    high: int
    coverage: float


@dataclass(frozen=True)
class AtModelThresholds:
    """What the model's own thresholds give for a picture, whichever the request had.

    no_interval: why there is no count_interval, a phrase in lower case; None where there is one.
    """

    score: float
    iou: float
    count: int
    count_interval: CountInterval | None
    no_interval: str | None

    def to_json(self) -> dict[str, Any]:
        """As the API writes it."""
        interval = self.count_interval
        return {**vars(self), "count_interval": interval._asdict() if interval else None}


def at_model_thresholds(prediction: Prediction, manifest: Manifest) -> AtModelThresholds | None:
    """None where it is not known: for another IoU threshold, or where tiles were cut short."""
    own, output = manifest.thresholds, prediction.output
    if output.above_model is None or prediction.request.thresholds.iou != own.iou:
        return None
    reason = _no_interval(prediction, manifest)
    found = None
    if reason is None and manifest.count_calibration:
        low, high = interval(output.above_model, manifest.count_calibration)
        found = CountInterval(low, high, manifest.count_calibration.coverage)
    return AtModelThresholds(own.score, own.iou, output.above_model, found, reason)


def interval(count: int, calibration: CountCalibration) -> tuple[int, int]:
    """Smallest and largest true count for `count` detections, both inclusive.

    The whole numbers from count + below·√(count + 1) to count + above·√(count + 1), widened to
    include `count`. Split conformal prediction: see CountCalibration.
    """
    scale = math.sqrt(count + 1)
    low = math.ceil(count + calibration.below * scale - 1e-6)
    high = math.floor(count + calibration.above * scale + 1e-6)
    return max(0, min(low, count)), max(high, count)


def _no_interval(prediction: Prediction, manifest: Manifest) -> str | None:
    calibration, own = manifest.count_calibration, manifest.thresholds
    if calibration is None:
        return "the model's counts are not calibrated"
    if (calibration.score_threshold, calibration.iou_threshold) != (own.score, own.iou):
        return "the model's counts are calibrated at other thresholds than its own"
    if prediction.grid is not None:
        return "the picture is in tiles, and those it was calibrated on were not"
    if prediction.has_small_objects:
        return "the objects are smaller than those that the model was trained on"
    if prediction.output.above_model == own.max_detections:
        return f"the list of detections may have been cut at {own.max_detections}"
    return None
