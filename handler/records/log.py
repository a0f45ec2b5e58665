"""The prediction log: writes each record to S3 or a folder, at last to stdout; none is lost.

One URL chooses where: `s3://bucket[/prefix]` or `file:///folder`.
"""

from __future__ import annotations

import json
import math
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

from handler.records.record import PredictionRecord
from handler.storage.s3 import is_transient
from handler.storage.store import Store, open_store

RETRY_BUDGET_S = 4.0  # for all tries of one record; the last may end CONNECT_S + READ_S later
CONNECT_S, READ_S = 1.0, 2.0
FIRST_PAUSE_S = 0.1
PRINT_BEFORE_END_S = 0.5  # an unwritten record is printed this long before the invocation's end

Put = Callable[[str, bytes], None]  # key, body; raises UnavailableError where another try may help


class UnavailableError(Exception):
    """The store did not take the record but may take it soon: a timeout, a throttle, a 5xx."""


@dataclass
class PredictionLog:
    """Writes records and never raises.

    put: the store. out: where a record goes that the store does not take (default: stdout).
    """

    put: Put
    out: TextIO | None = None
    failures: int = field(default=0, init=False)  # records in a row that the store did not take

    def write_all(self, records: Iterable[PredictionRecord], within_s: float = math.inf) -> None:
        """Write the records of one invocation. within_s: what is left of it."""
        deadline = time.monotonic() + within_s
        for record in records:
            self.write(record, within_s=deadline - time.monotonic())

    def write(self, record: PredictionRecord, *, within_s: float = math.inf) -> None:
        """Store a record or print it. within_s: what is left of the invocation.

        While the store keeps failing, each record gets half of the time of the one before, so that
        an outage does not bill seconds for every request; each still gets one try.
        """
        budget_s = min(within_s, RETRY_BUDGET_S / 2 ** min(self.failures, 10))
        timer = self._start_timer(record, within_s - PRINT_BEFORE_END_S)
        try:
            _retry(lambda: self.put(record.key, record.to_bytes()), time.monotonic() + budget_s)
            self.failures = 0
        except Exception as error:  # whatever a store raises, the record must not be lost with it
            self.failures += 1
            if timer is None or not timer.finished.is_set():
                self._print(record, error)
        finally:
            if timer:
                timer.cancel()

    def _start_timer(self, record: PredictionRecord, after_s: float) -> threading.Timer | None:
        """Prints the record while the store hangs; the store may take it later, too."""
        if after_s > RETRY_BUDGET_S + CONNECT_S + READ_S:
            return None
        timer = threading.Timer(
            max(0.0, after_s), self._print, (record, TimeoutError("the invocation is about to end"))
        )
        timer.daemon = True
        timer.start()
        return timer

    def _print(self, record: PredictionRecord, error: Exception) -> None:
        line = {
            "level": "ERROR",
            "message": "the prediction log did not take this record; it is kept here",
            "reason": f"{type(error).__name__}: {error}"[:500],
            "prediction_record": json.loads(record.to_json()),
        }
        out = self.out or sys.stdout
        out.write(json.dumps(line) + "\n")  # one write: another thread's could part two
        out.flush()


def open_log(url: str) -> PredictionLog | None:
    """The log that a URL names, None for an empty one. Raises ValueError for any other URL."""
    # No retries by boto3: the log's own keep one budget over all of them.
    store = open_store("PREDICTION_LOG", url, connect_s=CONNECT_S, read_s=READ_S, tries=1)
    return PredictionLog(partial(_put, store)) if store else None


def _put(store: Store, key: str, body: bytes) -> None:
    try:
        store.put(key, body, "application/gzip")
    except Exception as error:
        if is_transient(error):
            raise UnavailableError(str(error)) from error
        raise


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
