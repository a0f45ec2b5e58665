"""Accuracy of a model on held-out pictures, through IceVision's own predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

import scripts.model.icevision  # noqa: F401  (before icevision)
import torch
from icevision.all import Dataset, ObjectDetectionRecord, tfms

from handler.detection.detections import Detections
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate.average_precision import compute_average_precision
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.train.progress import ProgressOutput

BATCH_SIZE = 4
MIN_SCORE = 0.05
COUNT_THRESHOLD = 0.5


def validate(
    model_type: ModuleType,
    model: torch.nn.Module,
    records: Sequence[ObjectDetectionRecord],
    classes: Sequence[str],
    output: ProgressOutput,
) -> dict[str, float]:
    """val_ap50, and val_count_error: the mean absolute error of the count at score 0.5."""
    transform = tfms.A.Adapter([tfms.A.Normalize()])
    model.eval()
    with torch.no_grad():
        predictions = [
            prediction
            for first in output.track(
                range(0, len(records), BATCH_SIZE), "validating", "batches", stays=False
            )
            for prediction in model_type.predict(
                model,
                Dataset(records[first : first + BATCH_SIZE], transform),
                detection_threshold=MIN_SCORE,
            )
        ]
    pictures = [
        _to_evaluated_picture(record, prediction.pred.detection, classes)
        for record, prediction in zip(records, predictions, strict=True)
    ]
    errors = [abs(each.predicted_count(COUNT_THRESHOLD) - each.true_count) for each in pictures]
    return {
        "val_ap50": compute_average_precision(pictures, classes).ap50,
        "val_count_error": float(np.mean(errors)),
    }


def _to_evaluated_picture(
    record: ObjectDetectionRecord, predicted, classes: Sequence[str]
) -> EvaluatedPicture:
    """IceVision's ground truth and prediction of one picture, in px of the model's input."""
    ground_truth = LabelledPicture(
        Path(record.filepath),
        np.array([box.xyxy for box in record.detection.bboxes], np.float64).reshape(-1, 4),
        tuple(classes[label_id - 1] for label_id in record.detection.label_ids),  # 0: background
        record.width,
        record.height,
    )
    scores = np.asarray(predicted.scores, np.float32)
    detections = Detections(
        np.array([box.xyxy for box in predicted.bboxes], np.float32).reshape(-1, 4),
        scores,
        np.array(predicted.label_ids, np.int64) - 1,
    )
    best_first = np.argsort(-scores, kind="stable")
    return EvaluatedPicture(
        ground_truth, detections.select(best_first), record.width, record.height
    )
