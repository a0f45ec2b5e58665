"""The comparison sends the pool and the simulation the same arrivals."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.capacity.check import format_check, run_check
from tests.scripts.bench.load.pools import PROGRAM


def command(port: int, _: int) -> Sequence[str]:
    times = ("FAKE_SECONDS=0.06", "FAKE_HOLD_S=0.02")
    return ["env", *times, sys.executable, "-S", "-E", str(PROGRAM), str(port)]


def test_the_pool_and_the_simulation_are_told_side_by_side(tmp_path: Path) -> None:
    check = run_check(tmp_path, rates=(50.0,), seconds=1.0, command=command)
    assert check.function.answer.p50 >= 60 and check.function.after.p50 >= 15
    [rate] = check.comparisons
    # 50 a second of 0.08 s for two environments: both start cold, and most requests are refused
    assert rate.pool["cold"] == rate.model["cold"].mean == 2
    for throttled in (rate.pool["throttled"], rate.model["throttled"].mean):
        assert rate.requests / 4 < throttled < rate.requests
    assert rate.model["busy_ms"].low >= 80
    assert f"| {rate.requests}, 50/s | {rate.pool['throttled']:.0f} | " in format_check(check)
