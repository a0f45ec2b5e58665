"""A PredictionRecord in; an S3 object, a file or at last a line on stdout out: none is lost.

The sink is chosen by one URL: `s3://bucket[/prefix]` or `file:///folder`.
"""

from __future__ import annotations

import json
import math
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from handler.records.record import PredictionRecord
from handler.storage.location import S3Location, parse_location, s3_client, write_atomically

BUDGET_S = 4.0  # for all tries of one record; the last try may end CONNECT_S + READ_S later
CONNECT_S, READ_S = 1.0, 2.0
FIRST_PAUSE_S = 0.1
LAST_WORD_S = 0.5  # before the invocation's end a record still unwritten is printed

Put = Callable[[str, bytes], None]  # key, body; raises UnavailableError where another try may help


class UnavailableError(Exception):
    """The sink did not take the record but may take it soon: a timeout, a throttle, a 5xx."""


@dataclass
class PredictionLog:
    """Writes records. `write` never raises.

    put: the sink. out: where a record goes that the sink does not take (default: stdout).
    """

    put: Put
    out: TextIO | None = None
    failures: int = field(default=0, init=False)  # records in a row that the sink did not take

    def write(self, record: PredictionRecord, *, within_s: float = math.inf) -> None:
        """Store a record or print it. `within_s`: what is left of the invocation, when all stops.

        While the sink keeps failing, each record is given half the time of the one before, so that
        an outage does not bill seconds for every request; each still gets one try.
        """
        budget_s = min(within_s, BUDGET_S / 2 ** min(self.failures, 10))
        last_word = self._last_word(record, within_s - LAST_WORD_S)
        try:
            _retry(lambda: self.put(record.key, record.to_bytes()), time.monotonic() + budget_s)
            self.failures = 0
        except Exception as error:  # whatever a sink raises, the record must not go with it
            self.failures += 1
            if last_word is None or not last_word.finished.is_set():
                self._keep(record, error)
        finally:
            if last_word:
                last_word.cancel()

    def _last_word(self, record: PredictionRecord, after_s: float) -> threading.Timer | None:
        """Prints the record while a sink hangs; if that takes it after all, there are two."""
        if after_s > BUDGET_S + CONNECT_S + READ_S:
            return None
        timer = threading.Timer(
            max(0.0, after_s), self._keep, (record, TimeoutError("the invocation is about to end"))
        )
        timer.daemon = True
        timer.start()
        return timer

    def _keep(self, record: PredictionRecord, error: Exception) -> None:
        line = {
            "level": "ERROR",
            "message": "the prediction log did not take this record; it is kept here",
            "reason": f"{type(error).__name__}: {error}"[:500],
            "prediction_record": json.loads(record.to_json()),
        }
        out = self.out or sys.stdout
        out.write(json.dumps(line) + "\n")  # one write: two could be parted by another thread's
        out.flush()


def open_log(url: str) -> PredictionLog | None:
    """The log a URL names, None for an empty one. Raises ValueError where the URL names none."""
    place = parse_location("PREDICTION_LOG", url)
    if place is None:
        return None
    return PredictionLog(folder(place) if isinstance(place, Path) else s3(place))


def folder(root: Path) -> Put:
    """A sink of files under a folder, each there whole or not at all."""

    def put(key: str, body: bytes) -> None:
        write_atomically(root / key, body)

    return put


def s3(place: S3Location) -> Put:
    """A sink of objects in a bucket. boto3 and its client come with the first record."""
    client: Any = None

    def put(key: str, body: bytes) -> None:
        nonlocal client
        # A quarter of a second of a cold start, were it at the top.
        from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

        # The retries are ours, one bound over all of them.
        client = client or s3_client(connect_s=CONNECT_S, read_s=READ_S, tries=1)
        try:
            client.put_object(
                Bucket=place.bucket,
                Key=place.key(key),
                Body=body,
                ContentType="application/gzip",
            )
        except (ConnectionError, HTTPClientError) as error:  # no answer: DNS, connection, timeout
            raise UnavailableError(str(error)) from error
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            code = error.response.get("Error", {}).get("Code")
            if status >= 500 or status in (408, 409, 429) or code == "RequestTimeout":
                raise UnavailableError(str(error)) from error
            raise  # forbidden, no such bucket: another try would be told the same

    return put


def _retry(attempt: Callable[[], None], deadline: float) -> None:
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return attempt()
        except UnavailableError:
            if time.monotonic() + pause_s >= deadline:
                raise
        time.sleep(pause_s * random.uniform(0.5, 1.0))  # apart, where many environments fail
        pause_s *= 2
