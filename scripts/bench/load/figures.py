"""What the answers of a step say: percentiles, shares, the knee, and what follows for Lambda.

Every latency is kept, so percentiles are exact: each is the latency of a request that was sent.
Histograms with buckets, as HdrHistogram's, are for more values than a step here has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.bench.load.generator import NO_ANSWER, Answer
from scripts.bench.load.machine import Usage
from scripts.bench.load.pool import PoolCounts

MAX_LAG = 0.1  # of p50, that the generator may lag at p99: with more, latencies are its own
MAX_LAG_MS = 5.0  # or this much
MIN_ANSWERS_OF_P99 = 100
KNEE_FAILED, KNEE_P90 = 0.01, 2.0  # share of requests; times the p90 of the lightest load


@dataclass(frozen=True)
class Latency:
    """Of the answers that were as expected, ms. p99: None below MIN_ANSWERS_OF_P99 answers."""

    p50: float
    p90: float
    p99: float | None
    max: float


@dataclass(frozen=True)
class Step:
    """One rate for some seconds.

    offered, achieved: requests a second that were planned, and that were answered as expected
    within the step. latency: None where nothing was answered. throttled: answers 429. failed: 5xx.
    unanswered: connections that failed, or no answer in time. unexpected: other wrong statuses.
    cold: answers by an environment's first invocation. lag_ms, max_lag_ms: the generator's, at p99
    and at most. service_ms: of an environment for one invocation, until it is free again; cpu_ms:
    its CPU time. concurrency: busy environments on average. kinds: latency by kind of request.
    """

    rate: float
    seconds: float
    requests: int
    offered: float
    achieved: float
    latency: Latency | None
    throttled: int
    failed: int
    unanswered: int
    unexpected: int
    cold: int
    lag_ms: float
    max_lag_ms: float
    service_ms: float
    cpu_ms: float
    concurrency: float
    usage: Usage
    kinds: dict[str, Latency] = field(default_factory=dict)

    @property
    def failed_share(self) -> float:
        """Of the requests, those that were not answered as expected."""
        wrong = self.throttled + self.failed + self.unanswered + self.unexpected
        return wrong / max(1, self.requests)

    @property
    def is_flagged(self) -> bool:
        """Whether the generator lagged, so that latencies are not the server's."""
        return has_lagged(self.lag_ms, self.latency.p50 if self.latency else 0.0)


@dataclass(frozen=True)
class Knee:
    """Requests a second up to which all is well, None for none of those tried; the first where it
    is not, and why."""

    below: float | None
    above: float
    reason: str


def has_lagged(lag_ms: float, p50_ms: float) -> bool:
    return lag_ms > max(MAX_LAG_MS, MAX_LAG * p50_ms)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed. values: not empty."""
    return sorted(values)[max(1, math.ceil(share * len(values) - 1e-9)) - 1]


def summarize_latency(seconds: Sequence[float]) -> Latency | None:
    values = [1000 * each for each in seconds]
    if not values:
        return None
    p99 = percentile(values, 0.99) if len(values) >= MIN_ANSWERS_OF_P99 else None
    return Latency(percentile(values, 0.5), percentile(values, 0.9), p99, max(values))


def summarize_step(
    rate: float,
    seconds: float,
    answers: Sequence[Answer],
    before: PoolCounts,
    after: PoolCounts,
    cpu_s: float,
    usage: Usage,
) -> Step:
    """before, after: the pool's counts around the step. cpu_s: that its environments took."""
    good = [answer for answer in answers if answer.is_expected]
    lags = [1000 * answer.lag for answer in answers] or [0.0]
    busy_s, invocations = after.busy_s - before.busy_s, after.invocations - before.invocations
    kinds = {}
    for kind in dict.fromkeys(answer.kind for answer in answers):
        if latency := summarize_latency([each.latency for each in good if each.kind == kind]):
            kinds[kind] = latency
    return Step(
        rate=rate,
        seconds=seconds,
        requests=len(answers),
        offered=len(answers) / seconds,
        achieved=sum(answer.end <= seconds for answer in good) / seconds,
        latency=summarize_latency([answer.latency for answer in good]),
        throttled=sum(answer.status == 429 for answer in answers),
        failed=sum(answer.status >= 500 for answer in answers),
        unanswered=sum(answer.status == NO_ANSWER for answer in answers),
        unexpected=sum(
            not answer.is_expected and NO_ANSWER < answer.status < 500 and answer.status != 429
            for answer in answers
        ),
        cold=sum(answer.is_cold for answer in answers),
        lag_ms=percentile(lags, 0.99),
        max_lag_ms=max(lags),
        service_ms=1000 * busy_s / invocations if invocations else 0.0,
        cpu_ms=1000 * cpu_s / invocations if invocations else 0.0,
        # what is still in work at the end of a step counts to it, so a step of overload is longer
        concurrency=busy_s / max(seconds, max((answer.end for answer in answers), default=0.0)),
        usage=usage,
        kinds=kinds if len(kinds) > 1 else {},
    )


def find_knee(steps: Sequence[Step]) -> Knee | None:
    """Where requests begin to fail, or the p90 has doubled; None where they do not. Steps whose
    generator lagged say nothing of latency."""
    base = next((step.latency.p90 for step in steps if step.latency and not step.is_flagged), None)
    below = None
    for step in steps:
        reason = ""
        if step.failed_share > KNEE_FAILED:
            reason = f"{step.failed_share:.0%} of the requests are not answered"
        elif step.latency and not step.is_flagged and base and step.latency.p90 > KNEE_P90 * base:
            reason = f"p90 is {step.latency.p90 / base:.1f} times that of the lightest load"
        if reason:
            return Knee(below, step.rate, reason)
        below = step.rate
    return None


def erlang_b(environments: int, concurrency: float) -> float:
    """The share of requests that find all environments busy, where none waits (Erlang's B formula):
    Poisson arrivals, any service times. concurrency: requests a second times seconds of each."""
    blocked = 1.0
    for number in range(1, environments + 1):
        blocked = concurrency * blocked / (number + concurrency * blocked)
    return blocked


def rate_for(environments: int, service_s: float, throttled: float = KNEE_FAILED) -> float:
    """Requests a second of which no more than the share `throttled` finds all environments busy."""
    low, high = 0.0, environments / service_s * 2
    for _ in range(60):
        middle = (low + high) / 2
        if erlang_b(environments, middle * service_s) > throttled:
            high = middle
        else:
            low = middle
    return low
