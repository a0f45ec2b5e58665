"""Feedback: a correction of a prediction, stored beside the prediction log (`feedback/1`)."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from handler.bundle.manifest import Manifest
from handler.problems import NotFound
from handler.records.record import Model, partition
from handler.storage.store import Store

SCHEMA = "feedback/1"
MAX_AGE_HOURS = 48  # of a prediction that feedback is accepted for
THREADS = 8
# Lambda's request id, and the number of one of several pictures
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-[1-9][0-9]{0,3})?")


@dataclass(frozen=True)
class Correction:
    """What a person saw in the picture.

    detections: label and box (px of the upright original) of each. counts: of the detections, by
    class; null where only a count is known.
    """

    count: int | None
    counts: dict[str, int] | None
    detections: list[dict[str, Any]] | None
    comment: str | None


@dataclass(frozen=True)
class Feedback:
    """One correction of one prediction, joined by prediction_id. Of several the latest holds."""

    feedback_id: str
    prediction_id: str
    time: str  # RFC 3339, UTC, ms
    model: Model
    count: int | None
    counts: dict[str, int] | None
    detections: list[dict[str, Any]] | None
    comment: str | None
    schema: str = SCHEMA

    def to_bytes(self) -> bytes:
        text = json.dumps(dataclasses.asdict(self), ensure_ascii=True, separators=(",", ":"))
        return gzip.compress(text.encode(), mtime=0)


def save(store: Store, prediction_id: str, correction: Correction, manifest: Manifest) -> Feedback:
    """Store a correction in the partition of its prediction, under `feedback/`.

    Raises NotFound where this model made no such prediction within MAX_AGE_HOURS.
    """
    now = datetime.now(UTC)
    where = find_partition(store, prediction_id, manifest, now)
    feedback = Feedback(
        feedback_id=uuid.uuid4().hex,
        prediction_id=prediction_id,
        time=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        model=Model(manifest.name, manifest.version, manifest.sha256),
        **dataclasses.asdict(correction),
    )
    name = f"{prediction_id}.{feedback.feedback_id}.json.gz"
    store.put(f"feedback/{where}/{name}", feedback.to_bytes())
    return feedback


def find_partition(store: Store, prediction_id: str, manifest: Manifest, now: datetime) -> str:
    """The Hive partition of a prediction's record, from `model=` to `hour=`. Raises NotFound."""
    if _ID.fullmatch(prediction_id):
        hours = _partitions(manifest, now)
        for newest in (next(hours), next(hours)):  # most feedback comes within minutes
            if _has_record(store, newest, prediction_id):
                return newest
        older = list(hours)
        with ThreadPoolExecutor(THREADS) as pool:
            has = pool.map(lambda hour: _has_record(store, hour, prediction_id), older)
            for hour, is_there in zip(older, has, strict=True):
                if is_there:
                    return hour
    raise NotFound(
        f"{manifest.name} {manifest.version} made no prediction {prediction_id[:60]!r} in the last "
        f"{MAX_AGE_HOURS} hours; expected the prediction_id of an answer"
    )


def _partitions(manifest: Manifest, now: datetime) -> Iterator[str]:
    for back in range(MAX_AGE_HOURS + 1):
        at = now - timedelta(hours=back)
        yield partition(manifest.name, manifest.version, at.strftime("%Y-%m-%dT%H"))


def _has_record(store: Store, where: str, prediction_id: str) -> bool:
    return store.has(f"predictions/{where}/{prediction_id}.json.gz")
