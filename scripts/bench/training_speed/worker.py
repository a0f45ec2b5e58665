"""A process that trains by one loop, a few steps whenever it is told to:

    python -m scripts.bench.training_speed.worker SETTINGS

SETTINGS is LoopSettings as JSON. Each line of its input is a number of steps to take next; each
line of its output has their parts in seconds, as JSON, and the highest resident memory so far. The
first line comes by itself when the first step is done. What the loop prints goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from scripts.bench.training_speed.loops import run_loop
from scripts.bench.training_speed.settings import LoopSettings


class Ended(BaseException):
    """There is nobody to take steps for; no loop catches it."""


class Turns:
    """Takes the steps, and pauses the loop between two turns."""

    def __init__(self, output_fd: int) -> None:
        self._output_fd = output_fd
        self._left = 1
        self._steps: list[dict[str, float]] = []

    def take(self, parts: dict[str, float]) -> None:
        self._steps.append(parts)
        self._left -= 1
        if self._left:
            return
        line = json.dumps({"steps": self._steps, "peak_mb": _peak_mb()})
        os.write(self._output_fd, f"{line}\n".encode())
        asked = sys.stdin.readline()
        if not asked.strip():
            raise Ended
        self._left, self._steps = int(asked), []


def _peak_mb() -> float:
    """VmHWM is of this process alone; ru_maxrss begins at the size of the process before it."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def main(argv: list[str]) -> None:
    output_fd = os.dup(1)
    os.dup2(2, 1)
    try:
        run_loop(LoopSettings.from_json(argv[1]), Turns(output_fd).take)
    except Ended:
        return


if __name__ == "__main__":
    main(sys.argv)
