"""What a load test found, as text and as JSON."""

from __future__ import annotations

import json
import platform
import statistics
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from scripts.bench.cost.bill import bill
from scripts.bench.load.capacity import reckon_capacity
from scripts.bench.load.figures import MAX_LAG, Latency, Step, erlang_b
from scripts.bench.load.machine import MAX_OTHERS
from scripts.bench.load.result import LoadOptions, LoadResult, Series

LINE, WIDTH = 120, 8  # of a text, of a column
CONCURRENCIES = (1, 2, 10, 100, 1000)
MEASURED = (
    "Latency is from the arrival that was planned to the runtime's answer, without the time that "
    "the emulator holds the answer back while the extension works; service is until the "
    "environment is free again."
)
COLUMNS = (
    "offered", "answers", "p50", "p90", "p99", "max", "429", "5xx", "errors", "cold", "lag",
    "service", "cpu", "busy", "erlang", "others",
)  # fmt: skip


def to_json(result: LoadResult) -> str:
    options = asdict(result.options)
    options["picture"] = result.options.picture.name
    options["bundle"] = result.options.bundle and result.options.bundle.name
    document = asdict(result) | {
        "options": options,
        "is_clean": result.is_clean,
        "machine": {
            "cpu": _cpu(),
            "cores": result.usages()[0].cores if result.usages() else None,
            "python": platform.python_version(),
        },
        "measured": MEASURED,
    }
    return json.dumps(document, indent=1, default=str) + "\n"


def format_result(result: LoadResult) -> str:
    options = result.options
    lines = [
        f"{options.environments} environments, {options.form} arrivals, {options.seconds:g} s a "
        f"rate, {'mixed traffic of ' if options.mixed else ''}{options.picture.name}; times in ms",
        *_format_cleanness(result),
        *textwrap.wrap(MEASURED, LINE),
        "",
        f"cold starts {_median(result.cold_ms)} (INIT {_median(result.init_ms)})",
    ]
    for series in result.series:
        lines += ["", *_format_series(series, options)]
    if result.crash:
        lines += ["", *_format_crash(result)]
    lines += ["", *_format_memory(result), *_format_records(result)]
    if service := service_ms(result):
        lines += ["", *_format_meaning(service, result.is_clean, options.picture.stat().st_size)]
    return "\n".join(lines)


def service_ms(result: LoadResult) -> float:
    """What a request takes of an environment that has a CPU of its own: by the clock under the
    lightest load; in CPU time where the machine had other work."""
    steps = [step for series in result.series for step in series.steps if step.service_ms]
    if not steps:
        return 0.0
    if result.is_clean:
        return min(steps, key=lambda step: step.rate).service_ms
    return statistics.median(step.cpu_ms for step in steps)


def _format_cleanness(result: LoadResult) -> Iterator[str]:
    usages = result.usages()
    if not usages:
        return
    others = max(usage.others for usage in usages)
    load = max(usage.load for usage in usages)
    if result.is_clean:
        yield f"clean: other processes took {others:.2f} of {usages[0].cores} cores at most"
    else:
        yield (
            f"NOT CLEAN: other processes took up to {others:.2f} of {usages[0].cores} cores, more "
            f"than {MAX_OTHERS:g} (load average up to {load:.1f}): trust ratios, not figures"
        )


def _format_series(series: Series, options: LoadOptions) -> Iterator[str]:
    yield (
        f"At the limit a request waits up to {series.wait_s:g} s:"
        if series.wait_s
        else "At the limit a request is throttled, as Lambda does:"
    )
    yield "".join(f"{name:>{WIDTH}}" for name in COLUMNS)
    for step in series.steps:
        yield "".join(f"{text:>{WIDTH}}" for text in _cells(step, series, options))
    for step in series.steps:
        if step.is_flagged:
            yield (
                f"at {step.rate:g}/s the generator lagged {step.lag_ms:.0f} ms at p99, more than "
                f"{MAX_LAG:.0%} of p50: its latencies are not the server's, and not shown"
            )
    if knee := series.knee:
        below = f"from {knee.below:g} " if knee.below else ""
        yield f"knee: {below}to {knee.above:g} requests/s, where {knee.reason}"
    else:
        yield "knee: none up to the highest rate"
    for step in series.steps:
        for kind, latency in step.kinds.items():
            if not step.is_flagged:
                yield (
                    f"  {step.rate:g}/s {kind:<9} p50 {latency.p50:.0f}  p90 {latency.p90:.0f}  "
                    f"max {latency.max:.0f}"
                )


