"""Holds what the peers answer to Icebox's own answer, and to labelled pictures, so that nobody is
fast by being wrong."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from scripts.accuracy.matching import match
from scripts.bench.peers.dialects import Found
from scripts.bench.peers.result import Accuracy, Agreement
from scripts.model.dataset import LabelledPicture

MAX_PIXELS = 400_000_000


def find_reference(bundle_dir: Path, picture: bytes) -> Found:
    """What Icebox's code finds with a bundle. Raises BundleError and Problem."""
    bundle = load_bundle(bundle_dir)
    own = bundle.manifest.thresholds
    request = PredictRequest(picture, Thresholds(own.score, own.iou, own.max_detections))
    detector = Detector.load(bundle, threads=1)
    detections = predict(request, detector=detector, max_pixels=MAX_PIXELS).output.detections
    return Found(
        len(detections),
        detections.boxes.astype(np.float64),
        tuple(map(float, detections.scores)),
        tuple(bundle.manifest.classes[class_id] for class_id in detections.class_ids),
    )


def compare(found: Found, reference: Found) -> Agreement:
    matches, boxes = count_matches(found, reference), len(found.boxes) + len(reference.boxes)
    f1 = 2 * matches / boxes if boxes else 1.0  # two empty ones are alike
    return Agreement(found.count, reference.count, f1)


def measure_accuracy(founds: Sequence[Found], pictures: Sequence[LabelledPicture]) -> Accuracy:
    """founds: of each picture."""
    truths = [_truth(picture) for picture in pictures]
    matches = sum(count_matches(found, truth) for found, truth in zip(founds, truths, strict=True))
    boxes = sum(
        len(found.boxes) + len(truth.boxes) for found, truth in zip(founds, truths, strict=True)
    )
    errors = [
        abs(found.count - truth.count) / max(truth.count, 1)
        for found, truth in zip(founds, truths, strict=True)
    ]
    return Accuracy(len(pictures), 2 * matches / max(boxes, 1), statistics.fmean(errors))


def count_matches(found: Found, truth: Found) -> int:
    matches = match(found.boxes, found.labels, truth.boxes, truth.labels)
    return int((matches >= 0).sum())


def _truth(picture: LabelledPicture) -> Found:
    boxes = np.asarray(picture.boxes, np.float64).reshape(-1, 4)
    return Found(len(boxes), boxes, (1.0,) * len(boxes), picture.labels)
