"""Scenarios of the capacity model's tests."""

from __future__ import annotations

import dataclasses
from typing import Any

from scripts.bench.capacity.function import Durations, Function, Rules, Scenario

NOTHING = Durations(0, 0)
UNLIMITED = Rules(
    quota=10**6, scale_rate=1e9, scale_burst=1e9, rate_per_concurrency=1e9, idle_s=1e9
)


def scenario(
    answer: Durations, init: Durations = NOTHING, after: Durations = NOTHING, **rules: Any
) -> Scenario:
    """All of Lambda's rules off, but for those named."""
    function = Function(answer, after, init, NOTHING)
    return Scenario("test", function, dataclasses.replace(UNLIMITED, **rules))
