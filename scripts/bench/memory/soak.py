"""The long run: many requests to one environment, its memory after each, and at each one's peak.

Growth is the median of the last window of requests over the median of the first one after the
environment has settled: a window has large and small pictures, so what one of them leaves behind
for the next does not count.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from scripts.bench.memory.function import FunctionProcess, Taken
from scripts.bench.memory.traffic import LARGEST, choose, write_events
from scripts.tool import ToolError

SETTLED = 0.2  # of the requests
WINDOW = 0.1
MIN_REQUESTS = 50


@dataclass(frozen=True)
class Soak:
    """What the run took, in MB.

    init: before the first request. requests: what each took. kinds: the kind of each. alone: the
    peak of the largest request in an environment of its own.
    """

    init: float
    requests: tuple[Taken, ...]
    kinds: tuple[str, ...]
    alone: float

    @property
    def settled(self) -> float:
        first = int(len(self.requests) * SETTLED)
        return self._median(first, first + self._window)

    @property
    def end(self) -> float:
        return self._median(len(self.requests) - self._window, len(self.requests))

    @property
    def growth(self) -> float:
        """A share, of `settled`."""
        return self.end / self.settled - 1

    @property
    def peak(self) -> float:
        return max(taken.peak for taken in self.requests)

    @property
    def peak_ratio(self) -> float:
        """Of the peak alone."""
        return self.peak / self.alone

    @property
    def statuses(self) -> Counter[int]:
        return Counter(taken.status for taken in self.requests)

    @property
    def _window(self) -> int:
        return max(1, int(len(self.requests) * WINDOW))

    def _median(self, first: int, end: int) -> float:
        return statistics.median(taken.resident for taken in self.requests[first:end])


def run_soak(count: int, seed: int) -> Soak:
    """Make the requests, send `count` of them, and each large one alone. Raises ToolError."""
    if count < MIN_REQUESTS:
        raise ToolError(f"--requests: expected at least {MIN_REQUESTS}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = write_events(folder / "events", seed)
        kinds = choose(count, seed)
        sent: Counter[str] = Counter()
        requests = []
        with FunctionProcess(folder / "log", ORT_THREADS="1") as function:
            for kind in tqdm(kinds, "requests", disable=None):
                paths = events[kind]
                requests.append(function.send(paths[sent[kind] % len(paths)]))
                sent[kind] += 1
            init = function.init_mb
        alone = 0.0
        for path in tqdm(events[LARGEST], "large ones alone", disable=None):
            with FunctionProcess(folder / "log", ORT_THREADS="1") as function:
                alone = max(alone, function.send(path).peak)
    return Soak(init, tuple(requests), tuple(kinds), alone)
