"""Pictures as prediction records, by the handler's own code, beside what their labels say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handler.bundle.manifest import Manifest
from handler.detection.detections import Detections
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.detection.tiled import tiles_by_default
from handler.invocation import Invocation
from handler.records.build import build_records
from handler.records.record import PredictionRecord
from scripts.model.baseline.scene import MAX_PIXELS
from scripts.model.dataset import LabelledPicture
from scripts.model.matching import match_to_ground_truth
from scripts.records.observations import SCORE_BINS
from scripts.records.reference import LabelledCounts


def record_prediction(
    detector: Detector, image_bytes: bytes, prediction_id: str, received_s: float
) -> PredictionRecord:
    """The record of a prediction at the model's own thresholds, as a client's would be logged.

    received_s: since the epoch. Raises Problem for a picture that the function would reject.
    """
    defaults = detector.manifest.thresholds
    thresholds = Thresholds(defaults.score, defaults.iou, defaults.max_detections)
    tiles = tiles_by_default("auto", detector.manifest)
    request = PredictRequest(image_bytes, thresholds, tiles)
    prediction = predict(request, detector=detector, max_pixels=MAX_PIXELS)
    invocation = Invocation(
        prediction_id, cold_start=False, received_s=received_s, route="baseline"
    )
    invocation.request, invocation.prediction = request, prediction
    invocation.total_ms = invocation.elapsed_ms()
    (record,) = build_records(invocation, detector.manifest)
    return record


def list_candidates(record: PredictionRecord, classes: Sequence[str]) -> Detections:
    """Detections and near misses of a record, best first."""
    items = [*record.detections, *record.near_misses]
    corners = [[item["box"][name] for name in ("xmin", "ymin", "xmax", "ymax")] for item in items]
    return Detections(
        np.array(corners, np.float32).reshape(-1, 4),
        np.array([item["score"] for item in items], np.float32),
        np.array([classes.index(item["label"]) for item in items], np.int64),
    )


def find_matches(
    record: PredictionRecord,
    boxes: NDArray[np.float64],
    labels: tuple[str, ...],
    manifest: Manifest,
) -> NDArray[np.bool_]:
    """Which of a record's candidates, best first, match a labelled object, bool (n,)."""
    ground_truth = LabelledPicture(Path(), boxes, labels)
    candidates = list_candidates(record, manifest.classes)
    return match_to_ground_truth(candidates, ground_truth, manifest.classes) >= 0


def count_labels(
    records: Sequence[PredictionRecord],
    objects: Sequence[int],
    matches: Sequence[NDArray[np.bool_]],
) -> LabelledCounts:
    """Labelled objects of each record, and its candidates that match one, by score."""
    histogram = np.zeros((len(records), SCORE_BINS), np.int64)
    for row, (record, is_match) in enumerate(zip(records, matches, strict=True)):
        items = [*record.detections, *record.near_misses]
        scores = np.array([item["score"] for item in items], np.float64)
        bins = np.minimum(scores[is_match] * SCORE_BINS, SCORE_BINS - 1).astype(np.int64)
        histogram[row] = np.bincount(bins, minlength=SCORE_BINS)
    return LabelledCounts(np.asarray(objects, np.int64), histogram)
