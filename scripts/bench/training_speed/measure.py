"""Runs the loops in turn, each in a process of its own, until the time is up."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.paths import ROOT
from scripts.tool import ToolError

WORKER = "scripts.bench.training_speed.worker"


@dataclass
class LoopTimes:
    """A loop's measured steps, as seconds by part, one list a round; its highest memory, MB."""

    name: str
    rounds: list[list[dict[str, float]]] = field(default_factory=list)
    peak_mb: float = 0.0

    def step_s(self, number: int | None = None) -> float:
        """The median step, of one round or of all."""
        rounds = self.rounds if number is None else [self.rounds[number]]
        return statistics.median(sum(step.values()) for steps in rounds for step in steps)

    def part_s(self, name: str) -> float:
        """A part's median over all steps."""
        return statistics.median(step.get(name, 0.0) for steps in self.rounds for step in steps)


class Loop:
    """A loop in its process."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._process, self.name = process, name

    def take(self, steps: int) -> dict[str, Any]:
        """The next steps. Raises ToolError where the process has ended."""
        assert self._process.stdin
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise ToolError(f"the training of {self.name} has ended, see above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def _started(name: str, settings: str) -> Iterator[Loop]:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", WORKER, settings],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Loop(process, name)
        finally:
            assert process.stdin
            process.stdin.close()  # which ends it at its next pause
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()


def measure_in_turns(
    settings: Mapping[str, str], *, minutes: float, steps: int, warm_up: int
) -> list[LoopTimes]:
    """Each loop by its name, for so long, one round at the least.

    settings: of each loop, as JSON of LoopSettings. steps: of a loop's turn, of which the first
    warm_up count for nothing: meanwhile the caches are the other loop's, and loaders have prepared
    batches in the pause. Raises ToolError.
    """
    began = time.monotonic()
    measured = [LoopTimes(name) for name in settings]
    with contextlib.ExitStack() as stack:
        loops = []
        for name, each in settings.items():
            _say(f"starting {name}")
            loops.append(stack.enter_context(_started(name, each)))
            loops[-1].read()  # its first step is done
        while True:
            for loop, times in zip(loops, measured, strict=True):
                answer = loop.take(warm_up + steps)
                times.rounds.append(answer["steps"][warm_up:])
                times.peak_mb = answer["peak_mb"]
            last = ", ".join(f"{each.name} {each.step_s(-1):.2f} s a step" for each in measured)
            _say(f"round {len(measured[0].rounds)}: {last}")
            if time.monotonic() - began >= minutes * 60:
                return measured


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
