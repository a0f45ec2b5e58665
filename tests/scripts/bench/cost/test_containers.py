# ruff: noqa: E501 - lines of a log
"""What the emulator's log says of a container's invocations; lines of a real one."""

from __future__ import annotations

import pytest

from scripts.bench.cost.containers import _parse, find_image
from scripts.tool import ToolError

LOG = """\
29 Nov 2026 21:39:00,100 [INFO] (rapid) INIT START(type: on-demand, phase: init)
29 Nov 2026 21:39:02,100 [INFO] (rapid) INIT REPORT(durationMs: 1934.229000)
29 Nov 2026 21:39:03,831 [INFO] (rapid) INVOKE RTDONE(status: success, produced bytes: 0, duration: 901.5ms)
REPORT RequestId: 1\tInit Duration: 0.08 ms\tDuration: 2990.10 ms\tBilled Duration: 2991 ms\tMemory Size: 3008 MB
29 Nov 2026 21:39:05,831 [INFO] (rapid) INVOKE RTDONE(status: success, produced bytes: 0, duration: 526.528000ms)
END RequestId: 2
REPORT RequestId: 2\tDuration: 639.86 ms\tBilled Duration: 640 ms\tMemory Size: 3008 MB\tMax Memory Used: 3008 MB\t
29 Nov 2026 21:39:06,427 [INFO] (rapid) INVOKE RTDONE(status: success, produced bytes: 0, duration: 476.537000ms)
REPORT RequestId: 3\tDuration: 584.37 ms\tBilled Duration: 585 ms\tMemory Size: 3008 MB\tMax Memory Used: 3008 MB\t
"""


def test_the_last_invocations_and_init_are_read() -> None:
    answer, billed, init = _parse(LOG, 2)
    assert (answer, billed, init) == ((526.528, 476.537), (639.86, 584.37), 1934.229)


def test_a_log_without_them_is_no_measurement() -> None:
    with pytest.raises(ToolError, match="lacks the times"):
        _parse(LOG, 4)
    with pytest.raises(ToolError, match="lacks the times"):
        _parse(LOG.replace("INIT REPORT", "init"), 2)


def test_it_is_told_why_there_are_no_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_image("detectfunction:icebox") == "there is no docker"
