"""Where the time of a training step goes: a clock of nested parts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OTHER = "other"  # what no part has


class StepClock:
    """Seconds of each part of each step. A part within another counts for the inner one alone, and
    what another thread does for none.

    on_step: called at the end of each step with its parts by name; what it takes itself counts for
    no step. wait: waits until the work that was begun is done, as a GPU's.
    """

    def __init__(
        self, on_step: Callable[[dict[str, float]], None], wait: Callable[[], object] = bool
    ) -> None:
        self._on_step, self._wait = on_step, wait
        self._thread = threading.get_ident()
        self._open = [OTHER]
        self._parts: dict[str, float] = {}
        self._since = time.perf_counter()

    def enter(self, name: str) -> None:
        if threading.get_ident() == self._thread:
            self._count()
            self._open.append(name)

    def leave(self) -> None:
        if threading.get_ident() == self._thread:
            self._count()
            self._open.pop()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self.enter(name)
        try:
            yield
        finally:
            self.leave()

    def end_step(self) -> None:
        self._count()
        parts, self._parts = self._parts, {}
        self._on_step(parts)
        self._since = time.perf_counter()

    def _count(self) -> None:
        self._wait()
        now = time.perf_counter()
        name = self._open[-1]
        self._parts[name] = self._parts.get(name, 0.0) + now - self._since
        self._since = now
