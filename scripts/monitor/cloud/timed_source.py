"""A source that ends what reads from it once the time is up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from scripts.records.source import Item, Source


class OutOfTimeError(Exception):
    """The run must end; what was being done is left to the next one."""


class TimedSource:
    """source: what it passes on to. check: called before each request; raises to end the work."""

    def __init__(self, source: Source, check: Callable[[], None]) -> None:
        self.url, self.threads = source.url, source.threads
        self._source = source
        self._check = check

    def folders(self, prefix: str) -> list[str]:
        self._check()
        return self._source.folders(prefix)

    def items(self, prefix: str) -> Iterator[Item]:
        for item in self._source.items(prefix):
            self._check()
            yield item

    def get(self, key: str) -> bytes | None:
        self._check()
        return self._source.get(key)

    def get_file(self, key: str, path: Path) -> bool:
        self._check()
        return self._source.get_file(key, path)

    def local_path(self, key: str) -> Path | None:
        return self._source.local_path(key)

    def put(self, key: str, body: bytes | Path) -> bool:
        self._check()
        return self._source.put(key, body)

    def delete(self, keys: Iterable[str]) -> None:
        self._check()
        self._source.delete(keys)
