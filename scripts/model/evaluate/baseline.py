"""Histograms of predictions, which a monitor compares with those of later windows.

Labelled pictures at evaluation and PredictionRecords later go through the same functions and bin
edges, so that a difference is one of the predictions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from handler.bundle.manifest import Histogram, MonitoringBaseline
from handler.detection.detector import MAX_NEAR_MISSES
from handler.records.record import PredictionRecord
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

_TWENTIETHS = tuple(round(0.05 * step, 2) for step in range(1, 20))
# Fixed, so that windows of any time compare; those of areas and counts grow by a ratio.
EDGES: dict[str, tuple[float, ...]] = {
    "score": _TWENTIETHS,  # of each detection
    "box_area": tuple(  # of each detection, as a fraction of its picture
        float(f"{10 ** (-5 + step / 3):.3g}") for step in range(15)
    ),
    "count": (1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300),  # detections a picture
    "near_misses": (1, 2, 3, 5, 8, 12, 18),
    "brightness": _TWENTIETHS,  # see handler.images.statistics
    "contrast": tuple(round(0.025 * step, 3) for step in range(1, 16)),
    "sharpness": tuple(float(f"{0.005 * 1.4**step:.3g}") for step in range(14)),
    "megapixels": (0.25, 0.5, 1, 2, 4, 8, 12, 16, 24, 48),
}


@dataclass(frozen=True)
class Observation:
    """What a baseline takes from one prediction.

    scores, box_areas (fractions of the picture) and labels are of its detections.
    """

    scores: Sequence[float]
    box_areas: Sequence[float]
    labels: Sequence[str]
    near_misses: int
    brightness: float
    contrast: float
    sharpness: float
    megapixels: float


def observe_picture(
    picture: EvaluatedPicture, classes: Sequence[str], score_threshold: float
) -> Observation:
    """The observation of an evaluated picture, equal to that of its PredictionRecord."""
    detections = picture.predictions_above(score_threshold)
    sides = detections.boxes[:, 2:].astype(float) - detections.boxes[:, :2]
    brightness, contrast, sharpness = picture.statistics
    return Observation(
        scores=detections.scores.astype(float).tolist(),
        box_areas=(sides.prod(1) / (picture.width * picture.height)).tolist(),
        labels=[classes[class_id] for class_id in detections.class_ids],
        near_misses=min(len(picture.predictions) - len(detections), MAX_NEAR_MISSES),
        brightness=brightness,
        contrast=contrast,
        sharpness=sharpness,
        megapixels=picture.width * picture.height / 1e6,
    )


def observe_record(record: PredictionRecord, score_threshold: float) -> Observation | None:
    """The observation of a record, or None for a rejection, which has no prediction.

    Detections are those above the baseline's threshold, whichever threshold the request had.
    """
    image, thresholds = record.image, record.thresholds
    if record.outcome != "ok" or not (image and image.width and image.height and thresholds):
        return None
    detections, near_misses = record.detections, record.near_misses
    if thresholds["score"] != score_threshold:  # at an equal one, rounded scores must not move any
        candidates = [*detections, *near_misses]
        detections = [each for each in candidates if each["score"] > score_threshold]
        near_misses = candidates[len(detections) :][:MAX_NEAR_MISSES]
    boxes = [detection["box"] for detection in detections]
    picture_area = image.width * image.height
    return Observation(
        scores=[detection["score"] for detection in detections],
        box_areas=[
            (box["xmax"] - box["xmin"]) * (box["ymax"] - box["ymin"]) / picture_area
            for box in boxes
        ],
        labels=[detection["label"] for detection in detections],
        near_misses=len(near_misses),
        brightness=image.brightness or 0.0,
        contrast=image.contrast or 0.0,
        sharpness=image.sharpness or 0.0,
        megapixels=picture_area / 1e6,
    )


def compute_histogram(values: Sequence[float], edges: Sequence[float]) -> Histogram:
    """Counts of values under, between and over the edges; an edge belongs to the bin above it."""
    bins = np.searchsorted(np.asarray(edges, np.float64), values, side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1).tolist()
    mean = float(np.mean(values)) if len(values) else 0.0
    return Histogram(tuple(map(float, edges)), tuple(counts), round(mean, 6))


def compute_baseline(
    observations: Iterable[Observation],
    *,
    dataset: str,
    score_threshold: float,
    iou_threshold: float,
    command: str,
) -> MonitoringBaseline:
    """The histograms of all observations together."""
    observations = list(observations)
    values: dict[str, list[float]] = {
        "score": [score for each in observations for score in each.scores],
        "box_area": [area for each in observations for area in each.box_areas],
        "count": [len(each.scores) for each in observations],
        "near_misses": [each.near_misses for each in observations],
        "brightness": [each.brightness for each in observations],
        "contrast": [each.contrast for each in observations],
        "sharpness": [each.sharpness for each in observations],
        "megapixels": [each.megapixels for each in observations],
    }
    class_counts = Counter(label for each in observations for label in each.labels)
    return MonitoringBaseline(
        pictures=len(observations),
        dataset=dataset,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        class_counts=dict(sorted(class_counts.items())),
        histograms={name: compute_histogram(values[name], edges) for name, edges in EDGES.items()},
        command=command,
    )
