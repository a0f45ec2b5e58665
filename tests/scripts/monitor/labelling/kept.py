"""A folder of records whose pictures were kept, for tests of `sample` and `replay`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.invocation import Invocation
from handler.records.build import build_records
from handler.records.record import PredictionRecord, partition

TIME = 1_795_400_000.0  # 2026-11-23


def record_pictures(
    bundle_dir: Path, pictures: Mapping[str, bytes], *, score: float | None = None
) -> list[PredictionRecord]:
    """The records of pictures by prediction_id, by the handler's own code."""
    detector = Detector.load(load_bundle(bundle_dir), threads=1)
    defaults = detector.manifest.thresholds
    thresholds = Thresholds(score or defaults.score, defaults.iou, defaults.max_detections)
    records = []
    for number, (prediction_id, image_bytes) in enumerate(pictures.items()):
        request = PredictRequest(image_bytes, thresholds)
        invocation = Invocation(
            prediction_id, cold_start=False, received_s=TIME + number, route="/v1/detect"
        )
        invocation.request = request
        invocation.prediction = predict(request, detector=detector, max_pixels=10_000_000)
        invocation.total_ms = 1.0
        records.extend(build_records(invocation, detector.manifest))
    return records


def write_bucket(
    root: Path, records: Sequence[PredictionRecord], pictures: Mapping[str, bytes]
) -> Path:
    """Records and their kept pictures in a folder, as the handler's log and capture write them."""
    for record in records:
        body = pictures.get(record.prediction_id)
        if body is not None:
            where = partition(record.model.name, record.model.version, record.time)
            record = replace(record, capture=f"captures/{where}/{record.prediction_id}.png")
            _write(root / str(record.capture), body)
        _write(root / record.key, record.to_bytes())
    return root


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
