"""The simulation beside a pool of real emulators, at a size that this machine can run.

First the durations are measured on environments of their own: cold starts, and warm invocations one
after the other. Then Poisson arrivals meet an empty pool, and the simulation gets the very same
arrivals, with those durations, once for each of many seeds: what was measured should lie within
what chance makes of the simulation. What the two cores of a machine make of two environments, a
gateway and a generator at once is not in it, so latencies come out higher than simulated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scripts.bench.capacity.figures import summarize
from scripts.bench.capacity.function import Durations, Function, Rules, Scenario
from scripts.bench.capacity.simulate import COLD, THROTTLED, simulate
from scripts.bench.load.arrivals import arrival_times
from scripts.bench.load.environment import Command, Environment, EnvironmentDiedError
from scripts.bench.load.function import emulator_command, function_env, record_store
from scripts.bench.load.gateway import serve
from scripts.bench.load.generator import NO_ANSWER, Plan, run_generator
from scripts.bench.load.machine import Watch
from scripts.bench.load.pool import Pool
from scripts.bench.load.traffic import make_traffic
from scripts.bench.page import wrap
from scripts.local.http_event import to_http_api
from scripts.paths import SAMPLE
from scripts.tool import ToolError

ENVIRONMENTS, RATES, SECONDS = 2, (2.0, 5.0, 10.0), 15.0
COLD_STARTS, WARM_INVOCATIONS, SEEDS = 4, 40, 200
SETTLE = 5  # first warm invocations, which are not counted
THROTTLED_STATUS = 429


@dataclass(frozen=True)
class Range:
    """Of the simulation's seeds: mean, and what 90 % of them lie within."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Range:
        low, high = np.nanpercentile(values, [5, 95])
        return cls(float(np.nanmean(values)), float(low), float(high))


@dataclass(frozen=True)
class Comparison:
    """One rate: requests; then of the pool and of the simulation, counts and ms. busy_ms: of an
    environment for an invocation, INIT included."""

    rate: float
    requests: int
    others: float
    pool: dict[str, float]
    model: dict[str, Range]


@dataclass(frozen=True)
class Check:
    function: Function
    seconds: float
    comparisons: list[Comparison]


def run_check(
    out: Path,
    tell: Callable[[str], None] = lambda _: None,
    rates: Sequence[float] = RATES,
    seconds: float = SECONDS,
    command: Command | None = None,
) -> Check:
    """out: a folder for logs. rates: requests a second, each for `seconds`. command: the
    environment's program, None for the emulator with the function.

    Raises ToolError where the function does not answer.
    """
    out.mkdir(parents=True, exist_ok=True)
    program = command or emulator_command()
    with record_store("file", out) as (_, env):
        numbers = iter(range(10_000))

        def start(_: int) -> Environment:
            log_path = out / f"environment-{next(numbers)}.log"
            return Environment(program, function_env() | env, log_path)

        tell("measuring cold starts and warm invocations")
        function = _measure_function(start)
        comparisons = []
        for rate in rates:
            tell(f"{rate:g} requests/s")
            comparisons.append(_compare(start, function, rate, seconds))
        return Check(function, seconds, comparisons)


def _measure_function(start: Callable[[int], Environment]) -> Function:
    request = make_traffic(SAMPLE.read_bytes(), mixed=False)[0].request
    payload = json.dumps(to_http_api(request)).encode()
    cold: list[float] = []
    try:
        for number in range(COLD_STARTS):
            began = time.monotonic()
            environment = start(number)
            try:
                first = environment.invoke(payload)
                cold.append(1000 * (first.answered - began))
                last = number == COLD_STARTS - 1
                warm = [
                    environment.invoke(payload)
                    for _ in range(SETTLE + WARM_INVOCATIONS if last else 0)
                ][SETTLE:]
            finally:
                environment.end()
    except EnvironmentDiedError:
        raise ToolError("an environment died at its first requests; its log says why") from None
    for invoked in [first, *warm[-1:]]:
        if json.loads(invoked.body).get("statusCode") != 200:
            raise ToolError(f"the function does not answer the picture: {invoked.body[:300]!r}")
    answer = Durations.of_sample([1000 * (each.answered - each.started) for each in warm])
    return Function(
        answer=answer,
        after=Durations.of_sample([1000 * (each.freed - each.answered) for each in warm]),
        # what a cold start takes beyond a warm invocation: the process, INIT and first times
        init=Durations.of_sample([max(0.0, each - answer.p50) for each in cold]),
        placing=Durations(0, 0),
    )


