"""A finished call in; a PredictionRecord, its S3 key and its bytes out (schema `prediction/1`).

A record holds what the model saw and said, for monitoring: no pixels, no header, no key, no client
address. Every field is always there, null where it is not known, so that a table reader finds the
same columns in every record.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.bundle import Manifest
from handler.call import Call
from handler.detections import Detections
from handler.predict import Prediction

SCHEMA = "prediction/1"


@dataclass(frozen=True)
class Model:
    """Which bundle predicted."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Image:
    """The picture's bytes; and, where they could be decoded, what `statistics` says of it.

    width, height: of the upright original, px. orientation: EXIF's, 1..8.
    """

    sha256: str
    bytes: int
    format: str | None = None
    width: int | None = None
    height: int | None = None
    orientation: int | None = None
    brightness: float | None = None
    contrast: float | None = None
    sharpness: float | None = None


@dataclass(frozen=True)
class PredictionRecord:
    """One prediction, or a request that was rejected before there was one.

    detections, near_misses: as `listing` makes them. outcome: "ok" or "rejected". problem: its
    type. tiles: as `tiles` tells them.
    """

    prediction_id: str
    time: str  # RFC 3339, UTC, ms
    route: str
    model: Model
    image: Image | None
    thresholds: dict[str, float] | None
    count: int | None
    counts: dict[str, int] | None
    detections: list[dict[str, Any]]
    near_misses: list[dict[str, Any]]
    timing_ms: dict[str, float]
    cold_start: bool
    outcome: str
    problem: str | None
    tiles: dict[str, int] | None = None  # records from before it was known have none
    schema: str = SCHEMA

    @property
    def key(self) -> str:
        """Where the record lies under the log's root."""
        where = partition(self.model.name, self.model.version, self.time)
        return f"predictions/{where}/{self.prediction_id}.json.gz"

    def to_json(self) -> str:
        return json.dumps(
            dataclasses.asdict(self), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )

    def to_bytes(self) -> bytes:
        """The gzipped JSON; the same bytes each time, so that a second write changes nothing."""
        return gzip.compress(self.to_json().encode(), mtime=0)

    @classmethod
    def from_json(cls, text: str | bytes) -> PredictionRecord:
        """Read a record back. Raises ValueError where it is none of this schema."""
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
            raise ValueError(f"not a prediction record of schema {SCHEMA}: {str(raw)[:80]}")
        try:
            image = None if raw["image"] is None else Image(**raw["image"])
            return cls(**{**raw, "model": Model(**raw["model"]), "image": image})
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"a prediction record with missing or unknown fields: {error}"
            ) from None


def partition(name: str, version: str, time: str) -> str:
    """Hive partitions of a model's name and version and of an RFC 3339 time in UTC."""
    return f"model={name}/version={version}/dt={time[:10]}/hour={time[11:13]}"


def of_call(call: Call, manifest: Manifest) -> PredictionRecord:
    """The record of an answered call on a detection route."""
    prediction, ask = call.prediction, call.ask
    time = datetime.fromtimestamp(call.received_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return PredictionRecord(
        prediction_id=call.id,
        time=time,
        route=call.route,
        model=Model(manifest.name, manifest.version, manifest.sha256),
        image=_image(call),
        thresholds=dataclasses.asdict(ask.thresholds) if ask else None,
        count=len(prediction.detections) if prediction else None,
        counts=prediction.counts() if prediction else None,
        detections=listing(prediction.detections, prediction.classes) if prediction else [],
        near_misses=listing(prediction.found.near_misses, prediction.classes) if prediction else [],
        timing_ms=timing(call),
        cold_start=call.cold_start,
        outcome="ok" if prediction else "rejected",
        problem=call.problem[0] if call.problem else None,
        tiles=tiles(prediction) if prediction else None,
    )


def timing(call: Call) -> dict[str, float]:
    """What an answered call took in ms; of a rejected one only the total is known."""
    times = {"total": call.total_ms}
    if call.prediction:
        times = {
            "decode": call.prediction.decode_ms,
            "inference": call.prediction.found.inference_ms,
            **times,
        }
    return {name: round(milliseconds, 1) for name, milliseconds in times.items()}


def tiles(prediction: Prediction) -> dict[str, int] | None:
    """The tiles that a prediction was made in; None where the picture was looked at as a whole."""
    grid = prediction.tiles
    return {"columns": grid.columns, "rows": grid.rows} if grid else None


def listing(detections: Detections, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Detections as the API and the record write them: label, score (4 digits), box (2)."""
    # float32 is widened before rounding, or 0.1 would print as 0.10000000149
    scores = detections.scores.astype(float).round(4).tolist()
    boxes = detections.boxes.astype(float).round(2).tolist()
    return [
        {
            "label": classes[class_id],
            "score": score,
            "box": dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)),
        }
        for class_id, score, box in zip(detections.class_ids.tolist(), scores, boxes, strict=True)
    ]


def statistics(content: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Brightness (mean of luma, 0..1), contrast (its deviation), sharpness (its Laplacian's).

    content: uint8 (h, w, 3) RGB at the model's scale, without padding: so a large and a small photo
    compare.
    """
    luma = (
        content.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
    )
    laplacian = (
        luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    )  # empty where a side is below 3 px
    sharpness = float(laplacian.std()) if laplacian.size else 0.0
    return round(float(luma.mean()), 4), round(float(luma.std()), 4), round(sharpness, 4)


def _image(call: Call) -> Image | None:
    if call.ask is None:
        return None
    data = call.ask.data
    digest = hashlib.sha256(data).hexdigest()
    if call.prediction is None:
        return Image(digest, len(data))
    picture = call.prediction.picture
    brightness, contrast, sharpness = statistics(call.prediction.found.content)
    return Image(
        sha256=digest,
        bytes=len(data),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
        brightness=brightness,
        contrast=contrast,
        sharpness=sharpness,
    )
