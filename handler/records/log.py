"""The prediction log: delivers each record after the response, at last prints it; none is lost.

One URL chooses where (handler/records/destination.py). A record that is taken too slowly is
printed, and may be stored as well: readers know it by its prediction_id.
"""

from __future__ import annotations

import math
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from handler.records.delivery import CONNECT_S, READ_S, Delivery, UnavailableError
from handler.records.destination import Batching, parse_destination
from handler.records.log_lines import Entry, LogLines
from handler.records.objects import ObjectEach, ObjectOfMany, put_into
from handler.records.retries import RETRY_BUDGET_S, Retries
from handler.records.stream import Stream
from handler.records.waiting import Waiting
from handler.storage.store import open_store

if TYPE_CHECKING:
    from handler.records.record import PredictionRecord

PRINT_BEFORE_END_S = 0.5  # an unwritten record is printed this long before the invocation's end


class PredictionLog:
    """Writes records and never raises.

    delivery: the way to where they are kept. out: where a record goes that is not taken (default:
    stdout). batching: None to deliver the records of each invocation at once.
    """

    def __init__(
        self, delivery: Delivery, out: TextIO | None = None, batching: Batching | None = None
    ) -> None:
        self.lines = LogLines(out)
        self.retries = Retries(delivery, self.lines)
        self._has_journal = batching is not None and batching.has_journal
        self._waiting = Waiting(batching) if batching else None
        self._unwritten: list[UnwrittenRecords] = []

    def add(self, records: Iterable[PredictionRecord]) -> UnwrittenRecords:
        """Take over the records of one invocation; `write` of the result stores or prints them."""
        unwritten = UnwrittenRecords(self, records)
        with self.lines.lock:
            self._unwritten.append(unwritten)
        return unwritten

    def write_all(self, records: Iterable[PredictionRecord], within_s: float = math.inf) -> None:
        """Write the records of one invocation. within_s: what is left of it."""
        self.add(records).write(within_s)

    def write(self, record: PredictionRecord, *, within_s: float = math.inf) -> None:
        """Store a record or print it. within_s: what is left of the invocation."""
        self.write_all([record], within_s)

    def print_unwritten(self, reason: str) -> None:
        """Print every record taken over and neither stored nor journaled: the process is about to
        end."""
        error = InterruptedError(reason)
        with self.lines.lock:
            for unwritten in self._unwritten:
                unwritten.print_rest(error)
            for entry in self._waiting.entries if self._waiting else ():
                if not entry.is_journaled:
                    self.lines.print(entry, error)

    def _due(self, unwritten: UnwrittenRecords) -> UnwrittenRecords | None:
        """What to write now in place of an invocation's records: them, or a batch that is due."""
        if self._waiting is None:
            return unwritten
        with self.lines.lock:
            entries = [entry for entry in unwritten.build() if not entry.is_printed]
            due = self._waiting.add(entries)
            self._unwritten.remove(unwritten)
            batch = UnwrittenRecords(self, (), due) if due else None
            if batch:
                self._unwritten.append(batch)
            for entry in self._waiting.entries if self._has_journal else ():
                self.lines.journal(entry)
        return batch

    def _forget(self, unwritten: UnwrittenRecords) -> None:
        with self.lines.lock:
            self._unwritten.remove(unwritten)


class UnwrittenRecords:
    """The records of one invocation, or of a batch that is due, until each is stored or printed.

    They are built one by one as they are written, or all at once where they must be printed or
    wait. entries: those that are built.
    """

    def __init__(
        self,
        log: PredictionLog,
        records: Iterable[PredictionRecord],
        entries: Iterable[Entry] = (),
    ) -> None:
        self._log = log
        self._unbuilt = iter(records)
        self._entries = list(entries)

    def write(self, within_s: float = math.inf) -> None:
        """Store each record, or print it before the time is up; where batches are written, write
        those that are due. within_s: left of the invocation. All tries share one budget."""
        due = self._log._due(self)
        if due is None:
            return
        timer = threading.Timer(
            max(0.0, min(RETRY_BUDGET_S + CONNECT_S + READ_S, within_s - PRINT_BEFORE_END_S)),
            due.print_rest,
            (TimeoutError("not stored in time"),),
        )
        timer.daemon = True
        timer.start()
        try:
            self._log.retries.deliver(due.build(), within_s)
        finally:
            timer.cancel()
            due.print_rest(UnavailableError("not tried: the time for all records is over"))
            self._log._forget(due)

    def print_rest(self, error: Exception) -> None:
        """Print what is neither stored nor printed. Safe in any thread."""
        with self._log.lines.lock:
            for entry in self.build():
                self._log.lines.print(entry, error)

    def build(self) -> Iterator[Entry]:
        """Every entry, those not yet built as they are asked for; another thread may build, too."""
        index = 0
        while True:
            with self._log.lines.lock:
                while index >= len(self._entries):
                    try:
                        self._entries.append(Entry(next(self._unbuilt)))
                    except StopIteration:
                        return
                    except Exception:  # a bug; the records behind it must not be lost with it
                        sys.stderr.write(f"a record is not built: {traceback.format_exc()}\n")
            yield self._entries[index]
            index += 1


def open_log(url: str) -> PredictionLog | None:
    """The log that a URL names, None for an empty one. Raises ValueError for any other URL."""
    to = parse_destination("PREDICTION_LOG", url)
    if to.stream:
        return PredictionLog(Stream(to.stream))
    # No retries by boto3: the log's own keep one budget over all of them.
    store = open_store("PREDICTION_LOG", to.store, connect_s=CONNECT_S, read_s=READ_S, tries=1)
    if store is None:
        return None
    put = put_into(store)
    delivery = ObjectOfMany(put) if to.batching else ObjectEach(put)
    return PredictionLog(delivery, batching=to.batching)
