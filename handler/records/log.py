"""The prediction log: writes each record to S3 or a folder, at last to stdout; none is lost.

One URL chooses where: `s3://bucket[/prefix]` or `file:///folder`. A record that the store takes too
slowly is printed, and may be stored as well: readers know it by its prediction_id.
"""

from __future__ import annotations

import json
import math
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

from handler.records.record import PredictionRecord
from handler.storage.s3 import is_transient
from handler.storage.store import Store, open_store

RETRY_BUDGET_S = 4.0  # for all tries of an invocation's records; the last try may still end then
CONNECT_S, READ_S = 1.0, 2.0  # the longest that one try takes
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
    failures: int = field(default=0, init=False)  # invocations in a row that the store failed
    # Held while a record is printed or marked: who ends the process waits for a line in progress.
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)
    _unwritten: list[RecordBatch] = field(default_factory=list, init=False, repr=False)

    def add(self, records: Iterable[PredictionRecord]) -> RecordBatch:
        """Take over the records of one invocation; `write` of the batch stores or prints them."""
        batch = RecordBatch(self, records)
        with self._lock:
            self._unwritten.append(batch)
        return batch

    def write_all(self, records: Iterable[PredictionRecord], within_s: float = math.inf) -> None:
        """Write the records of one invocation. within_s: what is left of it."""
        self.add(records).write(within_s)

    def write(self, record: PredictionRecord, *, within_s: float = math.inf) -> None:
        """Store a record or print it. within_s: what is left of the invocation."""
        self.write_all([record], within_s)

    def print_unwritten(self, reason: str) -> None:
        """Print every record taken over and not yet stored: the process is about to end."""
        with self._lock:
            for batch in self._unwritten:
                batch.print_rest(InterruptedError(reason))

    def _forget(self, batch: RecordBatch) -> None:
        with self._lock:
            self._unwritten.remove(batch)

    def _print(self, record: PredictionRecord, error: Exception) -> None:
        try:
            line = {
                "level": "ERROR",
                "message": "the prediction log did not take this record; it is kept here",
                "reason": f"{type(error).__name__}: {error}"[:500],
                "prediction_record": json.loads(record.to_json()),
            }
            out = self.out or sys.stdout
            out.write(json.dumps(line) + "\n")  # one write: another thread's could part two
            out.flush()
        except Exception:  # the records behind it must not be lost with it
            sys.stderr.write(f"{record.prediction_id} is lost: {traceback.format_exc()}\n")


@dataclass(eq=False)
class _Entry:
    record: PredictionRecord
    is_stored: bool = False
    is_printed: bool = False


class RecordBatch:
    """The records of one invocation, until each is stored or printed.

    They are built one by one as they are written, or all at once where they must be printed.
    """

    def __init__(self, log: PredictionLog, records: Iterable[PredictionRecord]) -> None:
        self._log = log
        self._unbuilt = iter(records)
        self._entries: list[_Entry] = []

    def write(self, within_s: float = math.inf) -> None:
        """Store each record, or print it before the time is up. within_s: left of the invocation.

        All tries share one budget. While the store keeps failing, it is half of that of the
        invocation before, so that an outage does not bill seconds for every request; the first
        record always gets one try, and once the store takes a record the full budget is back.
        """
        timer = threading.Timer(
            max(0.0, min(RETRY_BUDGET_S + CONNECT_S + READ_S, within_s - PRINT_BEFORE_END_S)),
            self.print_rest,
            (TimeoutError("not stored in time"),),
        )
        timer.daemon = True
        timer.start()
        try:
            self._store(within_s)
        finally:
            timer.cancel()
            self.print_rest(UnavailableError("not tried: the time for all records is over"))
            self._log._forget(self)

    def print_rest(self, error: Exception) -> None:
        """Print what is neither stored nor printed. Safe in any thread."""
        with self._log._lock:
            for _ in self._build():
                pass
            for entry in self._entries:
                self._print(entry, error)

    def _store(self, within_s: float) -> None:
        log, started = self._log, time.monotonic()

        def budget_s() -> float:
            return min(within_s, RETRY_BUDGET_S * 0.5 ** min(log.failures, 10))

        pause_s, has_tried, has_failed = FIRST_PAUSE_S, False, False
        to_try: Iterable[_Entry] = self._build()
        while True:
            unavailable: list[tuple[_Entry, str]] = []
            for entry in to_try:
                if has_tried and (entry.is_printed or time.monotonic() - started >= budget_s()):
                    has_failed = True
                    continue
                has_tried = True
                try:
                    log.put(entry.record.key, entry.record.to_bytes())
                except UnavailableError as error:
                    unavailable.append((entry, str(error)))
                except Exception as error:  # whatever a store raises, no record is lost with it
                    has_failed = True
                    self._print(entry, error)
                else:
                    entry.is_stored = True
                    log.failures = 0
            if not unavailable:
                break
            if time.monotonic() - started + pause_s >= budget_s():
                has_failed = True
                for entry, reason in unavailable:
                    self._print(entry, UnavailableError(reason))
                break
            time.sleep(pause_s * random.uniform(0.5, 1.0))  # apart: many environments fail at once
            pause_s *= 2
            to_try = [entry for entry, _ in unavailable if not entry.is_printed]
        log.failures = log.failures + 1 if has_failed else 0

    def _build(self) -> Iterator[_Entry]:
        """Every entry, those not yet built as they are asked for; another thread may build, too."""
        index = 0
        while True:
            with self._log._lock:
                while index >= len(self._entries):
                    try:
                        self._entries.append(_Entry(next(self._unbuilt)))
                    except StopIteration:
                        return
                    except Exception:  # a bug; the records behind it must not be lost with it
                        sys.stderr.write(f"a record is not built: {traceback.format_exc()}\n")
            yield self._entries[index]
            index += 1

    def _print(self, entry: _Entry, error: Exception) -> None:
        with self._log._lock:
            if not (entry.is_stored or entry.is_printed):
                self._log._print(entry.record, error)
                entry.is_printed = True


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
            raise UnavailableError(str(error)) from None
        raise
