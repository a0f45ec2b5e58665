"""A process that checks cases, so that a crash, a hang or spent memory ends it and not the fuzzer.

Its stdout is the function's log, its stderr a file.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from scripts.bench.fuzz.cases import Case, Failure, Limits, Outcome
from scripts.tool import ToolError

MAX_CPU_S, MAX_WALL_S = 60.0, 180.0  # of one case; then its process is killed
ADDRESS_SPACE = 4 << 30  # bytes above what the function takes once it has started


class Worker:
    """Runs cases in one process, which is started anew after a crash."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: multiprocessing.process.BaseProcess | None = None

    def run(self, case: Case) -> Outcome:
        """What comes of a case. Raises ToolError where the function does not start."""
        try:
            text = case.to_json()
        except (ValueError, RecursionError):  # a number or a depth that no event can have
            return Outcome("no event")
        connection = self._connect()
        try:
            connection.send(text)
            if not connection.poll(MAX_WALL_S):
                self.stop()
                return _ended(f"no answer within {MAX_WALL_S:g} s")
            outcome: Outcome = connection.recv()
            return outcome
        except (EOFError, ConnectionError):
            assert self._process is not None
            self._process.join()
            code = self._process.exitcode or 0
            self.stop()
            name = signal.Signals(-code).name if code < 0 else f"status {code}"
            if name == "SIGPROF":
                name = f"SIGPROF after {MAX_CPU_S:g} s of CPU"
            return _ended(f"the process ended by {name}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _connect(self) -> Connection:
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._limits), daemon=True)
            self._process.start()
            theirs.close()
            try:
                self._connection.recv()
            except EOFError:
                raise ToolError("the function does not start; its error is above") from None
        return self._connection


def _ended(why: str) -> Outcome:
    return Outcome("killed", [Failure("process", why, why)])


def _serve(connection: Connection, limits: Limits) -> None:
    from scripts.bench.fuzz.checks import FunctionChecks, run_case
    from scripts.bench.fuzz.stand_in_s3 import start_stand_in_s3

    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as stderr:
        start_stand_in_s3()
        function = FunctionChecks(Path(folder), limits)
        os.dup2(stderr.fileno(), 2)
        _limit_memory()
        connection.send("ready")
        while True:
            try:
                text = connection.recv()
            except EOFError:
                return
            try:
                case = Case.from_json(text)
            except (ValueError, RecursionError):  # the runtime does not read such an event, either
                connection.send(Outcome("no event"))
                continue
            signal.setitimer(signal.ITIMER_PROF, MAX_CPU_S)  # ends the process, also in C code
            outcome = run_case(case, function, limits)
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.truncate(stderr.fileno(), 0)
            os.lseek(stderr.fileno(), 0, os.SEEK_SET)
            connection.send(outcome)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