def _cells(step: Step, series: Series, options: LoadOptions) -> Iterator[str]:
    yield f"{step.offered:.1f}/s"
    yield f"{step.achieved:.1f}/s"
    yield from _latency_cells(None if step.is_flagged else step.latency)
    yield str(step.throttled)
    yield str(step.failed)
    yield str(step.unanswered + step.unexpected)
    yield str(step.cold)
    yield f"{step.lag_ms:.1f}"
    yield f"{step.service_ms:.0f}"
    yield f"{step.cpu_ms:.0f}"
    yield f"{step.concurrency:.2f}"
    concurrency = step.offered * step.service_ms / 1000
    expected = erlang_b(options.environments, concurrency)
    yield "-" if series.wait_s or options.form == "constant" else f"{expected * step.requests:.0f}"
    yield f"{step.usage.others:.2f}"


def _latency_cells(latency: Latency | None) -> Iterator[str]:
    if latency is None:
        yield from ("-", "-", "-", "-")
        return
    for value in (latency.p50, latency.p90, latency.p99, latency.max):
        yield "-" if value is None else f"{value:.0f}"


def _format_crash(result: LoadResult) -> Iterator[str]:
    crash, usage = result.crash, result.crash_usage
    assert crash and usage
    yield f"{crash.killed} environments killed at once, at {crash.rate:g} requests/s:"
    yield (
        f"  failed of {crash.requests} requests: {crash.in_flight} in flight, {crash.after_answer} "
        f"between answer and record, {crash.throttled} throttled, {crash.others} others; "
        f"{crash.failed_before} before the kill"
    )
    yield f"  cold starts {crash.cold}, slowest answer {crash.worst:.0f} ms"
    if crash.is_flagged:
        yield f"  the generator lagged {crash.lag_ms:.0f} ms: no word on the recovery of latency"
        return
    back = (
        f"{crash.recovery_s:.2f} s after the kill"
        if crash.recovery_s is not None
        else "not within the run"
    )
    yield (
        f"  p50 {crash.before_p50:.0f} and p90 {crash.before_p90:.0f} before; within 20 % of them "
        f"again {back}; others took {usage.others:.2f} cores"
    )


def _format_memory(result: LoadResult) -> Iterator[str]:
    pairs = ", ".join(
        f"{start:.0f} → {end:.0f} ({end - start:+.1f})" for start, end in result.resident_mb
    )
    yield f"resident memory of each environment, MB: {pairs or 'none lived throughout'}"


def _format_records(result: LoadResult) -> Iterator[str]:
    records = result.records
    yield (
        f"records of {records.answered} answers: {records.stored} stored, {records.printed} "
        f"printed, {len(records.lost)} lost"
    )
    yield (
        f"  apart from them: {records.in_flight} requests were in flight at a kill, "
        f"{records.after_answer} between answer and record, {records.kept} of which left one"
    )


def _format_meaning(service: float, is_clean: bool, request_bytes: int) -> Iterator[str]:
    kind = "" if is_clean else ", its CPU time here,"
    yield f"On Lambda, if a request takes {service:.0f} ms{kind} of an environment there, too:"
    yield "  concurrency  busy all the time  1 % throttled  quota of AWS  ThrottleRate"
    for each in reckon_capacity(service, CONCURRENCIES):
        yield (
            f"  {each.concurrency:>11}{each.at_most:>17.0f}/s{each.with_few_throttles:>13.1f}/s"
            f"{each.quota:>12.0f}/s{each.throttle_rate:>12.1f}/s"
        )
    cost = bill(service, request_bytes)
    yield (
        f"  $ a million: {cost.total:.2f} = compute {cost.compute:.2f} + requests "
        f"{cost.requests:.2f} + HTTP API {cost.api:.2f} + records {cost.records:.2f} "
        f"+ logs {cost.logs:.2f}"
    )


def _median(values: list[float]) -> str:
    if not values:
        return "none"
    return f"{statistics.median(values):.0f} ms, median of {len(values)}"


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        return platform.machine()
    return names[0] if names else platform.machine()
