"""What a simulated run says: percentiles, shares, concurrency and dollars, in all and over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.bench.capacity.function import Scenario
from scripts.bench.capacity.simulate import (
    COLD,
    CONCURRENCY,
    PROVISIONED,
    RATE,
    SCALING,
    THROTTLED,
    Floats,
    Trace,
)
from scripts.bench.cost import prices
from scripts.bench.cost.bill import LOG_BYTES, LOG_EVENTS, api_cost, delivery_cost, log_cost

WINDOWS = 120  # of a run, at most; none is shorter than a second
MIN_OF_P99 = 100  # answers in a window


@dataclass(frozen=True)
class Windows:
    """Figures over time; each array has one value a window. start: seconds.

    offered: requests a second, by when they first came. p50, p99: ms until the answer, nan where
    there are too few. cold, failed: shares of requests. concurrency, peak: busy environments on
    average and at most. environments: that there were on average, idle ones too.
    """

    width_s: float
    start: Floats
    offered: Floats
    p50: Floats
    p99: Floats
    cold: Floats
    failed: Floats
    concurrency: Floats
    peak: Floats
    environments: Floats


@dataclass(frozen=True)
class Dollars:
    """Of the run. ready: of provisioned concurrency for being there. snapshots: restores, and the
    cache for the run's time."""

    compute: float
    ready: float
    snapshots: float
    requests: float
    api: float
    records: float
    logs: float

    @property
    def total(self) -> float:
        return (
            sum((self.compute, self.ready, self.snapshots, self.requests, self.api, self.records))
            + self.logs
        )


@dataclass(frozen=True)
class Figures:
    """Of a whole run. p50 to worst: ms. cold, failed: shares of requests; failed ones were
    throttled at each of their tries. tries_throttled: by concurrency, by the scaling rate, by the
    rate of requests. concurrency, peak: busy environments on average and at most."""

    requests: int
    seconds: float
    top_rate: float
    p50: float
    p90: float
    p99: float
    worst: float
    cold: float
    failed: float
    tries_throttled: tuple[int, int, int]
    started: int
    concurrency: float
    peak: int
    dollars: Dollars
    windows: Windows

    @property
    def dollars_a_million(self) -> float:
        """For a million answers."""
        answered = self.requests * (1 - self.failed)
        return self.dollars.total / answered * 1e6 if answered else float("nan")


def summarize(trace: Trace, scenario: Scenario) -> Figures:
    answered = trace.outcome != THROTTLED
    latency = 1000 * trace.latency[answered]
    p50, p90, p99, worst = (
        np.percentile(latency, [50, 90, 99, 100]) if len(latency) else [float("nan")] * 4
    )
    windows = _windows(trace, scenario)
    _, levels = _levels(trace.begun[answered], (trace.begun + trace.busy)[answered])
    reasons = np.bincount(trace.reasons, minlength=3)
    return Figures(
        requests=len(trace.arrivals),
        seconds=trace.seconds,
        top_rate=float(windows.offered.max()),
        p50=float(p50),
        p90=float(p90),
        p99=float(p99),
        worst=float(worst),
        cold=float(np.mean(trace.outcome == COLD)),
        failed=float(np.mean(~answered)),
        tries_throttled=(int(reasons[CONCURRENCY]), int(reasons[SCALING]), int(reasons[RATE])),
        started=len(trace.started),
        concurrency=float(trace.busy[answered].sum() / trace.seconds) if trace.seconds else 0.0,
        peak=int(levels.max(initial=0)),
        dollars=_dollars(trace, scenario),
        windows=windows,
    )


