"""The records of a shift: what both versions answered while requests moved from one to the other.

Only the partitions of the shift's hours are listed, only objects that were put since the new
version is there are read, and no more than a bounded number of them: which ones, the hash of their
names says, that knows nothing of what is in them.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scripts.records.chunk import Chunk, Filter, read_chunk
from scripts.records.join import join_parts
from scripts.records.observations import Observations
from scripts.records.partitions import PREDICTIONS, find_streams, in_chunks
from scripts.records.source import Item, Source
from scripts.records.window import HOUR, Window

MAX_OBJECTS = 6_000
MAX_BYTES = 24 << 20  # of gzip; a record has about 2 KB
# An object of a batch may lie in the hour before, and clocks of two machines differ.
SLACK = timedelta(minutes=2)
# How late the record of an answer may be in the bucket: written after the response, or in a batch
# that an environment has had for a minute, which is what template.yaml asks for.
LATE = timedelta(seconds=10)
LATE_BATCH = timedelta(seconds=75)

_BATCH = ".jsonl.gz"
_PART = re.compile(r"-\d{1,4}$")  # of the pictures of one request: the request's id, and a number
_NO_VERSION = ("", "$LATEST")  # not known, or a call by hand


@dataclass(frozen=True, eq=False)
class Traffic:
    """rows: of all versions, oldest first. late: how late records may be. left_out: objects that
    were not read, since there are too many. corrupt: objects that hold no record."""

    rows: Observations
    late: timedelta
    left_out: int
    corrupt: int


@dataclass(frozen=True, eq=False)
class Shift:
    """n records of the two versions. rows: oldest first, from behind the first request that the new
    version got. is_new: (n,). requests: (n,), a number for each request. minutes: (n,), since
    `start`, when that first request came; all of one request are of one minute."""

    live_version: str
    new_version: str
    start: datetime
    rows: Observations
    is_new: NDArray[np.bool_]
    requests: NDArray[np.int64]
    minutes: NDArray[np.int64]

    def select(self, rows: NDArray[np.bool_]) -> Shift:
        return Shift(
            self.live_version,
            self.new_version,
            self.start,
            self.rows.select(rows),
            self.is_new[rows],
            self.requests[rows],
            self.minutes[rows],
        )

    def until(self, minute: int) -> Shift:
        """The first minutes."""
        return self.select(self.minutes < minute)

    def until_last_live(self) -> Shift:
        """Without what came after requests had moved: as the first request of the new version is
        not counted, since the start was chosen by it, so is not the last one of the old."""
        live = np.flatnonzero(~self.is_new)
        if not len(live):
            return self.select(np.zeros(len(self.is_new), bool))
        last = live[-1]
        before = np.arange(len(self.is_new)) < last
        return self.select(before & (self.requests != self.requests[last]))


def read_traffic(source: Source, since: datetime, now: datetime) -> Traffic:
    """Records that were put since a time. Raises ToolError where the source cannot be read."""
    items = [item for item in _items(source, since, now) if item.modified_s >= since.timestamp()]
    chosen = _bounded(items)
    wanted = Filter(Window(since - SLACK, now + HOUR))
    parts = [read_chunk(Chunk(source.url, keys, wanted), source) for keys in in_chunks(chosen)]
    rows, _ = join_parts(parts)
    has_batches = any(item.key.endswith(_BATCH) for item in items)
    return Traffic(
        rows,
        LATE_BATCH if has_batches else LATE,
        len(items) - len(chosen),
        sum(part.corrupt_count for part in parts),
    )


def find_shift(traffic: Traffic, new_version: str, live_version: str | None = None) -> Shift | None:
    """The records since the new version got its first request; None if it has got none.

    live_version: None takes the one that answered most of the others.
    """
    rows = traffic.rows
    versions = rows.facts["function_version"]
    is_new = versions == new_version
    if not is_new.any():
        return None
    first = int(np.argmax(is_new))
    names = [_PART.sub("", each) for each in rows.facts["prediction_id"].tolist()]
    _, requests = np.unique(np.array(names, dtype=str), return_inverse=True)
    start = rows.facts["time"][first]
    if live_version is None:
        others = Counter(each for each in versions[first:].tolist() if each != new_version)
        for unknown in _NO_VERSION:
            others.pop(unknown, None)
        live_version = max(others, key=lambda each: (others[each], each), default="")
    kept = (np.arange(len(rows)) > first) & (is_new | (versions == live_version))
    kept &= requests != requests[first]
    chosen = rows.select(kept)
    return Shift(
        live_version,
        new_version,
        start.astype("datetime64[ms]").item(),
        chosen,
        is_new[kept],
        requests[kept],
        _minutes(chosen.facts["time"], requests[kept], start),
    )


def _minutes(
    times: NDArray[np.datetime64], requests: NDArray[np.int64], start: np.datetime64
) -> NDArray[np.int64]:
    """The minute in which a request's first record came, (n,)."""
    minutes = (times - start) // np.timedelta64(60_000, "ms")
    _, first, units = np.unique(requests, return_index=True, return_inverse=True)
    of_request: NDArray[np.int64] = minutes.astype(np.int64)[first][units]
    return of_request


def _items(source: Source, since: datetime, now: datetime) -> Iterator[Item]:
    hour = (since - SLACK).replace(minute=0, second=0, microsecond=0)
    hours = []
    while hour <= now:
        hours.append(f"dt={hour:%Y-%m-%d}/hour={hour:%H}/")
        hour += HOUR
    for stream in find_streams(source, (PREDICTIONS,)):
        for folder in hours:
            for item in source.items(f"{PREDICTIONS}/{stream.folder}/{folder}"):
                if item.key.endswith(".gz"):
                    yield item


def _bounded(items: list[Item]) -> list[Item]:
    """At most MAX_OBJECTS and MAX_BYTES of them."""
    chosen: list[Item] = []
    size = 0
    for item in sorted(items, key=lambda each: (zlib.crc32(each.key.encode()), each.key)):
        size += item.size
        if len(chosen) == MAX_OBJECTS or (chosen and size > MAX_BYTES):
            break
        chosen.append(item)
    return chosen
