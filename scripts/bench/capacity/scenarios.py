"""The runs of docs/capacity.md: loads from a new account's to 10,000 a second, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scripts.bench.capacity.arrivals import Load
from scripts.bench.capacity.function import Durations, Function, Retries, Rules, Scenario

RESTORE = Durations(200, 400)  # of SnapStart, assumed; nothing here can measure it
SHOWN = "up to 10,000/s, quota 3,000"  # the one that is drawn


def page_runs(
    function: Function, request_bytes: int, delivery: str
) -> Iterator[tuple[Load, Scenario]]:
    """Each is a day squeezed into ten minutes, which begins with no environments."""
    plain = Scenario("", function, request_bytes=request_bytes, delivery=delivery)
    top = Load(rate=10_000)
    for rate, quota in ((10, 10), (100, 1000), (1000, 1000), (10_000, 1000)):
        name = f"up to {rate:,}/s, quota {quota:,}"
        yield Load(rate=rate), replace(plain, name=name, rules=Rules(quota=quota))
    large = Rules(quota=3000)
    yield top, replace(plain, name=SHOWN, rules=large)
    yield top, replace(plain, name="the same, clients try again 3 times", rules=large,
                       retries=Retries(3, 0.5))  # fmt: skip
    yield top, replace(plain, name="the same, 1,000 of them provisioned",
                       rules=replace(large, provisioned=1000))  # fmt: skip
    restored = replace(function, init=RESTORE, is_restored=True)
    yield top, replace(plain, name="the same, SnapStart", rules=large, function=restored)
