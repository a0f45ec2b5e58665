"""Signatures: how records move, and how good predictions still are, under each known corruption.

The same pictures are compared with and without a corruption, so that few pictures are enough: what
differs from picture to picture cancels out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from handler.bundle.files import ONNX_FILE, Bundle
from handler.detection.detector import Detector
from handler.problems import Problem
from handler.records.record import PredictionRecord
from scripts.model.baseline.accuracy import measure_accuracy
from scripts.model.baseline.corruptions import Corruption
from scripts.model.baseline.predictions import record_prediction
from scripts.model.baseline.scene import encode_scene, read_scene
from scripts.model.dataset import DatasetError, LabelledPicture
from scripts.records.fingerprint import MIN_KNOWN, Scale, compare
from scripts.records.observations import Observations
from scripts.records.observe import observe_records
from scripts.records.reference import Signature


@dataclass(frozen=True, eq=False)
class PlantedPictures:
    """Records of corrupted pictures, and the ground truth that moved along with each."""

    records: tuple[PredictionRecord, ...]
    ground_truth: tuple[LabelledPicture, ...]


def plant(
    bundle: Bundle,
    detector: Detector,
    pictures: Sequence[LabelledPicture],
    corruption: Corruption,
    strength: float,
    *,
    seed: int = 0,
    on_picture: Callable[[], None] = lambda: None,
) -> PlantedPictures:
    """Predict on corrupted pictures, or with a corrupted model; the same for the same seed.

    Raises DatasetError for pictures that cannot be read, and BundleError for a model that a
    corruption broke.
    """
    with tempfile.TemporaryDirectory(prefix="icebox-") as folder:
        if corruption.change_model:
            onnx_path = Path(folder) / ONNX_FILE
            rng = np.random.default_rng([seed, 1])
            onnx_bytes = bundle.onnx_path.read_bytes()
            manifest, onnx_bytes = corruption.change_model(
                bundle.manifest, onnx_bytes, strength, rng
            )
            onnx_path.write_bytes(onnx_bytes)
            detector = Detector.load(Bundle(manifest, onnx_path), threads=detector.threads)
        records, ground_truth = [], []
        for index, picture in enumerate(pictures):
            if corruption.change_scene:
                rng = np.random.default_rng([seed, 2, index])
                scene = corruption.change_scene(read_scene(picture), strength, rng)
                image_bytes = encode_scene(scene)
                picture = replace(
                    picture,
                    boxes=scene.boxes,
                    labels=scene.labels,
                    width=scene.rgb.shape[1],
                    height=scene.rgb.shape[0],
                )
            else:
                image_bytes = picture.path.read_bytes()
            records.append(record_picture(detector, picture, image_bytes, f"{index:05}"))
            ground_truth.append(picture)
            on_picture()
    return PlantedPictures(tuple(records), tuple(ground_truth))


def record_picture(
    detector: Detector, picture: LabelledPicture, image_bytes: bytes, prediction_id: str
) -> PredictionRecord:
    """The record of a dataset's picture. Its time is that of no request: seconds from 1970, in the
    pictures' order, and what it took on this machine is left out. Raises DatasetError."""
    try:
        record = record_prediction(detector, image_bytes, prediction_id, float(prediction_id[-5:]))
    except Problem as problem:
        raise DatasetError(f"{picture.path}: {problem.detail}; mend or remove it") from None
    return replace(record, timing_ms={})


def make_signature(
    corruption: Corruption,
    strength: float,
    planted: PlantedPictures,
    clean: Observations,
    scale: Scale,
    classes: Sequence[str],
) -> Signature:
    """clean: of the same pictures without the corruption. scale: of the whole reference."""
    observations = observe_records(planted.records)
    fingerprint = compare(scale, scale.transform(clean), scale.transform(observations))
    detections = observations.facts["detections"]
    return Signature(
        cause=corruption.cause,
        strength=strength,
        pictures=len(planted.records),
        effects=fingerprint.effects,
        spreads=fingerprint.spreads,
        accuracy=measure_accuracy(planted.records, planted.ground_truth, classes),
        name=corruption.name,
        score_counts=tuple(observations.score_histogram.mean(axis=0).tolist()),
        detections=float(np.nanmean(detections)) if len(detections) else None,
    )


def make_count_signatures(
    planted: PlantedPictures, observations: Observations, scale: Scale, classes: Sequence[str]
) -> list[Signature]:
    """Fewer and more objects as they come by themselves: the reference's own pictures with the
    fewest and the most labelled objects, a half and a quarter of them.

    planted: the whole reference, nothing planted. observations: of the same records.
    """
    objects = np.array([len(picture.boxes) for picture in planted.ground_truth])
    order = np.argsort(objects, kind="stable")
    signatures = []
    for cause in ("fewer objects", "more objects"):
        for share in (0.5, 0.25):
            count = round(share * len(order))
            rows = np.sort(order[:count] if cause == "fewer objects" else order[-count:])
            if len(rows) < MIN_KNOWN or objects[rows].mean() == objects.mean():
                continue
            chosen = PlantedPictures(
                tuple(planted.records[row] for row in rows),
                tuple(planted.ground_truth[row] for row in rows),
            )
            corruption = Corruption(f"pictures with {cause}", cause, (0.5, 0.25))
            signatures.append(
                make_signature(corruption, share, chosen, observations, scale, classes)
            )
    return signatures