def _compare(
    start: Callable[[int], Environment], function: Function, rate: float, seconds: float
) -> Comparison:
    seed = int(rate)
    pool = Pool(start, ENVIRONMENTS)
    watch = Watch()
    try:
        with serve(pool) as url:
            plan = Plan(url, str(SAMPLE), False, "poisson", rate, seconds, seed)
            answers = run_generator(plan)
    finally:
        pool.end()
    if pool.broken:
        raise pool.broken
    failed = [each for each in answers if each.status == NO_ANSWER or each.status >= 500]
    if failed:
        raise ToolError(f"{len(failed)} requests were not answered; see the environments' logs")
    good = [1000 * each.latency for each in answers if each.is_expected]
    counts = pool.counts
    measured = {
        "throttled": float(sum(each.status == THROTTLED_STATUS for each in answers)),
        "cold": float(sum(each.is_cold for each in answers)),
        "p50": float(np.percentile(good, 50)),
        "p90": float(np.percentile(good, 90)),
        "busy_ms": 1000 * counts.busy_s / max(1, counts.invocations),
    }
    times = np.array(arrival_times("poisson", rate, seconds, seed))
    model = _simulate_seeds(times, function)
    return Comparison(rate, len(times), watch.usage().others, measured, model)


def _simulate_seeds(times: np.ndarray, function: Function) -> dict[str, Range]:
    scenario = Scenario("check", function, Rules(quota=ENVIRONMENTS, rate_per_concurrency=1e6))
    found: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        trace = simulate(times, replace(scenario, seed=seed))
        figures = summarize(trace, scenario)
        busy = trace.busy[trace.outcome != THROTTLED]
        for name, value in (
            ("throttled", float(np.sum(trace.outcome == THROTTLED))),
            ("cold", float(np.sum(trace.outcome == COLD))),
            ("p50", figures.p50),
            ("p90", figures.p90),
            ("busy_ms", 1000 * float(busy.mean())),
        ):
            found.setdefault(name, []).append(value)
    return {name: Range.of(values) for name, values in found.items()}


def format_check(check: Check) -> str:
    """Side by side, in Markdown."""
    function = check.function
    names = ("throttled", "cold", "p50", "p90", "busy_ms")
    titles = ("throttled", "cold starts", "p50, ms", "p90, ms", "busy, ms a request")
    lines = [
        "| requests | " + " | ".join(f"{title} | simulated" for title in titles) + " |",
        "| ---: |" + " ---: |" * 2 * len(names),
    ]
    for each in check.comparisons:
        lines.append(f"| {each.requests}, {each.rate:g}/s | {' | '.join(_cells(each, names))} |")
    others = max(each.others for each in check.comparisons)
    lines += [
        "",
        wrap(
            f"{ENVIRONMENTS} environments, {check.seconds:g} s a rate, from none on; the mean of "
            f"{SEEDS} seeds and what 90 % of them lie within. Measured before, ms, p50: answer "
            f"{function.answer.p50:.0f}, after it {function.after.p50:.0f}, a cold start "
            f"{function.init.p50:.0f} more. Other processes took up to {others:.1f} cores."
        ),
    ]
    return "\n".join(lines)


def _cells(comparison: Comparison, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        model = comparison.model[name]
        yield f"{comparison.pool[name]:.0f}"
        yield f"{model.mean:.0f} ({model.low:.0f}–{model.high:.0f})"
