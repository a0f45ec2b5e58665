"""What evaluate writes into model.json, one function an entry; each returns a new manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from handler.bundle.manifest import (
    Evaluation,
    Input,
    Manifest,
    MonitoringBaseline,
    TrainingScale,
)
from handler.detection.likeness import measure_features
from handler.records.record import PredictionRecord
from scripts.model.evaluate.accuracy import Figures
from scripts.model.evaluate.count_calibration import CountedPicture, calibrate_count_interval
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture


def with_score_threshold(manifest: Manifest, score_threshold: float) -> Manifest:
    """The manifest with another default score threshold."""
    thresholds = manifest.thresholds._replace(score=score_threshold)
    return manifest._replace(thresholds=thresholds)


def with_evaluation(manifest: Manifest, figures: Sequence[Figures], command: str) -> Manifest:
    """The manifest with these figures in place of former ones of the same datasets."""
    names = {row.dataset for row in figures}
    others = [entry for entry in manifest.evaluation if entry.dataset not in names]
    entries = [_to_evaluation(row, command, manifest.sha256) for row in figures]
    return manifest._replace(evaluation=(*others, *entries))


def with_count_calibration(
    manifest: Manifest,
    folders: Sequence[Sequence[EvaluatedPicture]],
    *,
    coverage: float,
    dataset: str,
    command: str,
) -> Manifest:
    """The manifest with the count interval of these folders' pictures, at its own thresholds.
    Raises ToolError."""
    calibration = calibrate_count_interval(
        [count_objects(pictures, manifest) for pictures in folders],
        coverage=coverage,
        dataset=dataset,
        score_threshold=manifest.thresholds.score,
        iou_threshold=manifest.thresholds.iou,
        command=command,
    )
    return manifest._replace(count_calibration=calibration)


def with_training_scale(
    manifest: Manifest, datasets: Mapping[str, Sequence[EvaluatedPicture]], command: str
) -> Manifest:
    """The manifest with the training scale of all these pictures."""
    pictures = [picture for dataset in datasets.values() for picture in dataset]
    scale = measure_training_scale(pictures, manifest.input, ", ".join(datasets), command)
    return manifest._replace(training_scale=scale)


def with_baseline(
    manifest: Manifest,
    datasets: Mapping[str, Sequence[EvaluatedPicture]],
    records: Sequence[PredictionRecord],
    reference_sha256: str,
    command: str,
) -> Manifest:
    """The manifest with the monitoring baseline.

    records: of all these pictures, at the manifest's thresholds. reference_sha256: of the file
    beside model.json.
    """
    class_counts = Counter(dict.fromkeys(manifest.classes, 0))
    for record in records:
        class_counts.update(record.counts or {})
    baseline = MonitoringBaseline(
        pictures=len(records),
        dataset=", ".join(datasets),
        score_threshold=manifest.thresholds.score,
        iou_threshold=manifest.thresholds.iou,
        class_counts=dict(class_counts),
        command=command,
        reference_sha256=reference_sha256,
    )
    return manifest._replace(monitoring_baseline=baseline)


def measure_training_scale(
    pictures: Sequence[EvaluatedPicture], input_size: Input, dataset: str, command: str
) -> TrainingScale | None:
    """The labelled objects' size in the model's input; None where nothing is labelled."""
    sizes = []
    for picture in pictures:
        boxes = picture.ground_truth.boxes
        scale = min(input_size.width / picture.width, input_size.height / picture.height)
        sizes.append(np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1)) * scale)
    median = float(np.median(np.concatenate(sizes))) if any(map(len, sizes)) else 0.0
    if not median:
        return None
    return TrainingScale(round(median, 2), len(pictures), dataset, command)


def count_objects(pictures: Sequence[EvaluatedPicture], manifest: Manifest) -> list[CountedPicture]:
    """What the count interval is made of, at the manifest's own thresholds. Without the pictures
    that can have no interval, as those in tiles."""
    return [
        CountedPicture(
            measure_features(picture.candidates, picture.light, manifest.thresholds),
            picture.true_count,
        )
        for picture in pictures
        if picture.candidates is not None and picture.light is not None
    ]


def _to_evaluation(figures: Figures, command: str, onnx_sha256: str) -> Evaluation:
    return Evaluation(
        dataset=figures.dataset,
        pictures=figures.pictures,
        ap50=round(figures.ap50, 4),
        ap=round(figures.ap, 4),
        precision=round(figures.precision, 4),
        recall=round(figures.recall, 4),
        count_error=round(figures.count_error, 4),
        command=command,
        onnx_sha256=onnx_sha256,
    )
