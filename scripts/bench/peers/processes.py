"""Starts a service on the core that it may use, and ends it with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scripts.bench.load.machine import PROC, list_family, pinned

GRACE_S = 3.0  # to end by itself, before it is killed
POLL_S = 0.01
_processes: list[Process] = []


def choose_cores() -> tuple[int | None, int | None]:
    """The core of the services and that of the clients: two, if there are two; None where cores
    cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


class Process:
    """A running program in a session of its own, and what it started."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        folder: Path,
        log_path: Path,
        core: int | None,
    ) -> None:
        """Start it. env: the whole environment. log_path: of what it prints. Raises OSError."""
        self.log_path = log_path
        with log_path.open("wb") as log, pinned(core):
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process, which ends that one
            )
        self._family: dict[int, str] = {}
        _processes.append(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        """Without reaping it: its number must not become another's before `end`."""
        if self._process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self) -> None:
        """Ask it to end, and kill what is left of it after a while: also workers that put
        themselves into a session of their own. Once it has ended, a call does nothing."""
        if self._process.returncode is not None:
            return
        # Kept for another call, if Ctrl-C ends this one: then its children are no longer its own.
        self._family.update(_started(list_family(self.pid)))
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while not self.has_ended() and time.monotonic() < deadline:
            time.sleep(POLL_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # only its zombie is left
            os.killpg(self.pid, signal.SIGKILL)
        for pid, start in _started(self._family).items():
            if self._family[pid] == start:  # not another one of the same number
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()


def end_all() -> None:
    """End all that were started and have not ended: an exception by Ctrl-C or SIGTERM may come
    anywhere, also in `end` or just before it."""
    while _processes:
        _processes[-1].end()
        _processes.pop()


def last_line(log_path: Path) -> str:
    """What a process said last, mostly its error."""
    lines = log_path.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip()[-300:] if lines else "nothing"


def memory_mb(pid: int) -> float:
    """Memory of a process and all below it, MB: what they share counts once (PSS), where the system
    tells that."""
    return sum(map(_memory_mb, list_family(pid)))


def _memory_mb(pid: int) -> float:
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with contextlib.suppress(OSError):
            for line in (PROC / str(pid) / name).read_text().splitlines():
                if line.startswith(key):
                    return int(line.split()[1]) * 1024 / 1e6
    return 0.0  # it has ended


def _started(pids: Iterable[int]) -> dict[int, str]:
    """When each of these processes started, in the kernel's ticks; those that live."""
    starts = {}
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            stat = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            if stat[0] != "Z":
                starts[pid] = stat[19]
    return starts
