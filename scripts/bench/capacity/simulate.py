"""Lambda's scaling, event by event, with SimPy.

A request takes a free environment, the one that was used last; else a new one is started for it,
which is a cold start, if the concurrency limit and the scaling rate allow it; else it is throttled:
Lambda has no queue. Environments that were idle for some minutes go. The events are an arrival, the
end of an execution, and a client's next try.

An end is a bare Timeout with a callback, not a process of its own: SimPy then takes about 100,000
requests a second, ten times as many as with a process for each. Everything random is drawn
beforehand with numpy, so that a seed gives the same run.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simpy
from numpy.typing import NDArray
from simpy.events import Timeout
from tqdm import tqdm

from scripts.bench.capacity.arrivals import Times
from scripts.bench.capacity.function import Retries, Rules, Scenario

WARM, COLD, PROVISIONED, THROTTLED = range(4)  # what became of a request
CONCURRENCY, SCALING, RATE = range(3)  # why one try was throttled
PROGRESS = 20_000  # requests
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """What happened. Times are seconds from the start.

    arrivals: when requests came first. outcome: of each, one of the four. latency: until its
    answer, nan for none. begun: when its environment became busy; busy: for how long, and billed:
    what Lambda bills of it, placing left out. throttles: times of tries that were throttled, with
    their reasons. started, ended: of on-demand environments; one that still lives has inf.
    seconds: until the last execution ended.
    """

    arrivals: Times
    outcome: NDArray[np.int8]
    latency: Floats
    begun: Floats
    busy: Floats
    billed: Floats
    throttles: Floats
    reasons: NDArray[np.int8]
    started: Floats
    ended: Floats
    seconds: float


class TokenBucket:
    """Allows `rate` a second, and up to `burst` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._last = burst, 0.0

    def has_one(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        return self._tokens >= 1

    def take(self) -> None:
        self._tokens -= 1


class Fleet:
    """The environments of a function, and who may have one."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._on_demand_limit = rules.limit - rules.provisioned
        self._requests = TokenBucket(
            rules.rate_per_concurrency * rules.limit, rules.rate_per_concurrency * rules.limit
        )
        self._starts = TokenBucket(rules.scale_rate, rules.scale_burst)
        self._provisioned = rules.provisioned  # free ones
        self._idle: deque[float] = deque()  # since when, the longest first
        self._busy = 0  # on demand
        self.started, self.ended = array("d"), array("d")

    def take(self, now: float) -> tuple[int, int]:
        """What the request gets, WARM to THROTTLED, and why it is throttled."""
        if not self._requests.has_one(now):
            return THROTTLED, RATE
        self._requests.take()
        if self._provisioned:
            self._provisioned -= 1
            return PROVISIONED, 0
        self.reclaim(now)
        if self._busy >= self._on_demand_limit:
            return THROTTLED, CONCURRENCY
        if self._idle:
            self._idle.pop()
            self._busy += 1
            return WARM, 0
        if not self._starts.has_one(now):
            return THROTTLED, SCALING
        self._starts.take()
        self._busy += 1
        self.started.append(now)
        return COLD, 0

    def free_provisioned(self, _event: object) -> None:
        self._provisioned += 1

    def free(self, event: Timeout) -> None:
        self._busy -= 1
        self._idle.append(event.env.now)

    def reclaim(self, now: float) -> None:
        """Let those go that were idle for too long: the last used is used first, so the longest
        idle stand in front."""
        while self._idle and self._idle[0] + self._rules.idle_s <= now:
            self.ended.append(self._idle.popleft() + self._rules.idle_s)


class _Run:
    """One simulation; arrays are by the request's number."""

    def __init__(self, arrivals: Times, scenario: Scenario, progress: bool) -> None:
        self.count = len(arrivals)
        self.env = simpy.Environment()
        self.fleet = Fleet(scenario.rules)
        self.retries: Retries = scenario.retries
        self.chance = np.random.default_rng([scenario.seed, 2])
        function = scenario.function
        # Each request has its own, INIT in case that it needs one: what one meets moves no other's.
        self.answer, self.after, self.init, self.placing = (
            array("d", each.draw(self.count, self.chance).tobytes())
            for each in (function.answer, function.after, function.init, function.placing)
        )
        self.times = array("d", arrivals.tobytes())
        self.outcome = array("b", [THROTTLED]) * self.count
        self.latency = array("d", [float("nan")]) * self.count
        self.begun, self.busy, self.billed = (array("d", [0.0]) * self.count for _ in range(3))
        self.throttles, self.reasons = array("d"), array("b")
        self.progress = progress

    def arrivals(self) -> Iterator[Timeout]:
        env, times = self.env, self.times
        with tqdm(
            total=self.count, unit=" requests", disable=None if self.progress else True
        ) as bar:
            for number in range(self.count):
                yield Timeout(env, max(0.0, times[number] - env.now))
                self.request(number, 0)
                if number % PROGRESS == PROGRESS - 1:
                    bar.update(PROGRESS)

    def request(self, number: int, tries: int) -> None:
        env, now = self.env, self.env.now
        outcome, reason = self.fleet.take(now)
        if outcome == THROTTLED:
            self.throttles.append(now)
            self.reasons.append(reason)
            if tries < self.retries.count:
                wait_s = self.chance.random() * self.retries.backoff_s * 2**tries
                Timeout(env, wait_s).callbacks.append(lambda _: self.request(number, tries + 1))
            return
        to_answer = self.answer[number]
        billed = to_answer + self.after[number]
        placing = 0.0
        if outcome == COLD:
            placing = self.placing[number]
            to_answer += self.init[number]
            billed += self.init[number]
        self.outcome[number] = outcome
        self.begun[number] = now
        self.busy[number] = placing + billed
        self.billed[number] = billed
        self.latency[number] = now - self.times[number] + placing + to_answer
        fleet = self.fleet
        end = fleet.free_provisioned if outcome == PROVISIONED else fleet.free
        Timeout(env, placing + billed).callbacks.append(end)


def simulate(arrivals: Times, scenario: Scenario, progress: bool = False) -> Trace:
    """Run the arrivals through the rules of a scenario. progress: shows a bar on a terminal."""
    run = _Run(arrivals, scenario, progress)
    run.env.process(run.arrivals())
    run.env.run()
    end = run.env.now
    run.fleet.reclaim(end)
    started = np.array(run.fleet.started)
    ended = np.full(len(started), np.inf)
    ended[: len(run.fleet.ended)] = run.fleet.ended
    return Trace(
        arrivals=arrivals,
        outcome=np.array(run.outcome, dtype=np.int8),
        latency=np.array(run.latency),
        begun=np.array(run.begun),
        busy=np.array(run.busy),
        billed=np.array(run.billed),
        throttles=np.array(run.throttles),
        reasons=np.array(run.reasons, dtype=np.int8),
        started=started,
        ended=ended,
        seconds=float(end),
    )
