"""Simulate what a load would see on Lambda: latency, cold starts, concurrency, throttles, dollars.

    scripts/run capacity --rate 10000 --quota 3000
    scripts/run capacity --trace requests.csv --quota 100 --retries 3
    scripts/run capacity --check

The load is a trace (CSV with the heading `time`, seconds or ISO 8601, one line a request; or
`minute,count`), or a day's curve with bursts on it. Durations are those of --cost, which
scripts.bench.cost measured, or are given. --check runs a pool of real emulators and the simulation
side by side. --write updates docs/capacity.md: its runs, or with --check its comparison.
capacity.txt, capacity.json and capacity.svg are written to --out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from handler.storage.location import write_atomically
from scripts.bench.capacity.arrivals import Load, generate, read_trace
from scripts.bench.capacity.check import format_check, run_check
from scripts.bench.capacity.figures import Figures, summarize
from scripts.bench.capacity.function import (
    Function,
    Retries,
    Rules,
    Scenario,
    parse_durations,
)
from scripts.bench.capacity.measured import (
    AFTER,
    ANSWER,
    INIT,
    PLACING,
    measured_durations,
)
from scripts.bench.capacity.plot import draw_run
from scripts.bench.capacity.report import format_figures, format_runs, to_json
from scripts.bench.capacity.scenarios import SHOWN, page_runs
from scripts.bench.capacity.simulate import simulate
from scripts.bench.cost.prices import ARCHITECTURES
from scripts.bench.cost.sizes import DELIVERIES
from scripts.bench.page import write_block
from scripts.paths import ROOT
from scripts.tool import ToolError, exit_on_error

PAGE = ROOT / "docs" / "capacity.md"
PLOT = "capacity.svg"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    load, rules = Load(), Rules()
    parser = argparse.ArgumentParser(
        prog="scripts/run capacity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_argument_group("load")
    add = group.add_argument
    add("--trace", type=Path, help="CSV, instead of the day's curve")
    add("--rate", type=float, default=load.rate,
        help="requests a second, never exceeded (%(default)g)")  # fmt: skip
    add("--seconds", type=float, default=load.seconds, help="to simulate (%(default)g)")
    add("--trough", type=float, default=load.trough,
        help="the night's share of the day's top (%(default)g); 1: no day and night")  # fmt: skip
    add("--period", type=float, default=load.period_s,
        help="seconds of a day (%(default)g); 86400 for a real one")  # fmt: skip
    add("--bursts", type=float, default=load.bursts, help="in a day, on average (%(default)g)")
    add("--burst-seconds", type=float, default=load.burst_s, help="on average (%(default)g)")
    add("--burst-factor", type=float, default=load.burst_factor,
        help="times the rate (%(default)g)")  # fmt: skip
    add("--seed", type=int, default=load.seed, help="of all chance (%(default)s)")
    group = parser.add_argument_group("function; durations are ms, P50 or P50,P99")
    add = group.add_argument
    add("--cost", type=Path, help="cost.json of scripts.bench.cost, for its memory size --memory")
    add("--memory", type=int, default=1769, help="MB (%(default)s)")
    add("--architecture", choices=ARCHITECTURES, default=ARCHITECTURES[0], help="(%(default)s)")
    add("--answer-ms", help=f"until a warm answer ({ANSWER})")
    add("--after-ms", help=f"of the work after it, billed ({AFTER})")
    add("--init-ms", help=f"of INIT ({INIT})")
    add("--placing-ms", default=PLACING, help="before INIT, assumed (%(default)s)")
    add("--restore-ms", help="SnapStart instead of INIT: of a restore")
    add("--request-bytes", type=int, default=150_000, help="of its body (%(default)s)")
    add("--records", choices=DELIVERIES, default=DELIVERIES[0], help="(%(default)s)")
    group = parser.add_argument_group("Lambda's rules, and clients")
    add = group.add_argument
    add("--quota", type=int, default=rules.quota,
        help="concurrent executions that the account has left (%(default)s)")  # fmt: skip
    add("--reserved", type=int, help="concurrency of this function alone")
    add("--provisioned", type=int, default=0, help="environments always there (%(default)s)")
    add("--scale-rate", type=float, default=rules.scale_rate,
        help="new environments a second (%(default)g)")  # fmt: skip
    add("--scale-burst", type=float, default=rules.scale_burst, help="at once (%(default)g)")
    add("--idle-minutes", type=float, default=rules.idle_s / 60,
        help="after which an unused environment goes, assumed (%(default)g)")  # fmt: skip
    add("--retries", type=int, default=0, help="of a throttled client (%(default)s)")
    add("--backoff-s", type=float, default=0.5, help="of its first one at most (%(default)g)")
    add = parser.add_argument
    add("--check", action="store_true", help="beside a pool of emulators; takes a minute")
    add("--out", type=Path, default=ROOT / "out" / "capacity", help="folder (out/capacity)")
    add("--write", action="store_true", help="update docs/capacity.md, and its plot")
    return parser.parse_args(argv)


def make_function(arguments: argparse.Namespace) -> Function:
    """Raises ToolError."""
    if not 128 <= arguments.memory <= 10_240:
        raise ToolError("--memory: Lambda has 128 to 10240 MB")
    answer, after, init = (parse_durations(text) for text in (ANSWER, AFTER, INIT))
    if arguments.cost:
        answer, after, init = measured_durations(arguments.cost, arguments.memory)
    if arguments.answer_ms:
        answer = parse_durations(arguments.answer_ms)
    if arguments.after_ms:
        after = parse_durations(arguments.after_ms)
    if arguments.init_ms:
        init = parse_durations(arguments.init_ms)
    if arguments.restore_ms:
        init = parse_durations(arguments.restore_ms)
    return Function(
        answer, after, init, parse_durations(arguments.placing_ms), arguments.memory,
        arguments.architecture, bool(arguments.restore_ms),
    )  # fmt: skip


def make_scenario(arguments: argparse.Namespace) -> tuple[Load, Scenario]:
    """Raises ToolError."""
    rules = Rules(
        quota=arguments.quota,
        reserved=arguments.reserved,
        provisioned=arguments.provisioned,
        scale_rate=arguments.scale_rate,
        scale_burst=arguments.scale_burst,
        idle_s=60 * arguments.idle_minutes,
    )
    if not 1 <= rules.limit <= 10**6 or not 0 <= rules.provisioned <= rules.limit:
        raise ToolError(
            "--quota, --reserved: expected at least 1; --provisioned: no more than they allow"
        )
    if rules.scale_rate < 0 or rules.scale_burst < 1 or rules.idle_s <= 0:
        raise ToolError(
            "--scale-rate: expected 0 or more; --scale-burst: 1 or more; --idle-minutes: above 0"
        )
    if not 0 <= arguments.retries <= 20 or not 0 < arguments.backoff_s <= 3600:
        raise ToolError("--retries: expected 0 to 20; --backoff-s: above 0, up to an hour")
    if not 0 <= arguments.request_bytes <= 10_000_000:
        raise ToolError("--request-bytes: an HTTP API takes up to 10,000,000")
    load = Load(
        arguments.rate, arguments.seconds, arguments.trough, arguments.period, arguments.bursts,
        arguments.burst_seconds, arguments.burst_factor, arguments.seed,
    )  # fmt: skip
    what = arguments.trace.name if arguments.trace else f"up to {load.rate:,g}/s"
    scenario = Scenario(
        name=f"{what}, quota {rules.limit:,}",
        function=make_function(arguments),
        rules=rules,
        retries=Retries(arguments.retries, arguments.backoff_s),
        request_bytes=arguments.request_bytes,
        delivery=arguments.records,
        seed=arguments.seed,
    )
    return load, scenario


def write_check(arguments: argparse.Namespace) -> None:
    check = run_check(arguments.out, tell)
    text = format_check(check)
    write_atomically(arguments.out / "check.json", f"{json.dumps(asdict(check))}\n".encode())
    if arguments.write:
        write_block(PAGE, "check", text)
    print(text)


def write_runs(arguments: argparse.Namespace) -> None:
    """The page's runs with --write, else the one that is asked for."""
    load, scenario = make_scenario(arguments)
    runs: list[tuple[Scenario, Figures]] = []
    plot = b""
    if arguments.write:
        todo = list(page_runs(scenario.function, scenario.request_bytes, scenario.delivery))
    else:
        todo = [(load, scenario)]
    for load, each in todo:
        times = (
            read_trace(arguments.trace, arguments.seed)
            if arguments.trace and not arguments.write
            else generate(load)
        )
        tell(f"{each.name}: {len(times):,} requests")
        figures = summarize(simulate(times, each, progress=True), each)
        runs.append((each, figures))
        if not arguments.write or each.name == SHOWN:
            plot = draw_run(figures, each)
    text = format_runs(runs) if arguments.write else format_figures(runs[0][1], runs[0][0])
    write_atomically(arguments.out / "capacity.txt", f"{text}\n".encode())
    write_atomically(arguments.out / "capacity.json", to_json(runs).encode())
    write_atomically(arguments.out / PLOT, plot)
    if arguments.write:
        write_block(PAGE, "capacity", text)
        write_atomically(PAGE.parent / PLOT, plot)
    print(text)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parse(argv)
    with exit_on_error("capacity"):
        arguments.out.mkdir(parents=True, exist_ok=True)
        if arguments.check:
            write_check(arguments)
        else:
            write_runs(arguments)


if __name__ == "__main__":
    main()
