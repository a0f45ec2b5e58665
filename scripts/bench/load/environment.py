"""One execution environment: Lambda's emulator with the real runtime and function in it.

Its log goes through this process, which notes when a line comes: the emulator holds the HTTP answer
until the extension is done, where Lambda answers as soon as the runtime is (`INVOKE RTDONE`). So an
invocation has two ends: when its caller has the answer, and when the environment is free again.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.load.machine import pinned
from scripts.local.ports import free_ports
from scripts.paths import ROOT
from scripts.tool import ToolError

PATH = "/2015-03-31/functions/function/invocations"
START_S = 30.0
LOG_S = 1.0  # for the line of an invocation's end
DEAD_S = 2.0  # for a killed process to be gone
TIMEOUT_S = 20  # of the function, as in the template
POLL_S = 0.005
Command = Callable[[int, int], Sequence[str]]  # for a port, and one for the runtime API


class EnvironmentDiedError(Exception):
    """The environment ended while it had a request.

    id: of the request, empty if it had not begun. is_answered: whether its answer had left.
    """

    def __init__(self, request_id: str, is_answered: bool) -> None:
        super().__init__(request_id)
        self.id, self.is_answered = request_id, is_answered


@dataclass(frozen=True)
class Invoked:
    """What an invocation gave. id: of the request. Times are by the monotonic clock, s.

    answered: when the runtime had handed over the answer. freed: when the extension was done, too.
    init_ms: of the INIT in front of it, None for a warm one.
    """

    id: str
    body: bytes
    started: float
    answered: float
    freed: float
    init_ms: float | None


class Environment:
    """A running emulator. It takes one request at a time."""

    def __init__(
        self,
        command: Command,
        env: Mapping[str, str],
        log_path: Path,
        core: int | None = None,
    ) -> None:
        """Start it and wait until it listens; the function is started by the first request.

        command: of a port and a second one for the runtime API. env: the whole environment. core:
        of the machine, if it may use that one only. Raises ToolError where it does not listen.
        """
        self._port, api_port = free_ports(2)
        self.log_path = log_path
        self.id, self.answered, self.init_ms = "", 0.0, None  # type: str, float, float | None
        self._is_killed = False
        self._ending, self._is_answered = threading.Lock(), threading.Event()
        self._log = log_path.open("wb")
        with pinned(core):
            self._process = subprocess.Popen(
                command(self._port, api_port),
                cwd=ROOT,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own: it is ended with all it started
            )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        """Without reaping it: its process group must not become another's before `end`."""
        if self._is_killed:
            return False
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, options) is None

    def invoke(self, payload: bytes) -> Invoked:
        """Hand over an event and wait until the environment is free again. Raises
        EnvironmentDiedError."""
        self.id, self.answered, self.init_ms = "", 0.0, None
        self._is_answered.clear()
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S + 30)
        try:
            connection.request("POST", PATH, payload)
            body = connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            self.end()
            raise EnvironmentDiedError(self.id, self.answered > 0) from None
        finally:
            connection.close()
        freed = time.monotonic()
        self._is_answered.wait(LOG_S)  # the log comes by a thread; a timeout leaves no such line
        return Invoked(
            self.id, body, started, min(self.answered or freed, freed), freed, self.init_ms
        )

    def kill(self) -> None:
        """SIGKILL to all of it, at once and without waiting."""
        with self._ending:
            self._is_killed = True  # it may take a moment
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill what is left of it, and wait for its end and that of its log."""
        self.kill()
        with self._ending:
            self._process.wait()
            self._reader.join(DEAD_S)
            self._log.close()

    def _read_log(self) -> None:
        """Keep every line, and note what a line tells of the request in progress."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"INVOKE RTDONE" in line:
                self.answered = time.monotonic()
                self._is_answered.set()
            elif line.startswith(b"START RequestId: "):
                self.id = line.split()[2].decode()
            elif found := re.search(rb"INIT REPORT\(durationMs: ([\d.]+)", line):
                self.init_ms = float(found[1])
            with contextlib.suppress(ValueError):  # closed: only a killed one's child may go on
                self._log.write(line)
                self._log.flush()
        self._process.stdout.close()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.is_alive():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            time.sleep(POLL_S)
        self.end()
        said = self.log_path.read_text(errors="replace")[-500:]
        raise ToolError(f"an environment does not start; it said: {said or 'nothing'}")
