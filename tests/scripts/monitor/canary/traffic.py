"""Requests while an alias shifts: records of two versions, put as the function puts them."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from handler.records.record import Model, PredictionRecord
from tests.support.prediction_records import numbered

OLD, NEW = "7", "8"
Change = Callable[[PredictionRecord, np.random.Generator], PredictionRecord]


def unchanged(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    return record


def twice_as_many(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    """Each object is found twice."""
    detections = [each for each in record.detections for _ in range(2)]
    return with_detections(record, detections)


def one_in_two_rejected(record: PredictionRecord, random: np.random.Generator) -> PredictionRecord:
    if random.random() < 0.5:
        return record
    return dataclasses.replace(
        record, outcome="rejected", problem="urn:icebox:problem:undecodable", count=None,
        counts=None, detections=[], near_misses=[], at_model_threshold=None, below_floor=None,
    )  # fmt: skip


def with_detections(record: PredictionRecord, detections: list[Any]) -> PredictionRecord:
    count = len(detections)
    return dataclasses.replace(
        record,
        count=count,
        counts={"cell": count},
        detections=detections,
        at_model_threshold={"score": 0.3, "count": count},
    )


def make_shift(
    start: datetime,
    requests: int,
    *,
    minutes: float = 5.0,
    share: float = 0.1,
    change: Change = unchanged,
    model: Model | None = None,
    seed: int = 0,
) -> list[PredictionRecord]:
    """Records of requests, evenly over the minutes: the old version's, and at random the new
    one's, with a change; of pictures with one to nine objects. model: of the new version."""
    random = np.random.default_rng(seed)
    records = []
    for number in range(requests):
        record = numbered(number + 1, start + timedelta(minutes=minutes * number / requests))
        (box, *_), objects = record.detections, int(random.integers(1, 10))
        scores = np.sort(random.uniform(0.35, 0.95, objects))[::-1].round(4).tolist()
        record = with_detections(record, [{**box, "score": score} for score in scores])
        is_new = random.random() < share
        if is_new:
            record = change(record, random)
            record = dataclasses.replace(record, model=model or record.model)
        records.append(dataclasses.replace(record, function_version=NEW if is_new else OLD))
    return records


def put_objects(s3: Any, bucket: str, records: Iterable[PredictionRecord]) -> None:
    for record in records:
        s3.put_object(Bucket=bucket, Key=record.key, Body=record.to_bytes())


def put_batches(s3: Any, bucket: str, records: Iterable[PredictionRecord]) -> None:
    """Each version's records of one hour and model as one batch."""
    batches: dict[tuple[str, str | None], list[PredictionRecord]] = {}
    for record in records:
        folder = record.key.rpartition("/")[0]
        batches.setdefault((folder, record.function_version), []).append(record)
    for (folder, version), some in batches.items():
        lines = "".join(f"{record.to_json()}\n" for record in some)
        s3.put_object(
            Bucket=bucket,
            Key=f"{folder}/{some[0].prediction_id}-{version}.jsonl.gz",
            Body=gzip.compress(lines.encode()),
        )
