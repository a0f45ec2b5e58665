"""The interval in which the true count lies, by the bundle's calibration, and why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from handler.bundle.manifest import CountCalibration, Manifest
from handler.detection.likeness import PictureFeatures, find_difference, measure_features
from handler.detection.prediction import Prediction
from handler.images.statistics import sample_light


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
    own, count = manifest.thresholds, prediction.output.above_model
    if count is None or prediction.request.thresholds.iou != own.iou:
        return None
    made = _find_interval(prediction, count, manifest)
    if isinstance(made, str):
        return AtModelThresholds(own.score, own.iou, count, None, made)
    return AtModelThresholds(own.score, own.iou, count, made, None)


def _find_interval(prediction: Prediction, count: int, manifest: Manifest) -> CountInterval | str:
    """The interval, or a phrase that says why there is none."""
    calibration, own = manifest.count_calibration, manifest.thresholds
    if calibration is None:
        return "the model's counts are not calibrated"
    if (calibration.score_threshold, calibration.iou_threshold) != (own.score, own.iou):
        return "the model's counts are calibrated at other thresholds than its own"
    if calibration.ranges is None:
        return "the model's calibration does not say for which pictures it holds"
    if prediction.grid is not None:
        return "the picture is in tiles, and those it was calibrated on were not"
    if prediction.has_small_objects:
        return "the objects are smaller than those that the model was trained on"
    if count == own.max_detections:
        return f"the list of detections may have been cut at {own.max_detections}"
    output = prediction.output
    if output.candidates is None:
        return "the model found more candidates than it could compare"
    features = measure_features(output.candidates, sample_light(output.content), own)
    if difference := find_difference(features, calibration.ranges):
        return difference
    return CountInterval(*interval(features, calibration), calibration.coverage)


def interval(features: PictureFeatures, calibration: CountCalibration) -> tuple[int, int]:
    """Smallest and largest true count, both inclusive, whatever the picture is like.

    The whole numbers from count + below·s to count + above·s, widened to include the count, with
    s of `scale`. Split conformal prediction: see CountCalibration.
    """
    count, reach = features.count, scale(features, calibration)
    low = math.ceil(count + calibration.below * reach - 1e-6)
    high = math.floor(count + calibration.above * reach + 1e-6)
    return max(0, min(low, count)), max(high, count)


def scale(features: PictureFeatures, calibration: CountCalibration) -> float:
    """How far a count like this may be off, but for a factor that the calibration finds.

    √(base + doubtful·d + (share·count)²), of the d doubtful candidates, each of which may have been
    decided wrongly, and of what goes wrong with all objects of a picture alike, such as a person's
    habit of what to label. √(count + 1) in bundles of before.
    """
    spread = calibration.spread
    if spread is None:
        return math.sqrt(features.count + 1)
    in_common = spread.share * features.count
    return math.sqrt(spread.base + spread.doubtful * features.doubtful + in_common * in_common)
