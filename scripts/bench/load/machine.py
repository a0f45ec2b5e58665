"""What else the machine did during a measurement, as Linux's /proc tells: a figure that others
disturbed is not this function's."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MAX_OTHERS = 0.1  # cores that others may use in a clean measurement
PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """CPU in use over a measurement, in cores: of this tool with all below it, and of others.

    load: the machine's one-minute load average at the end.
    """

    cores: int
    own: float
    others: float
    load: float

    @property
    def is_clean(self) -> bool:
        return self.others <= MAX_OTHERS


class Watch:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._all, self._own = _all_cpu_s(), _tree_cpu_s(os.getpid())

    def usage(self) -> Usage:
        seconds = time.monotonic() - self._started
        now = _tree_cpu_s(os.getpid())
        # of one that was killed with its parent, nothing is known any more
        own = sum(cpu_s - self._own.get(pid, 0.0) for pid, cpu_s in now.items()) / seconds
        everything = (_all_cpu_s() - self._all) / seconds
        return Usage(os.cpu_count() or 1, own, max(0.0, everything - own), os.getloadavg()[0])


def cpu_s(pids: Iterable[int]) -> float:
    """CPU time of processes and of all below them so far, s. It is what a whole CPU of one's own
    would need, whoever else is served meanwhile."""
    return sum(sum(_tree_cpu_s(pid).values()) for pid in pids)


def resident_mb(pids: Iterable[int]) -> list[float]:
    """Resident memory of each process and all below it, MB."""
    parents, sizes = dict[int, int](), dict[int, int]()
    for pid, fields in _stats():
        parents[pid], sizes[pid] = int(fields[1]), int(fields[21])
    page_mb = os.sysconf("SC_PAGE_SIZE") / 1e6
    return [sum(sizes.get(each, 0) for each in _family(pid, parents)) * page_mb for pid in pids]


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """What is started in this block runs on one core only. None, and a system without Linux's
    affinity, change nothing."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def list_family(pid: int) -> set[int]:
    """A process and all below it, by number."""
    return _family(pid, {each: int(fields[1]) for each, fields in _stats()})


def _tree_cpu_s(pid: int) -> dict[int, float]:
    """CPU time of a process and of all below it, each with its children that have ended."""
    parents, ticks = dict[int, int](), dict[int, int]()
    for each, fields in _stats():
        parents[each], ticks[each] = int(fields[1]), sum(map(int, fields[11:15]))
    return {each: ticks.get(each, 0) / TICKS for each in _family(pid, parents)}


def _all_cpu_s() -> float:
    """CPU time of all processes of the machine: user, nice, system, interrupts, stolen."""
    fields = [int(field) for field in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / TICKS


def _family(pid: int, parents: dict[int, int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for each, parent in parents.items():
        children.setdefault(parent, []).append(each)
    family, ahead = set[int](), [pid]
    while ahead:
        each = ahead.pop()
        family.add(each)
        ahead += children.get(each, [])
    return family


def _stats() -> Iterable[tuple[int, list[str]]]:
    """Each process with the fields of /proc/PID/stat behind its name."""
    for path in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            yield int(path.parent.name), path.read_text().rpartition(")")[2].split()
