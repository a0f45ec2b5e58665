"""Makes up people's corrections of synthetic predictions.

The truth is made up, too: each candidate is an object with the chance that its score had on the
reference's labelled pictures, and as many objects as there are found by no candidate. So the model
stays as good as its scores say, whatever shift is planted: corrections of synthetic traffic show
what a report looks like, and test how it is made, not whether its estimates are right.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from handler.records.feedback import Feedback
from handler.records.record import Model, partition
from scripts.monitor.quality.calibration import ScoreCalibration, calibrate
from scripts.monitor.synthesize.pictures import Picture
from scripts.monitor.synthesize.records import Line
from scripts.monitor.synthesize.traffic import Plan
from scripts.records.observations import SCORE_BINS
from scripts.records.reference import Reference

_FOUND = 0.95  # of the objects, by a reference that has no labels
_MAX_DELAY_S = 1800.0  # from the prediction to its correction
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


class FeedbackMaker:
    """Corrects the plan's share of the predictions, drawn at random, with boxes."""

    def __init__(self, plan: Plan) -> None:
        manifest = plan.manifest
        self._share = plan.feedback_share
        self._classes = manifest.classes
        self._model = Model(manifest.name, manifest.version, manifest.sha256)
        self._calibration = _calibrate(plan.reference)

    def correct(self, rng: np.random.Generator, line: Line) -> Feedback | None:
        """The correction of a record, None for most."""
        if line.picture is None or rng.random() >= self._share:
            return None
        boxes, classes = self._draw_truth(rng, line.picture)
        names = [self._classes[each] for each in classes.tolist()]
        given = datetime.fromisoformat(line.time)
        given += timedelta(seconds=rng.uniform(10, _MAX_DELAY_S))
        return Feedback(
            feedback_id=rng.bytes(16).hex(),
            prediction_id=line.prediction_id,
            time=given.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            model=self._model,
            count=len(names),
            counts={name: names.count(name) for name in self._classes},
            detections=[
                {"label": name, "box": dict(zip(_CORNERS, box, strict=True))}
                for name, box in zip(names, boxes.round(2).tolist(), strict=True)
            ],
            comment=None,
        )

    def key(self, feedback: Feedback, time: str) -> str:
        """Where it lies: in the hour's partition of `time`, that of its prediction or its own."""
        where = partition(self._model.name, self._model.version, time)
        return f"feedback/{where}/{feedback.prediction_id}.{feedback.feedback_id}.json.gz"

    def _draw_truth(
        self, rng: np.random.Generator, picture: Picture
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Boxes (m, 4), xyxy in px, and classes (m,) of the objects in a picture."""
        bins = np.minimum((picture.scores * SCORE_BINS).astype(int), SCORE_BINS - 1)
        is_object = rng.random(len(bins)) < self._calibration.precision[bins]
        found = self._calibration.found
        missed = rng.poisson(is_object.sum() * (1 - found) / found) if len(bins) else 0
        like = rng.integers(len(bins), size=missed) if missed else np.empty(0, np.int64)
        sides = picture.boxes[like, 2:] - picture.boxes[like, :2]
        room = np.array([picture.image["width"], picture.image["height"]]) - sides
        corners = room * rng.random((missed, 2))
        boxes = np.concatenate([corners, corners + sides], axis=1)
        return (
            np.concatenate([picture.boxes[is_object], boxes]),
            np.concatenate([picture.classes[is_object], picture.classes[like]]),
        )


def _calibrate(reference: Reference) -> ScoreCalibration:
    """How often each score is right; without labels, as often as it says."""
    labels = reference.labels
    if labels is None:
        return ScoreCalibration((np.arange(SCORE_BINS) + 0.5) / SCORE_BINS, _FOUND)
    return calibrate(
        reference.observations.score_histogram.sum(axis=0).astype(float),
        labels.true_positives.sum(axis=0).astype(float),
        float(labels.objects.sum()),
    )
