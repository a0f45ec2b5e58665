"""The load test from start to end: cold starts, rate after rate, crashes, memory and records."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.load.crashes import Crash, summarize_crash
from scripts.bench.load.environment import Command, Environment, EnvironmentDiedError
from scripts.bench.load.figures import Step, find_knee, summarize_step
from scripts.bench.load.function import emulator_command, function_env, record_store
from scripts.bench.load.gateway import serve
from scripts.bench.load.generator import Answer, Plan, run_generator
from scripts.bench.load.machine import Usage, Watch, cpu_s, resident_mb
from scripts.bench.load.pool import Pool
from scripts.bench.load.records import count_records
from scripts.bench.load.result import LoadOptions, LoadResult, Series
from scripts.bench.load.traffic import make_traffic
from scripts.local.http_event import to_http_api
from scripts.tool import ToolError

WARM_INVOCATIONS = 5  # of each environment, before anything is measured
SATURATED_STEPS = 2  # after which higher rates are not tried
SATURATED = 0.8  # of the offered rate is achieved
KILL_AT = 1 / 3  # of a run with crashes
CRASH_LOAD = 0.25  # of what the environments can do


def measure_load(
    options: LoadOptions,
    out: Path,
    tell: Callable[[str], None] = lambda _: None,
    command: Command | None = None,
) -> LoadResult:
    """Run it all. out: a folder for logs. tell: takes lines on what is going on. command: the
    environment's program, None for the emulator with the function.

    Raises ToolError where no environment starts or none answers. Ends all that it started.
    """
    started = time.monotonic()
    command = command or emulator_command()
    with ExitStack() as stack:
        log_url, env = stack.enter_context(record_store(options.records, out))
        if options.bundle:
            env |= {"MODEL_DIR": str(options.bundle.resolve())}
        logs: list[Path] = []

        def start(number: int) -> Environment:
            logs.append(out / f"environment-{number}.log")
            return Environment(command, function_env() | env, logs[-1])

        pool = Pool(start, options.environments)
        stack.callback(pool.end)
        url = stack.enter_context(serve(pool))
        tell(f"starting {options.environments} environments")
        cold_ms = warm(pool, options)
        measured = _Measured(options, pool, url, tell)
        pids = pool.pids()
        before = resident_mb(pids)
        series = [measured.measure_series(wait_s) for wait_s in options.waits]
        resident = zip(before, resident_mb(pids), strict=True)
        pool.wait_s = 0.0
        crash, crash_usage = measured.measure_crash(series) if options.crashes else (None, None)
        pool.end()  # so that all logs are whole
        return LoadResult(
            options=options,
            cold_ms=cold_ms,
            init_ms=pool.counts.init_ms,
            series=series,
            crash=crash,
            crash_usage=crash_usage,
            resident_mb=[pair for pair in resident if pair[1]],  # 0 for one that died
            records=count_records(measured.answers, log_url, logs),
            seconds=time.monotonic() - started,
        )


def warm(pool: Pool, options: LoadOptions) -> list[float]:
    """Start all environments at once, each by a request of its own, and let them settle. Returns
    the milliseconds of those first requests. Raises ToolError where one is not answered."""
    request = make_traffic(options.picture.read_bytes(), mixed=False)[0].request
    payload = json.dumps(to_http_api(request)).encode()
    try:
        with ThreadPoolExecutor(options.environments) as threads:
            first, *later = [
                list(threads.map(pool.invoke, [payload] * options.environments))
                for _ in range(1 + WARM_INVOCATIONS)
            ]
    except EnvironmentDiedError:
        raise ToolError("an environment died at its first requests; its log says why") from None
    for invoked in [*first, *later[-1]]:
        result = json.loads(invoked.body)
        if not isinstance(result, dict) or result.get("statusCode") != 200:
            raise ToolError(f"the function does not answer the picture: {invoked.body[:300]!r}")
    return [1000 * (invoked.answered - invoked.started) for invoked in first]


@dataclass
class _Measured:
    """A pool under load; answers: of all runs so far."""

    options: LoadOptions
    pool: Pool
    url: str
    tell: Callable[[str], None]
    answers: list[Answer] = field(default_factory=list)

    def measure_series(self, wait_s: float) -> Series:
        """Rate after rate, until all were tried or the last ones were far too much."""
        self.pool.wait_s = wait_s
        steps: list[Step] = []
        for number, rate in enumerate(self.options.rates):
            before, watch = copy.deepcopy(self.pool.counts), Watch()
            pids = self.pool.pids()
            cpu_before_s = cpu_s(pids)
            seed = self.options.seed + number
            answers = self._generate(rate, self.options.seconds, seed)
            step = summarize_step(
                rate,
                self.options.seconds,
                answers,
                before,
                self.pool.counts,
                max(0.0, cpu_s(pids) - cpu_before_s),
                watch.usage(),
            )
            steps.append(step)
            self.tell(f"{rate:g} requests/s, waiting up to {wait_s:g} s: {step.achieved:.1f}/s")
            last = steps[-SATURATED_STEPS:]
            if len(last) == SATURATED_STEPS and all(
                each.achieved < SATURATED * each.offered for each in last
            ):
                break
        return Series(wait_s, steps, find_knee(steps))

    def measure_crash(self, series: Sequence[Series]) -> tuple[Crash, Usage]:
        options = self.options
        rate = options.crash_rate or _crash_rate(series, options.environments)
        kill_at = KILL_AT * options.crash_seconds
        killed, usages, watch = [0], [], Watch()

        def kill() -> None:
            nonlocal watch
            usages.append(watch.usage())  # before: the time of the killed is not known after it
            killed[0] = self.pool.kill(options.crashes)
            watch = Watch()

        self.tell(f"{rate:g} requests/s, of which {options.crashes} environments are killed")
        answers = self._generate(rate, options.crash_seconds, options.seed + 1000, kill_at, kill)
        crash = summarize_crash(answers, rate, options.crash_seconds, kill_at, killed[0])
        usages.append(watch.usage())
        return crash, max(usages, key=lambda usage: usage.others)

    def _generate(
        self,
        rate: float,
        seconds: float,
        seed: int,
        at: float = 0.0,
        act: Callable[[], None] = lambda: None,
    ) -> list[Answer]:
        options = self.options
        picture = str(options.picture.resolve())
        plan = Plan(self.url, picture, options.mixed, options.form, rate, seconds, seed)
        answers = run_generator(plan, at, act)
        if self.pool.broken:
            raise self.pool.broken
        self.answers += answers
        return answers


def _crash_rate(series: Sequence[Series], environments: int) -> float:
    """A quarter of what the environments can do, by the lightest load."""
    step = min((each for one in series for each in one.steps), key=lambda each: each.rate)
    if not step.service_ms:
        raise ToolError("nothing was answered; see the environments' logs")
    return round(CRASH_LOAD * environments / (step.service_ms / 1000), 2)