def _dollars(trace: Trace, scenario: Scenario) -> Dollars:
    function, rules = scenario.function, scenario.rules
    architecture, gb = function.architecture, function.memory_mb / 1024
    billed_s = np.ceil(trace.billed * 1000 - 1e-6) / 1000  # by the millisecond
    in_provisioned = trace.outcome == PROVISIONED
    answered = int(np.sum(trace.outcome != THROTTLED))
    tries = answered + len(trace.throttles)
    snapshots = 0.0
    if function.is_restored:
        restores = len(trace.started) * prices.SNAPSTART_RESTORE.each
        snapshots = gb * (restores + trace.seconds * prices.SNAPSTART_CACHE.each)
    return Dollars(
        compute=gb
        * float(
            billed_s[~in_provisioned].sum() * prices.first_tier(architecture).each
            + billed_s[in_provisioned].sum() * prices.PROVISIONED_DURATION[architecture].each
        ),
        ready=rules.provisioned * gb * trace.seconds * prices.PROVISIONED[architecture].each,
        snapshots=snapshots,
        requests=answered * prices.REQUEST.each,
        api=tries * api_cost(scenario.request_bytes),
        records=answered * delivery_cost(scenario.delivery).write / 1e6,
        logs=answered * log_cost(LOG_BYTES, LOG_EVENTS),
    )


def _windows(trace: Trace, scenario: Scenario) -> Windows:
    last = float(trace.arrivals[-1])
    width = max(1.0, np.ceil(last / WINDOWS))
    count = int(last // width) + 1
    edges = width * np.arange(count + 1)
    at = np.minimum((trace.arrivals // width).astype(int), count - 1)
    offered = np.bincount(at, minlength=count).astype(float)
    # the last window may be a part of one
    widths = np.full(count, width)
    widths[-1] = max(last - edges[-2], 1e-9) if count > 1 else max(last, 1e-9)
    answered = trace.outcome != THROTTLED
    p50, p99 = np.full(count, np.nan), np.full(count, np.nan)
    bounds = np.searchsorted(trace.arrivals, edges)
    for number in range(count):
        here = slice(bounds[number], bounds[number + 1])
        values = 1000 * trace.latency[here][answered[here]]
        if len(values):
            p50[number] = np.percentile(values, 50)
        if len(values) >= MIN_OF_P99:
            p99[number] = np.percentile(values, 99)
    shares = np.maximum(offered, 1)
    busy = _levels(trace.begun[answered], (trace.begun + trace.busy)[answered])
    alive = _levels(trace.started, np.minimum(trace.ended, trace.seconds))
    return Windows(
        width_s=float(width),
        start=edges[:-1],
        offered=offered / np.where(widths >= width / 2, widths, width),
        p50=p50,
        p99=p99,
        cold=np.bincount(at[trace.outcome == COLD], minlength=count) / shares,
        failed=np.bincount(at[~answered], minlength=count) / shares,
        concurrency=_mean_levels(*busy, edges),
        peak=_peaks(*busy, edges),
        environments=scenario.rules.provisioned + _mean_levels(*alive, edges),
    )


def _levels(starts: Floats, ends: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """How many intervals hold at once: times at which it changes, and the level from each on. An
    interval that ends where another starts does not meet it."""
    times = np.concatenate([ends, starts])
    steps = np.repeat(np.array([-1, 1]), [len(ends), len(starts)])
    order = np.argsort(times, kind="stable")
    return times[order], np.cumsum(steps[order])


def _mean_levels(times: Floats, levels: NDArray[np.int64], edges: Floats) -> Floats:
    if not len(times):
        return np.zeros(len(edges) - 1)
    area = np.concatenate([[0.0], np.cumsum(levels[:-1] * np.diff(times))])
    whole = np.interp(edges, times, area)
    means: Floats = np.diff(whole) / np.diff(edges)
    return means


def _peaks(times: Floats, levels: NDArray[np.int64], edges: Floats) -> Floats:
    peaks = np.zeros(len(edges) - 1)
    bounds = np.searchsorted(times, edges)
    for number in range(len(peaks)):
        before = levels[bounds[number] - 1] if bounds[number] else 0
        inside = levels[bounds[number] : bounds[number + 1]]
        peaks[number] = max(before, inside.max(initial=0))
    return peaks
