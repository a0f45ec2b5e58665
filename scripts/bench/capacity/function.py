"""The function as the simulation sees it: how long its parts take, and by which rules it scales."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scripts.bench.load.figures import percentile
from scripts.tool import ToolError

Z99 = 2.3263478740408408  # of the normal distribution, at 0.99


@dataclass(frozen=True)
class Durations:
    """How long something takes, ms: a measured sample, drawn from with replacement; or, without
    one, the log-normal distribution with this p50 and p99."""

    p50: float
    p99: float
    sample: tuple[float, ...] = ()

    @classmethod
    def of_sample(cls, values: list[float]) -> Durations:
        return cls(percentile(values, 0.5), percentile(values, 0.99), tuple(values))

    def draw(self, count: int, chance: np.random.Generator) -> NDArray[np.float64]:
        """Seconds."""
        if self.sample:
            return chance.choice(np.array(self.sample), count) / 1000
        if self.p50 == 0:
            return np.zeros(count)
        sigma = math.log(self.p99 / self.p50) / Z99
        values: NDArray[np.float64] = chance.lognormal(math.log(self.p50 / 1000), sigma, count)
        return values

    def mean_s(self) -> float:
        if self.sample:
            return sum(self.sample) / len(self.sample) / 1000
        if self.p50 == 0:
            return 0.0
        return self.p50 / 1000 * math.exp((math.log(self.p99 / self.p50) / Z99) ** 2 / 2)


def parse_durations(text: str) -> Durations:
    """`120`, always, or `120,190` for p50 and p99, ms. Raises ToolError."""
    try:
        parts = [float(part) for part in text.split(",")]
    except ValueError:
        parts = []
    p50, p99 = (parts * 2)[:2] if 1 <= len(parts) <= 2 else (math.nan, math.nan)
    if not (0 <= p50 <= p99 < 1e6) or (p50 == 0 and p99 > 0):
        raise ToolError(f"{text!r}: expected milliseconds as P50 or P50,P99, P99 not below P50")
    return Durations(p50, p99)


@dataclass(frozen=True)
class Function:
    """answer: from the start of a warm invocation to its answer. after: of the work that follows
    it, while the environment stays busy. init: INIT; with is_restored, what a restore of SnapStart
    takes. placing: before INIT, until there is an environment with the image; not billed."""

    answer: Durations
    after: Durations
    init: Durations
    placing: Durations
    memory_mb: int = 1769
    architecture: str = "x86_64"
    is_restored: bool = False


@dataclass(frozen=True)
class Rules:
    """Lambda's, each by AWS's documentation but for idle_s.

    quota: concurrent executions of the account that this function may use; reserved: of its own,
    None for none. provisioned: environments that are always there. scale_rate, scale_burst: new
    environments a second, and at once; unused ones don't add up beyond that. rate_per_concurrency:
    requests a second for each of the concurrency. idle_s: after which an unused environment goes;
    AWS doesn't say, and an assumption.
    """

    quota: int = 1000
    reserved: int | None = None
    provisioned: int = 0
    scale_rate: float = 100.0
    scale_burst: float = 1000.0
    rate_per_concurrency: float = 10.0
    idle_s: float = 600.0

    @property
    def limit(self) -> int:
        """Concurrent executions that the function may have at most."""
        return self.quota if self.reserved is None else min(self.quota, self.reserved)


@dataclass(frozen=True)
class Retries:
    """A client's, of requests that are throttled: up to `count`, each after a time by chance of up
    to backoff_s, which doubles (full jitter)."""

    count: int = 0
    backoff_s: float = 0.5


@dataclass(frozen=True)
class Scenario:
    name: str
    function: Function
    rules: Rules = field(default_factory=Rules)
    retries: Retries = field(default_factory=Retries)
    request_bytes: int = 150_000
    delivery: str = "s3"
    seed: int = 1
