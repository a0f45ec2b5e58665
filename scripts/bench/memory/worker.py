"""The function in a process of its own: reads the name of an event's file a line, answers what the
event took.

    python -m scripts.bench.memory.worker

Nothing else is in its memory: events are made elsewhere, and read as the runtime reads them. Its
limits of time count CPU time, so that memory can be measured on a busy machine, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from scripts.local.invoke import Context, load_function


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # the function's log
    time.monotonic = time.perf_counter = time.process_time
    handler = load_function().handler
    replies.write(json.dumps(memory_mb()) + "\n")
    for line in sys.stdin:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        status = _invoke(handler, Path(line.strip()))
        replies.write(json.dumps({"status": status, **memory_mb()}) + "\n")


def _invoke(handler: Any, path: Path) -> int:
    """The answer's status, 0 for a result that has none."""
    result = json.dumps(handler(json.loads(path.read_bytes()), Context()))
    found = re.search(r'"statusCode": (\d+)', result)
    return int(found[1]) if found else 0


def memory_mb() -> dict[str, float]:
    """What is in memory, and the most since the peak began; MB of 1,048,576 bytes, as Lambda's."""
    status = Path("/proc/self/status").read_text()
    return {
        name: int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]
        for name, field in (("resident_mb", "VmRSS"), ("peak_mb", "VmHWM"))
    }


if __name__ == "__main__":
    main()
