"""Delivers records with further tries within one budget, and prints what is refused."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from handler.records.delivery import Delivery, UnavailableError
from handler.records.log_lines import Entry, LogLines

RETRY_BUDGET_S = 4.0  # for all tries of an invocation's records; the last try may still end then
FIRST_PAUSE_S = 0.1


class Retries:
    """A delivery with its tries.

    failures: invocations in a row that the delivery failed. While it keeps failing, the budget is
    half of that of the invocation before, so that an outage does not bill seconds for every
    request; the first records always get one try, and once any are taken the full budget is back.
    """

    def __init__(self, delivery: Delivery, lines: LogLines) -> None:
        self.failures = 0
        self._delivery = delivery
        self._lines = lines

    def deliver(self, entries: Iterable[Entry], within_s: float) -> None:
        """Mark each entry that is delivered, and print each that is refused or failed for good.

        Those that were not tried in time are neither. within_s: what is left of the invocation.
        """
        started = time.monotonic()

        def is_over(more_s: float = 0.0) -> bool:
            budget_s = min(within_s, RETRY_BUDGET_S * 0.5 ** min(self.failures, 10))
            return time.monotonic() - started + more_s >= budget_s

        pause_s, has_tried, has_failed = FIRST_PAUSE_S, False, False
        to_try = iter(entries)
        while True:
            unavailable: list[tuple[Entry, str]] = []
            waiting = self._take([], to_try)
            while waiting:
                if has_tried and is_over():
                    has_failed = True
                    break
                if has_tried and any(entry.is_printed for entry in waiting):
                    has_failed = True
                    waiting = [entry for entry in waiting if not entry.is_printed]
                if waiting:
                    has_tried = True
                    outcomes = self._send(waiting)
                    for entry, error in zip(waiting, outcomes, strict=False):
                        if error is None:
                            entry.is_stored = True
                            self.failures = 0
                        elif isinstance(error, UnavailableError):
                            unavailable.append((entry, str(error)))
                        else:
                            has_failed = True
                            self._lines.print(entry, error)
                    waiting = waiting[len(outcomes) :]
                waiting = self._take(waiting, to_try)
            if not unavailable:
                break
            if is_over(pause_s):
                has_failed = True
                for entry, reason in unavailable:
                    self._lines.print(entry, UnavailableError(reason))
                break
            time.sleep(pause_s * random.uniform(0.5, 1.0))  # apart: many environments fail at once
            pause_s *= 2
            to_try = iter([entry for entry, _ in unavailable if not entry.is_printed])
        self.failures = self.failures + 1 if has_failed else 0

    def _take(self, waiting: list[Entry], to_try: Iterator[Entry]) -> list[Entry]:
        return waiting + list(islice(to_try, self._delivery.most - len(waiting)))

    def _send(self, waiting: list[Entry]) -> Sequence[Exception | None]:
        """What became of the first entries, one at least."""
        try:
            outcomes = self._delivery.send([entry.record for entry in waiting])
            return outcomes or [RuntimeError("nothing was tried")]
        except Exception as error:  # a bug; no record is lost with it
            return [error] * len(waiting)
