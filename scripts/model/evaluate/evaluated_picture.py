"""One labelled picture beside what a model predicts on it."""

from __future__ import annotations

from dataclasses import dataclass

from handler.detection.detections import Detections
from handler.images.statistics import LightSample
from scripts.model.dataset import LabelledPicture


@dataclass(frozen=True)
class EvaluatedPicture:
    """Ground truth and predictions of one picture, both in px of the upright picture.

    predictions: every detection above the bundle's score floor, best first. width, height: px of
    the upright picture. candidates, light: what an interval of the count depends on; None where
    there can be none, as for tiles, or where no handler predicted.
    """

    ground_truth: LabelledPicture
    predictions: Detections
    width: int
    height: int
    candidates: Detections | None = None
    light: LightSample | None = None

    @property
    def true_count(self) -> int:
        """How many objects are labelled."""
        return len(self.ground_truth.boxes)

    def predicted_count(self, score_threshold: float) -> int:
        """How many predictions score above the threshold."""
        return int((self.predictions.scores > score_threshold).sum())

    def predictions_above(self, score_threshold: float) -> Detections:
        """The predictions that score above the threshold."""
        return self.predictions.select(self.predictions.scores > score_threshold)
