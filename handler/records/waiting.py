"""The records that wait in this environment for others, to be written as one object.

A frozen environment runs nothing: whether they have waited long enough is asked in each invocation.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from handler.records.destination import Batching
from handler.records.log_lines import Entry

MOST_BYTES = 4 * 1024 * 1024  # of JSON: as objects, records take several times as much memory


class Waiting:
    """Not safe in several threads: its log holds a lock around it."""

    def __init__(self, batching: Batching) -> None:
        self.entries: list[Entry] = []
        self._batching = batching
        self._bytes = 0
        self._since = (0.0, 0.0)

    def add(self, entries: Sequence[Entry]) -> list[Entry]:
        """Take more entries. Returns those that it is time to write, which wait no longer: all,
        or those of an earlier hour than the last one's."""
        for entry in entries:
            if not self.entries:
                self._since = (time.monotonic(), time.time())
            self.entries.append(entry)
            self._bytes += _size(entry)
        if not self.entries:
            return []
        if (
            len(self.entries) >= self._batching.records
            or self._bytes >= MOST_BYTES
            or self._age_s() >= self._batching.seconds
        ):
            return self._leave(self.entries)
        hour = _folder(self.entries[-1])
        return self._leave([entry for entry in self.entries if _folder(entry) != hour])

    def _leave(self, due: list[Entry]) -> list[Entry]:
        if due:
            gone = set(due)
            self.entries = [entry for entry in self.entries if entry not in gone]
            self._bytes = sum(map(_size, self.entries))
            self._since = (time.monotonic(), time.time())
        return due

    def _age_s(self) -> float:
        """By either clock: the one may stand still in a frozen environment, the other may jump."""
        since, at = self._since
        return max(time.monotonic() - since, abs(time.time() - at))


def _folder(entry: Entry) -> str:
    return entry.record.key.rpartition("/")[0]


def _size(entry: Entry) -> int:
    try:
        return len(entry.record.to_json())
    except Exception:  # a bug, told where it is written
        return 0
