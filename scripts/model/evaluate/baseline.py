"""Predictions in, histograms of what they look like out: a monitor compares windows with these.

The same function serves the labelled pictures at evaluation and a window of PredictionRecords
later, over the same edges, so that what differs is the predictions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from handler.bundle.manifest import Histogram, MonitoringBaseline
from handler.detection.detector import MAX_NEAR_MISSES
from handler.records.record import PredictionRecord

_SHARES = tuple(round(0.05 * step, 2) for step in range(1, 20))
# Fixed, so that windows of any time compare; areas and counts in ratio, as they spread.
EDGES: dict[str, tuple[float, ...]] = {
    "score": _SHARES,  # of each detection
    "box_area": tuple(
        float(f"{10 ** (-5 + step / 3):.3g}") for step in range(15)
    ),  # of the picture
    "count": (1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300),  # detections a picture
    "near_misses": (1, 2, 3, 5, 8, 12, 18),
    "brightness": _SHARES,  # see handler.record.statistics
    "contrast": tuple(round(0.025 * step, 3) for step in range(1, 16)),
    "sharpness": tuple(float(f"{0.005 * 1.4**step:.3g}") for step in range(14)),
    "megapixels": (0.25, 0.5, 1, 2, 4, 8, 12, 16, 24, 48),
}


@dataclass(frozen=True)
class Observation:
    """What a baseline takes of one prediction: scores, box areas (shares of the picture) and labels
    of its detections, the rest of its picture."""

    scores: Sequence[float]
    areas: Sequence[float]
    labels: Sequence[str]
    near_misses: int
    brightness: float
    contrast: float
    sharpness: float
    megapixels: float


def of_record(record: PredictionRecord, score_threshold: float) -> Observation | None:
    """What a record holds, told apart at the baseline's threshold, whatever its client asked for;
    None for a rejection, which has no prediction."""
    image, asked = record.image, record.thresholds
    if record.outcome != "ok" or not (image and image.width and image.height and asked):
        return None
    detections, near_misses = record.detections, record.near_misses
    if asked["score"] != score_threshold:  # else just those: their scores are rounded
        every = [*detections, *near_misses]
        detections = [found for found in every if found["score"] > score_threshold]
        near_misses = every[len(detections) :][:MAX_NEAR_MISSES]
    boxes = [found["box"] for found in detections]
    whole = image.width * image.height
    return Observation(
        scores=[found["score"] for found in detections],
        areas=[(b["xmax"] - b["xmin"]) * (b["ymax"] - b["ymin"]) / whole for b in boxes],
        labels=[found["label"] for found in detections],
        near_misses=len(near_misses),
        brightness=image.brightness or 0.0,
        contrast=image.contrast or 0.0,
        sharpness=image.sharpness or 0.0,
        megapixels=whole / 1e6,
    )


def histogram(values: Sequence[float], edges: Sequence[float]) -> Histogram:
    """Values counted under, between and over the edges; an edge belongs to the bin above it."""
    places = np.searchsorted(np.asarray(edges, np.float64), values, side="right")
    counts = np.bincount(places, minlength=len(edges) + 1).tolist()
    mean = float(np.mean(values)) if len(values) else 0.0
    return Histogram(tuple(map(float, edges)), tuple(counts), round(mean, 6))


def summarise(
    observations: Iterable[Observation],
    *,
    dataset: str,
    score_threshold: float,
    iou_threshold: float,
    command: str,
) -> MonitoringBaseline:
    """The histograms of all the observations together."""
    seen = list(observations)
    values: dict[str, list[float]] = {
        "score": [score for each in seen for score in each.scores],
        "box_area": [area for each in seen for area in each.areas],
        "count": [len(each.scores) for each in seen],
        "near_misses": [each.near_misses for each in seen],
        "brightness": [each.brightness for each in seen],
        "contrast": [each.contrast for each in seen],
        "sharpness": [each.sharpness for each in seen],
        "megapixels": [each.megapixels for each in seen],
    }
    counts = Counter(label for each in seen for label in each.labels)
    return MonitoringBaseline(
        pictures=len(seen),
        dataset=dataset,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        class_counts=dict(sorted(counts.items())),
        histograms={name: histogram(values[name], edges) for name, edges in EDGES.items()},
        command=command,
    )
