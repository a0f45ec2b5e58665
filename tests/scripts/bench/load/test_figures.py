"""Percentiles, the knee, and Erlang's formula, against others' values."""

from __future__ import annotations

import random

import numpy as np
import pytest

from scripts.bench.load.figures import (
    MIN_ANSWERS_OF_P99,
    Latency,
    Step,
    erlang_b,
    find_knee,
    percentile,
    rate_for,
    summarize_latency,
    summarize_step,
)
from scripts.bench.load.generator import NO_ANSWER, Answer
from scripts.bench.load.machine import Usage
from scripts.bench.load.pool import PoolCounts

QUIET = Usage(2, 1.0, 0.0, 1.0)


def answer(arrival: float, latency: float, status: int = 200, lag: float = 0.0) -> Answer:
    return Answer("raw", arrival, lag, arrival + latency, status, status == 200)


def step(rate: float, p90: float, *, throttled: int = 0, lag_ms: float = 0.0) -> Step:
    return Step(
        rate=rate, seconds=10, requests=100, offered=rate, achieved=rate,
        latency=Latency(p90 / 2, p90, p90, p90), throttled=throttled, failed=0, unanswered=0,
        unexpected=0, cold=0, lag_ms=lag_ms, max_lag_ms=lag_ms, service_ms=50, cpu_ms=40,
        concurrency=1,
        usage=QUIET,
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 99, 100, 101, 1234])
def test_percentiles_are_numpys(count: int) -> None:
    chance = random.Random(count)
    values = [chance.lognormvariate(0, 1) for _ in range(count)]
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        assert percentile(values, share) == np.quantile(values, share, method="inverted_cdf")


def test_a_p99_needs_a_hundred_answers() -> None:
    latency = summarize_latency([0.1] * (MIN_ANSWERS_OF_P99 - 1))
    assert latency and latency.p99 is None
    latency = summarize_latency([0.1] * (MIN_ANSWERS_OF_P99 - 1) + [0.2])
    assert latency == Latency(100, 100, 100, 200)
    assert summarize_latency([]) is None


def test_a_step_counts_what_became_of_its_requests() -> None:
    answers = [answer(0.1, 0.1), answer(0.2, 0.3, lag=0.004), answer(0.9, 0.5)]  # the last one late
    answers += [answer(0.3, 0.0, status) for status in (429, 500, 503, NO_ANSWER, 404)]
    before = PoolCounts(invocations=2, busy_s=1.0)
    found = summarize_step(8, 1.0, answers, before, PoolCounts(6, busy_s=1.7), 0.4, QUIET)
    assert (found.requests, found.offered, found.achieved) == (8, 8.0, 2.0)
    assert (found.throttled, found.failed, found.unanswered, found.unexpected) == (1, 2, 1, 1)
    assert found.latency and found.latency.p50 == pytest.approx(300)
    assert found.failed_share == 5 / 8
    assert (found.service_ms, found.cpu_ms) == (pytest.approx(700 / 4), pytest.approx(100))
    assert found.concurrency == pytest.approx(0.7 / 1.4)  # until the last answer
    assert found.max_lag_ms == pytest.approx(4)


def test_the_knee_is_where_latency_doubles_or_requests_fail() -> None:
    assert find_knee([step(2, 60), step(4, 70), step(8, 110)]) is None
    knee = find_knee([step(2, 60), step(4, 70), step(8, 130), step(16, 900)])
    assert knee and (knee.below, knee.above) == (4, 8)
    assert knee.reason == "p90 is 2.2 times that of the lightest load"
    knee = find_knee([step(2, 60, throttled=2)])
    assert knee and knee.below is None and "2%" in knee.reason


def test_a_lagging_generator_makes_no_knee() -> None:
    lagged = step(4, 500, lag_ms=60)
    assert lagged.is_flagged and not step(4, 500, lag_ms=20).is_flagged
    assert find_knee([step(2, 60), lagged]) is None
    assert find_knee([step(1, 5, lag_ms=60), step(2, 60), step(4, 110)]) is None


def test_erlangs_formula_has_the_values_of_its_tables() -> None:
    # Erlang B tables: traffic that a number of servers carries with 1 % blocked
    for servers, traffic in ((1, 0.0101), (2, 0.153), (5, 1.36), (10, 4.46), (20, 12.0)):
        assert erlang_b(servers, traffic) == pytest.approx(0.01, rel=0.03)
        assert rate_for(servers, 0.05) * 0.05 == pytest.approx(traffic, rel=0.01)
    assert erlang_b(1, 1.0) == 0.5
