"""Delivery into a store: one object for each record, or one object for many.

An object's key follows from the records in it, so that a second write of the same changes nothing.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from handler.records.delivery import UnavailableError
from handler.storage.s3 import is_transient
from handler.storage.store import Store

if TYPE_CHECKING:
    from handler.records.record import PredictionRecord

MOST_IN_A_BATCH = 10_000

Put = Callable[[str, bytes], None]  # key, body; raises UnavailableError where another try may help


class ObjectEach:
    """An object for each record, at the record's own key."""

    def __init__(self, put: Put) -> None:
        self.put = put

    @property
    def most(self) -> int:
        return 1

    def send(self, records: Sequence[PredictionRecord]) -> list[Exception | None]:
        try:
            self.put(records[0].key, records[0].to_bytes())
        except Exception as error:  # whatever a store raises, no record is lost with it
            return [error]
        return [None]


class ObjectOfMany:
    """An object of gzipped JSON lines for all records of one Hive partition."""

    def __init__(self, put: Put) -> None:
        self.put = put

    @property
    def most(self) -> int:
        return MOST_IN_A_BATCH

    def send(self, records: Sequence[PredictionRecord]) -> list[Exception | None]:
        where = _folder(records[0])
        batch = list(takewhile(lambda record: _folder(record) == where, records))
        outcome: Exception | None = None
        try:
            self.put(
                f"{where}/{batch_name(record.prediction_id for record in batch)}",
                batch_bytes(batch),
            )
        except Exception as error:
            outcome = error
        return [outcome] * len(batch)


def batch_name(prediction_ids: Iterable[str]) -> str:
    """The last part of a batch's key, which tells by the ids which records are in it."""
    ids = "\n".join(prediction_ids)
    return f"batch-{hashlib.sha256(ids.encode()).hexdigest()[:32]}.jsonl.gz"


def batch_bytes(records: Sequence[PredictionRecord]) -> bytes:
    """Gzipped JSON lines, the same bytes each time."""
    lines = "".join(f"{record.to_json()}\n" for record in records)
    return gzip.compress(lines.encode(errors="backslashreplace"), mtime=0)


def put_into(store: Store) -> Put:
    """The function that writes an object into a store."""
    return partial(_put, store)


def _folder(record: PredictionRecord) -> str:
    return record.key.rpartition("/")[0]


def _put(store: Store, key: str, body: bytes) -> None:
    try:
        store.put(key, body, "application/gzip")
    except Exception as error:
        if is_transient(error):
            raise UnavailableError(str(error)) from None
        raise
