"""What a case takes: CPU time of this process and its children, and memory at its peak."""

from __future__ import annotations

import contextlib
import re
import resource
from pathlib import Path


class Meter:
    """CPU time of this process and its children, and memory."""

    @classmethod
    def read(cls) -> Meter:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self = cls()
        self._cpu_s, self._memory_mb, self._children_mb = *cls._now("VmRSS"), _children_mb()
        return self

    def taken_since(self) -> tuple[float, float]:
        cpu_s, peak_mb = self._now("VmHWM")
        children_mb = _children_mb()  # of the largest child ever, so a record is this case's
        # A child counts its parent's memory as its own until it begins its program.
        known_mb = max(self._children_mb, self._memory_mb)
        child_mb = children_mb if children_mb > known_mb * 1.05 else 0.0
        return cpu_s - self._cpu_s, max(0.0, peak_mb - self._memory_mb) + child_mb

    @classmethod
    def resident_mb(cls) -> float:
        return cls._now("VmRSS")[1]

    @staticmethod
    def _now(memory: str) -> tuple[float, float]:
        usages = [
            resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        found = re.search(rf"{memory}:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert found is not None
        return sum(usage.ru_utime + usage.ru_stime for usage in usages), int(found[1]) / 1024


def _children_mb() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
