"""Builds the PredictionRecords of an answered invocation.

The record's module is imported with the first one, after the response.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from handler.bundle.manifest import Manifest
from handler.detection.prediction import Prediction
from handler.images.statistics import statistics
from handler.invocation import Invocation

if TYPE_CHECKING:
    from handler.records.record import Image, PredictionRecord


def build_records(
    invocation: Invocation, manifest: Manifest, function_version: str | None = None
) -> Iterator[PredictionRecord]:
    """One for each picture, built as it is asked for: after the response, where work costs nobody
    time."""
    # Unlike a generator, it goes on behind a record that a bug keeps from being built.
    build = partial(_build_record, manifest=manifest, function_version=function_version)
    return map(build, invocation.recorded())


def _build_record(
    invocation: Invocation, manifest: Manifest, function_version: str | None
) -> PredictionRecord:
    from handler.records.record import Model, PredictionRecord

    request, prediction = invocation.request, invocation.prediction
    received = datetime.fromtimestamp(invocation.received_s, UTC)
    classes = manifest.classes
    return PredictionRecord(
        prediction_id=invocation.id,
        time=received.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        route=invocation.route,
        model=Model(manifest.name, manifest.version, manifest.sha256),
        image=_image(invocation),
        thresholds=request.thresholds._asdict() if request else None,
        count=len(prediction.detections) if prediction else None,
        counts=prediction.counts() if prediction else None,
        detections=prediction.detections.to_json(classes) if prediction else [],
        near_misses=prediction.output.near_misses.to_json(classes) if prediction else [],
        timing_ms=invocation.timing_ms(),
        cold_start=invocation.cold_start,
        outcome="ok" if prediction else "rejected",
        problem=invocation.problem[0] if invocation.problem else None,
        tiles=prediction.grid.to_json() if prediction and prediction.grid else None,
        warnings=list(prediction.warnings) if prediction else [],
        at_model_threshold=_at_model_threshold(prediction, manifest),
        below_floor=dataclasses.asdict(prediction.output.below_floor)
        if prediction and prediction.output.below_floor
        else None,
        capture=invocation.capture,
        function_version=function_version,
    )


def _at_model_threshold(
    prediction: Prediction | None, manifest: Manifest
) -> dict[str, float] | None:
    if prediction is None or prediction.output.above_model is None:
        return None
    return {"score": manifest.thresholds.score, "count": prediction.output.above_model}


def _image(invocation: Invocation) -> Image | None:
    from handler.records.record import Image

    if invocation.request is None:
        return None
    image_bytes = invocation.request.image_bytes
    sha256 = hashlib.sha256(image_bytes).hexdigest()
    if invocation.prediction is None:
        return Image(sha256, len(image_bytes))
    picture = invocation.prediction.picture
    pixels = statistics(invocation.prediction.output.content)
    return Image(
        sha256=sha256,
        bytes=len(image_bytes),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        jpeg_quality=picture.jpeg_quality,
        **pixels._asdict(),
    )
