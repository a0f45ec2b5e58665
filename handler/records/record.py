"""The PredictionRecord of schema `prediction/2`: what is logged of one prediction, and its S3 key.

A record holds what the model saw and answered, for monitoring: no pixels, no header, no key, no
client address. Every field is always present, null where it is unknown, so that a table reader
finds the same columns in every record. This module imports the standard library only: a monitor
reads records without loading ONNX Runtime. Records of `prediction/1`, which lack the newer fields,
are read for ever.
"""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "prediction/2"
READABLE_SCHEMAS = ("prediction/1", SCHEMA)


@dataclass(frozen=True)
class Model:
    """Which bundle predicted."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Image:
    """The picture's bytes; and, where they could be decoded, what images.statistics says of it.

    width, height: of the upright original, px. orientation: EXIF's, 1..8. luma_histogram: shares in
    16 equal bins, in ten-thousandths. red_to_green, blue_to_green: natural logarithms of the
    channel means' ratios. dhash: 64 bits in hex. embedding: 16 projections of a thumbnail.
    jpeg_quality: 1..100 as libjpeg counts it, null for other formats.
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
    # Records of prediction/1 have none of these.
    focus: float | None = None
    noise: float | None = None
    red_to_green: float | None = None
    blue_to_green: float | None = None
    luma_histogram: list[int] | None = None
    dhash: str | None = None
    embedding: list[float] | None = None
    jpeg_quality: int | None = None


@dataclass(frozen=True)
class PredictionRecord:
    """One prediction, or a request that was rejected before there was one.

    detections, near_misses: as `listing` makes them. outcome: "ok" or "rejected". problem: its
    type. tiles: as `tiles` tells them. warnings: sentences, as in the answer. at_model_threshold:
    the model's own `score` threshold, and the `count` of detections above it, whichever threshold
    the request had. below_floor: `count` and `score_sum` of what scored below the model's score
    floor, from `from_score` up. capture: the key of the kept picture, null if none is kept.
    function_version: of the Lambda function, null outside Lambda.
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
    # Records from before these were known have none of them.
    tiles: dict[str, int] | None = None
    warnings: list[str] = field(default_factory=list)
    at_model_threshold: dict[str, float] | None = None
    below_floor: dict[str, float] | None = None
    capture: str | None = None
    function_version: str | None = None
    schema: str = SCHEMA

    @property
    def key(self) -> str:
        """Where the record lies under the log's root."""
        where = partition(self.model.name, self.model.version, self.time)
        return f"predictions/{where}/{self.prediction_id}.json.gz"

    def to_json(self) -> str:
        """One line of JSON. NaN and infinity, which JSON does not know, are null."""
        # dataclasses.asdict copies every number of every box, which is half of a record's time.
        image = vars(self.image) if self.image else None
        fields = {**vars(self), "model": vars(self.model), "image": image}
        try:
            return _dump(fields)
        except ValueError:
            return _dump(_without_nan(fields))

    def to_bytes(self) -> bytes:
        """The gzipped JSON; the same bytes each time, so that a second write changes nothing."""
        return gzip.compress(self.to_json().encode(errors="backslashreplace"), mtime=0)

    @classmethod
    def from_json(cls, text: str | bytes) -> PredictionRecord:
        """Read a record back; one of an older schema keeps its name. Raises ValueError where it is
        none of READABLE_SCHEMAS."""
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.get("schema") not in READABLE_SCHEMAS:
            raise ValueError(
                f"not a prediction record of {' or '.join(READABLE_SCHEMAS)}: {str(raw)[:80]}"
            )
        try:
            image = None if raw["image"] is None else Image(**raw["image"])
            return cls(**{**raw, "model": Model(**raw["model"]), "image": image})
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"a prediction record with missing or unknown fields: {error}"
            ) from None


def _dump(fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return value


def partition(name: str, version: str, time: str) -> str:
    """Hive partitions of a model's name and version and of an RFC 3339 time in UTC."""
    return f"model={name}/version={version}/dt={time[:10]}/hour={time[11:13]}"
