"""Builds the PredictionRecords of an answered invocation."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from handler.bundle.manifest import Manifest
from handler.images.statistics import statistics
from handler.invocation import Invocation
from handler.records.record import Image, Model, PredictionRecord


def build_records(invocation: Invocation, manifest: Manifest) -> Iterator[PredictionRecord]:
    """One for each picture, built as it is asked for: after the response, where work costs nobody
    time."""
    # Unlike a generator, it goes on behind a record that a bug keeps from being built.
    return map(partial(_build_record, manifest=manifest), invocation.recorded())


def _build_record(invocation: Invocation, manifest: Manifest) -> PredictionRecord:
    request, prediction = invocation.request, invocation.prediction
    received = datetime.fromtimestamp(invocation.received_s, UTC)
    classes = manifest.classes
    return PredictionRecord(
        prediction_id=invocation.id,
        time=received.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        route=invocation.route,
        model=Model(manifest.name, manifest.version, manifest.sha256),
        image=_image(invocation),
        thresholds=dataclasses.asdict(request.thresholds) if request else None,
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
    )


def _image(invocation: Invocation) -> Image | None:
    if invocation.request is None:
        return None
    image_bytes = invocation.request.image_bytes
    sha256 = hashlib.sha256(image_bytes).hexdigest()
    if invocation.prediction is None:
        return Image(sha256, len(image_bytes))
    picture = invocation.prediction.picture
    brightness, contrast, sharpness = statistics(invocation.prediction.output.content)
    return Image(
        sha256=sha256,
        bytes=len(image_bytes),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        brightness=brightness,
        contrast=contrast,
        sharpness=sharpness,
    )
