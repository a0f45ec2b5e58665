"""The pictures that were kept last, which a new version is tried with."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.monitor.canary.calls import MAX_EVENT_BYTES
from scripts.records.partitions import find_streams
from scripts.records.source import Item, Source

CAPTURES = "captures"
MAX_CAPTURES = 10
MAX_CAPTURE_BYTES = (MAX_EVENT_BYTES - 1000) * 3 // 4  # a call carries base64


def find_captures(source: Source, limit: int = MAX_CAPTURES) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the pictures that were kept last, the newest first. Those too large for a
    call are left out."""
    items: list[Item] = []
    for hours in _newest_hours(source):
        for hour in hours:
            items += (item for item in source.items(hour) if item.size <= MAX_CAPTURE_BYTES)
        if len(items) >= limit:
            break
    items.sort(key=lambda item: (-item.modified_s, item.key))
    for item in items[:limit]:
        if (image_bytes := source.get(item.key)) is not None:
            yield item.key.rpartition("/")[2], image_bytes


def _newest_hours(source: Source) -> Iterator[list[str]]:
    """Prefixes of the hours that have pictures, those of one hour together, the newest first: a day
    may have pictures by the ten thousand."""
    folders = [f"{CAPTURES}/{stream.folder}/" for stream in find_streams(source, (CAPTURES,))]
    days = {day for folder in folders for day in source.folders(folder)}
    for day in sorted(days, reverse=True):
        in_day = [f"{folder}{day}/" for folder in folders]
        found = [(hour, folder) for folder in in_day for hour in source.folders(folder)]
        for hour in sorted({hour for hour, _ in found}, reverse=True):
            yield [f"{folder}{hour}/" for each, folder in found if each == hour]
