"""What a load means on Lambda: concurrent executions, and the requests a second that they carry.
What it costs is scripts.bench.cost.bill's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.load.figures import rate_for

RATE_PER_CONCURRENCY = 10  # invocations a second that an account may make, for each of its quota


@dataclass(frozen=True)
class Capacity:
    """What a number of concurrent executions carries, requests a second: busy all the time; with
    1 % of Poisson arrivals throttled; and by AWS's quota of invocations a second."""

    concurrency: int
    at_most: float
    with_few_throttles: float
    quota: float

    @property
    def throttle_rate(self) -> float:
        """For the API's ThrottleRate: so that it refuses before Lambda does."""
        return min(self.with_few_throttles, self.quota)


def reckon_capacity(service_ms: float, concurrencies: Sequence[int]) -> list[Capacity]:
    service_s = service_ms / 1000
    return [
        Capacity(
            concurrency,
            concurrency / service_s,
            rate_for(concurrency, service_s),
            RATE_PER_CONCURRENCY * concurrency,
        )
        for concurrency in concurrencies
    ]
