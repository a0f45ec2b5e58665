"""Feedback: a correction of a prediction, stored beside the prediction log (`feedback/1`)."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from handler.bundle.manifest import Manifest
from handler.problems import NotFound, quote
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


def save(
    store: Store,
    prediction_id: str,
    correction: Correction,
    manifest: Manifest,
    *,
    finds_records: bool = True,
) -> tuple[Feedback, bool]:
    """Store a correction under `feedback/`, and tell whether its prediction was found.

    It lies in the prediction's partition. Where the prediction cannot be looked for, it lies in
    that of its own hour, and whoever joins the two by the id finds out whether there is one.
    finds_records: whether each record has an object of its own in `store`. Raises NotFound for an
    id that no prediction has, and for a prediction that this model did not make within
    MAX_AGE_HOURS.
    """
    now = datetime.now(UTC)
    where = find_partition(store, prediction_id, manifest, now, finds_records=finds_records)
    feedback = Feedback(
        feedback_id=uuid.uuid4().hex,
        prediction_id=prediction_id,
        time=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        model=Model(manifest.name, manifest.version, manifest.sha256),
        **dataclasses.asdict(correction),
    )
    name = f"{prediction_id}.{feedback.feedback_id}.json.gz"
    store.put(f"feedback/{where or next(_partitions(manifest, now))}/{name}", feedback.to_bytes())
    return feedback, where is not None


def find_partition(
    store: Store,
    prediction_id: str,
    manifest: Manifest,
    now: datetime,
    *,
    finds_records: bool = True,
) -> str | None:
    """The Hive partition of a prediction's record, from `model=` to `hour=`.

    None where the record has no object of its own, or may be in a batch or a compacted file, which
    are not read for it. Raises NotFound.
    """
    if not _ID.fullmatch(prediction_id):
        raise NotFound(f"{quote(prediction_id)} is no prediction_id of an answer")
    if not finds_records:
        return None
    hours = list(_partitions(manifest, now))
    for newest in hours[:2]:  # most feedback comes within minutes
        if _has_record(store, newest, prediction_id):
            return newest
    with ThreadPoolExecutor(THREADS) as pool:
        has = pool.map(lambda hour: _has_record(store, hour, prediction_id), hours[2:])
        for hour, is_there in zip(hours[2:], has, strict=True):
            if is_there:
                return hour
        if any(pool.map(store.has_any, _of_many(hours))):
            return None
    raise NotFound(
        f"{manifest.name} {manifest.version} made no prediction {prediction_id!r} in the last "
        f"{MAX_AGE_HOURS} hours; expected the prediction_id of an answer"
    )


def _of_many(hours: Sequence[str]) -> list[str]:
    """Prefixes of keys of objects that hold records of many predictions."""
    days = dict.fromkeys(hour.rpartition("/")[0] for hour in hours)
    return [
        *(f"compacted/{day}/" for day in days),
        *(f"predictions/{hour}/batch-" for hour in hours),
    ]


def _partitions(manifest: Manifest, now: datetime) -> Iterator[str]:
    for back in range(MAX_AGE_HOURS + 1):
        at = now - timedelta(hours=back)
        yield partition(manifest.name, manifest.version, at.strftime("%Y-%m-%dT%H"))


def _has_record(store: Store, where: str, prediction_id: str) -> bool:
    return store.has(f"predictions/{where}/{prediction_id}.json.gz")
