"""The simulation against mathematics, and against the examples of AWS's documentation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from scripts.bench.capacity.arrivals import Load, generate
from scripts.bench.capacity.figures import summarize
from scripts.bench.capacity.function import Durations, Retries, Rules
from scripts.bench.capacity.simulate import COLD, PROVISIONED, THROTTLED, WARM, simulate
from scripts.bench.load.figures import erlang_b
from tests.scripts.bench.capacity.scenarios import NOTHING, scenario


def poisson(rate: float, seconds: float, seed: int = 1):
    return generate(Load(rate, seconds, trough=1.0, bursts=0, seed=seed))


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(Durations(100, 100), id="constant"),
        pytest.param(Durations(80, 400), id="long tail"),
        pytest.param(Durations(0, 0, (20.0, 300.0)), id="measured, two kinds"),
    ],
)
@pytest.mark.parametrize(("limit", "load"), [(2, 1.0), (10, 8.0)])
def test_refusals_are_erlangs_for_any_service_time(
    service: Durations, limit: int, load: float
) -> None:
    """M/G/c/c: which share is refused depends on the mean of the service time only."""
    times = poisson(load / service.mean_s(), 800)
    trace = simulate(times, scenario(service, quota=limit))
    refused = float(np.mean(trace.outcome == THROTTLED))
    assert refused == pytest.approx(erlang_b(limit, load), rel=0.07)
    assert set(trace.reasons.tolist()) == {0}  # by the concurrency limit


def test_concurrency_is_littles_law() -> None:
    service = Durations(150, 600)
    what = scenario(service, after=Durations(50, 50))
    times = poisson(200, 200)
    figures = summarize(simulate(times, what), what)
    expected = len(times) / 200 * (service.mean_s() + 0.05)
    assert figures.concurrency == pytest.approx(expected, rel=0.02)
    # the mean of the windows is the mean of the run, but for its end
    assert figures.windows.concurrency[5:-5].mean() == pytest.approx(expected, rel=0.03)
    assert figures.peak > expected


def test_an_account_scales_as_aws_says() -> None:
    """docs.aws.amazon.com/lambda, scaling-behavior: at most 1,000 more environments every 10 s,
    refilled continuously, unused ones not kept. Requests that never end, more than enough."""
    times = np.arange(0, 33, 0.002)
    trace = simulate(times, scenario(Durations(1e6, 1e6), **_aws(quota=10_000)))
    alive = np.searchsorted(trace.started, [2.001, 12.0, 22.0, 32.0], side="right")
    assert alive.tolist() == pytest.approx([1000, 2200, 3200, 4200], abs=2)
    # no idle minute before makes the first step larger
    late = simulate(times + 600, scenario(Durations(1e6, 1e6), **_aws(quota=10_000)))
    assert len(late.started) == len(trace.started)
    assert set(trace.reasons.tolist()) == {1}


def test_a_fast_function_meets_the_quota_of_requests_as_aws_says() -> None:
    """docs.aws.amazon.com/lambda, lambda-concurrency: 20 ms at 30,000 requests a second are 600
    concurrent executions, fewer than the quota of 1,000; but that is 10,000 requests a second."""
    times = np.arange(0, 3, 1 / 30_000)
    trace = simulate(times, scenario(Durations(20, 20), **_aws(quota=1000)))
    second = (times >= 1.5) & (times < 2.5)
    answered = np.sum(trace.outcome[second] != THROTTLED)
    assert answered == pytest.approx(10_000, rel=0.01)
    assert set(trace.reasons[trace.throttles > 1].tolist()) == {2}


def _aws(quota: int) -> dict[str, float]:
    rules = Rules()
    return {
        "quota": quota,
        "scale_rate": rules.scale_rate,
        "scale_burst": rules.scale_burst,
        "rate_per_concurrency": rules.rate_per_concurrency,
    }


def test_a_cold_start_takes_init_and_the_next_request_none() -> None:
    what = scenario(Durations(100, 100), init=Durations(700, 700), after=Durations(30, 30))
    trace = simulate(np.array([0.0, 0.82, 1.0, 1.05]), what)
    # the second comes while the record of the first is written
    assert trace.outcome.tolist() == [COLD, COLD, WARM, COLD]
    assert trace.latency == pytest.approx([0.8, 0.8, 0.1, 0.8])
    assert trace.busy == pytest.approx([0.83, 0.83, 0.13, 0.83])


def test_an_environment_that_idles_goes_and_the_last_used_stays() -> None:
    what = scenario(Durations(100, 100), idle_s=60)
    # two at once, then one every 30 s: the other goes after a minute
    trace = simulate(np.array([0.0, 0.0, 30.0, 60.0, 90.0, 90.0]), what)
    assert trace.outcome.tolist() == [COLD, COLD, WARM, WARM, WARM, COLD]
    assert trace.ended[0] == pytest.approx(60.1)


def test_provisioned_environments_are_taken_first_and_count_towards_the_limit() -> None:
    what = scenario(Durations(1000, 1000), init=Durations(700, 700), provisioned=2, quota=3)
    trace = simulate(np.array([0.0, 0.1, 0.2, 0.3, 1.05]), what)
    assert trace.outcome.tolist() == [PROVISIONED, PROVISIONED, COLD, THROTTLED, PROVISIONED]
    assert trace.latency[0] == pytest.approx(1.0)
    dollars = summarize(trace, what).dollars
    gb = 1769 / 1024
    assert dollars.ready == pytest.approx(2 * gb * trace.seconds * 0.0000041667)
    assert dollars.compute == pytest.approx(gb * (3 * 0.0000097222 + 1.7 * 0.0000166667))


def test_a_client_that_tries_again_is_answered_later() -> None:
    what = scenario(Durations(1000, 1000), quota=1)
    times = np.array([0.0, 0.1])
    assert simulate(times, what).outcome.tolist() == [COLD, THROTTLED]
    patient = dataclasses.replace(what, retries=Retries(10, 0.5))
    trace = simulate(times, patient)
    assert trace.outcome.tolist() == [COLD, WARM]
    assert trace.latency[1] >= 1.9 and len(trace.throttles) >= 1
    figures = summarize(trace, patient)
    assert figures.failed == 0
    assert figures.dollars.api == pytest.approx((2 + len(trace.throttles)) * 1e-6)


def test_init_is_billed_and_a_restore_has_its_price() -> None:
    what = scenario(Durations(100, 100), init=Durations(700, 700))
    trace = simulate(np.array([0.0]), what)
    gb = 1769 / 1024
    assert summarize(trace, what).dollars.compute == pytest.approx(gb * 0.8 * 0.0000166667)
    restored = dataclasses.replace(
        what, function=dataclasses.replace(what.function, is_restored=True)
    )
    snapshots = summarize(trace, restored).dollars.snapshots
    assert snapshots == pytest.approx(gb * (0.0001397998 + 0.8 * 0.0000015046))


def test_a_seed_gives_the_same_run() -> None:
    what = scenario(Durations(100, 300), init=Durations(500, 900), quota=5)
    times = poisson(30, 60)
    first, second = simulate(times, what), simulate(times, what)
    assert np.array_equal(first.latency, second.latency, equal_nan=True)
    other = simulate(times, dataclasses.replace(what, seed=2))
    assert not np.array_equal(first.latency, other.latency, equal_nan=True)


def test_durations_have_the_percentiles_that_were_asked_for() -> None:
    values = Durations(120, 190).draw(200_000, np.random.default_rng(0)) * 1000
    assert np.percentile(values, [50, 99]) == pytest.approx([120, 190], rel=0.01)
    assert values.mean() / 1000 == pytest.approx(Durations(120, 190).mean_s(), rel=0.01)
    assert NOTHING.draw(3, np.random.default_rng(0)).tolist() == [0, 0, 0]
