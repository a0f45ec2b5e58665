"""Drives the function's process, and measures it together with the processes that it starts.

HEIC is decoded by a process of its own, whose memory is the environment's, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from scripts.paths import ROOT
from scripts.tool import ToolError

POLL_S = 0.002  # between two looks at the children
MEMORY_SIZE_MB = 1769  # the template's


@dataclass(frozen=True)
class Taken:
    """What an event took, in MB. status: of its answer. resident: afterwards. peak: the most of the
    function's process. together: the most of it and of those that it started, as far as seen."""

    status: int
    resident: float
    peak: float
    together: float = 0.0

    @property
    def total(self) -> float:
        return max(self.peak, self.together)


class FunctionProcess:
    """One environment, started and with nothing answered yet."""

    def __init__(self, log_folder: Path, **env: str) -> None:
        """log_folder: for records. env: variables beside the function's usual ones."""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scripts.bench.memory.worker"],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PREDICTION_LOG": log_folder.resolve().as_uri(),
                "GRADIO_STORE": (log_folder / "gradio").resolve().as_uri(),
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_SIZE_MB),
                "ORT_DISABLE_TELEMETRY": "1",
                **env,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.init_mb: float = self._reply()[0]["resident_mb"]

    def __enter__(self) -> FunctionProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def send(self, event_path: Path) -> Taken:
        """Raises ToolError where the function's process ends."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # the reply tells
            self._process.stdin.write(f"{event_path}\n")
            self._process.stdin.flush()
        reply, together = self._reply()
        return Taken(reply["status"], reply["resident_mb"], reply["peak_mb"], together)

    def _reply(self) -> tuple[dict[str, Any], float]:
        stdout = self._process.stdout
        assert stdout
        together = 0.0
        while not select.select([stdout], [], [], POLL_S)[0]:
            if children := sum(map(_decoder_mb, self._children())):
                together = max(together, children + _resident_mb(self._process.pid))
        line = stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            said = (self._errors.read().strip().splitlines() or ["nothing"])[-1]
            raise ToolError(f"the function's process ended with {code}; it said: {said}")
        return cast(dict[str, Any], json.loads(line)), together

    def _children(self) -> list[str]:
        pid = self._process.pid
        found: list[str] = []
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += (task / "children").read_text().split()
        return found


def _decoder_mb(pid: str) -> float:
    """What a child has in memory; nothing before it begins its program, for that is shared."""
    try:
        is_decoder = b"heif.decode_stdin" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return 0.0
    return _resident_mb(pid) if is_decoder else 0.0


def _resident_mb(pid: str | int) -> float:
    """Nothing of a process that has ended."""
    try:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
