"""The objects of records by Hive partition: which models, versions and days there are, and theirs.

`predictions/` and `feedback/` have an object for each record or batch in an hour's partition,
`compacted/` has Parquet files in a day's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from scripts.records.source import Item, Source
from scripts.records.window import Window

PREDICTIONS, COMPACTED, FEEDBACK = "predictions", "compacted", "feedback"
CHUNK_OBJECTS, CHUNK_BYTES = 4000, 12 << 20  # at most; records shrink to a quarter by gzip
_HOUR = re.compile(r"/hour=(\d\d)/")


class Stream(NamedTuple):
    """One version of one model."""

    model: str
    version: str

    @property
    def folder(self) -> str:
        return f"model={self.model}/version={self.version}"


def find_streams(
    source: Source, roots: tuple[str, ...], model: str | None = None, version: str | None = None
) -> list[Stream]:
    """Model versions that have anything below one of the roots, in order."""
    found = set()
    for root in roots:
        for name in _values(source, f"{root}/", "model", model):
            for each in _values(source, f"{root}/model={name}/", "version", version):
                found.add(Stream(name, each))
    return sorted(found)


def find_days(source: Source, root: str, stream: Stream) -> set[date]:
    """Days that a stream has anything of."""
    days = set()
    for text in _values(source, f"{root}/{stream.folder}/", "dt"):
        try:
            days.add(date.fromisoformat(text))
        except ValueError:
            continue
    return days


def list_objects(source: Source, root: str, stream: Stream, day: date) -> Iterator[Item]:
    """A day's objects with records or feedback, gzipped JSON."""
    for item in source.items(f"{root}/{stream.folder}/dt={day}/"):
        if item.key.endswith(".gz"):
            yield item


def list_parquet(source: Source, stream: Stream, day: date) -> Iterator[Item]:
    """A day's Parquet files of records."""
    for item in source.items(f"{COMPACTED}/{stream.folder}/dt={day}/"):
        if item.key.endswith(".parquet"):
            yield item


def is_in(window: Window, day: date, item: Item) -> bool:
    """Whether an object may hold records of the window, by the partition of its hour."""
    hour = _HOUR.search(item.key)
    return hour is None or int(hour[1]) > 23 or window.touches(day, int(hour[1]))


def in_chunks(
    items: Iterable[Item], max_objects: int = CHUNK_OBJECTS, max_bytes: int = CHUNK_BYTES
) -> Iterator[tuple[str, ...]]:
    """Keys of objects, as many as one task reads at once. max_bytes: of gzip."""
    keys: list[str] = []
    size = 0
    for item in items:
        if keys and (len(keys) >= max_objects or size + item.size > max_bytes):
            yield tuple(keys)
            keys, size = [], 0
        keys.append(item.key)
        size += item.size
    if keys:
        yield tuple(keys)


def _values(source: Source, prefix: str, name: str, wanted: str | None = None) -> Iterator[str]:
    """Values of the partition `name` below a prefix."""
    for folder in source.folders(prefix):
        found, _, value = folder.partition("=")
        if found == name and value and wanted in (None, value):
            yield value
