"""Generates cases by number and puts them to a worker; each fault is kept once, made small."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.fuzz.cases import Case, Failure, Outcome
from scripts.bench.fuzz.inputs import events, pictures, routes
from scripts.bench.fuzz.minimize import minimize
from scripts.bench.fuzz.worker import Worker

MAKERS: dict[str, Callable[[random.Random], Case]] = {
    "events": events.make_case,
    "routes": routes.make_case,
    "pictures": pictures.make_case,
}
SLOWEST = 5


def make_case(kind: str, seed: int, number: int) -> Case:
    """The same case for the same numbers."""
    return MAKERS[kind](random.Random(f"{seed} {kind} {number}"))


@dataclass
class Fault:
    """A failure that at least one case has, and the case that was made small."""

    failure: Failure
    case: Case
    path: Path | None
    times: int = 1


@dataclass
class Campaign:
    """What was found. out: a folder for the cases that failed; None keeps them in memory only."""

    worker: Worker
    seed: int
    out: Path | None = None
    max_tries: int = 400  # of making a case small
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    cases: int = 0
    slowest: list[tuple[float, str]] = field(default_factory=list)
    largest: list[tuple[float, str]] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)  # of the process, after every 1000

    def run(self, kinds: Sequence[str], numbers: Iterator[int]) -> Iterator[Outcome]:
        """Runs a case of each kind for each number."""
        for number in numbers:
            for kind in kinds:
                case = make_case(kind, self.seed, number)
                outcome = self.worker.run(case)
                self._note(f"{kind} {number}", case, outcome)
                yield outcome

    def _note(self, name: str, case: Case, outcome: Outcome) -> None:
        if self.cases % 1000 == 0:
            self.resident_mb.append(outcome.resident_mb)
        self.cases += 1
        self.labels[f"{case.kind}: {outcome.label}"] += 1
        told = f"{name}, {outcome.label}"
        self.slowest = sorted([*self.slowest, (outcome.cpu_s, told)], reverse=True)[:SLOWEST]
        self.largest = sorted([*self.largest, (outcome.memory_mb, told)], reverse=True)[:SLOWEST]
        for failure in outcome.failures:
            if failure.fault in self.faults:
                self.faults[failure.fault].times += 1
            else:
                self.faults[failure.fault] = self._keep(failure, case)

    def _keep(self, failure: Failure, case: Case) -> Fault:
        def still_fails(smaller: Case) -> bool:
            found = self.worker.run(smaller).failures
            return failure.fault in [each.fault for each in found]

        is_slow = failure.check in ("process", "CPU time", "memory")
        small = minimize(case, still_fails, self.max_tries // 20 if is_slow else self.max_tries)
        path = None
        if self.out is not None:
            name = re.sub(r"[^\w.-]+", "-", " ".join((case.kind, *failure.fault)))[:90].strip("-")
            self.out.mkdir(parents=True, exist_ok=True)
            path = self.out / f"{name}-{time.time_ns() % 10**6:06d}.json"
            path.write_text(small.to_json())
        return Fault(failure, small, path)
