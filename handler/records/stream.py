"""Delivery into an Amazon Data Firehose stream, as lines of JSON, by PutRecordBatch.

Firehose turns them into Parquet and writes them into the bucket. A request may succeed in part:
only the records that it names as failed are sent again. A request whose answer got lost may have
been taken, so that a record may be there twice: readers know it by its prediction_id.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from handler.records.delivery import CONNECT_S, READ_S, UnavailableError
from handler.storage.firehose import firehose_client
from handler.storage.s3 import is_transient

if TYPE_CHECKING:
    from handler.records.record import PredictionRecord

# Limits of PutRecordBatch, which cannot be raised (Amazon Data Firehose API Reference)
MOST_RECORDS = 500
MOST_RECORD_BYTES = 1000 * 1024  # before base64
MOST_BYTES = 3 * 1024 * 1024  # 4 MiB in base64: on the safe side, the reference does not say which


class TooLargeError(Exception):
    """A record larger than Firehose takes."""


class Stream:
    """A stream by its name. The first request imports boto3 and creates the client."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def most(self) -> int:
        return MOST_RECORDS

    @cached_property
    def _client(self) -> Any:
        return firehose_client(connect_s=CONNECT_S, read_s=READ_S)

    def send(self, records: Sequence[PredictionRecord]) -> list[Exception | None]:
        try:
            first = _line(records[0])
        except Exception as error:  # a bug; the records behind it must not be lost with it
            return [error]
        if len(first) > MOST_RECORD_BYTES:
            return [TooLargeError(f"{len(first):,} bytes, Firehose takes {MOST_RECORD_BYTES:,}")]
        lines = [first, *_fitting(records[1:], MOST_BYTES - len(first))]
        try:
            answer = self._client.put_record_batch(
                DeliveryStreamName=self._name, Records=[{"Data": line} for line in lines]
            )
            told = answer["RequestResponses"]
        except Exception as error:
            known = UnavailableError(str(error)) if is_transient(error) else error
            return [known] * len(lines)
        if len(told) != len(lines):
            return [UnavailableError(f"{len(told)} answers to {len(lines)} records")] * len(lines)
        return [_failure(each) for each in told]


def _line(record: PredictionRecord) -> bytes:
    return record.to_json().encode(errors="backslashreplace") + b"\n"


def _fitting(records: Sequence[PredictionRecord], left: int) -> list[bytes]:
    """The lines of the first records, as many as one request takes. left: bytes of it."""
    lines: list[bytes] = []
    for record in records:
        try:
            line = _line(record)
        except Exception:  # told when it is the first
            break
        left -= len(line)
        if left < 0 or len(line) > MOST_RECORD_BYTES:
            break
        lines.append(line)
    return lines


def _failure(told: dict[str, Any]) -> Exception | None:
    """What Firehose tells of one record: a code only of one that it did not take just now."""
    code = told.get("ErrorCode")
    return UnavailableError(f"{code}: {told.get('ErrorMessage')}") if code else None
