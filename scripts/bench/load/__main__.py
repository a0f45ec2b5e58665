"""Put load on the function in a pool of emulators, up to saturation.

    scripts/run load --environments 2 --rates 2,4,8,16,24,32 --wait 0,10 --crashes 2

A pool of Lambda's emulators stands for its execution environments, behind a local API Gateway.
Requests come at times fixed beforehand, whatever became of those before, and latency counts from
those times. Everything is on loopback, bounded, and ended with this tool. The results are written
to --out: load.txt, load.json, load.svg and the environments' logs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from handler.storage.location import write_atomically
from scripts.bench.load.arrivals import FORMS
from scripts.bench.load.function import RECORDS
from scripts.bench.load.plot import draw_plot
from scripts.bench.load.report import format_result, to_json
from scripts.bench.load.result import LoadOptions
from scripts.bench.load.run import measure_load
from scripts.paths import ROOT
from scripts.tool import ToolError, exit_on_error, exit_on_signals

MAX_ENVIRONMENTS, MAX_RATES, MAX_RATE, MAX_SECONDS, MAX_WAIT_S = 16, 20, 500.0, 120.0, 25.0
MAX_REQUESTS = 20_000  # of all rates


def numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def check(options: LoadOptions) -> None:
    """Raises ToolError for a load that is not bounded, or none."""
    if not 1 <= options.environments <= MAX_ENVIRONMENTS:
        raise ToolError(f"--environments: expected 1 to {MAX_ENVIRONMENTS}")
    rates = [*options.rates, *([options.crash_rate] if options.crash_rate is not None else [])]
    if len(options.rates) > MAX_RATES or not all(0 < rate <= MAX_RATE for rate in rates):
        raise ToolError(
            f"--rates: expected up to {MAX_RATES} rates above 0, of {MAX_RATE:g} at most"
        )
    for name, seconds in (
        ("--seconds", options.seconds),
        ("--crash-seconds", options.crash_seconds),
    ):
        if not 1 <= seconds <= MAX_SECONDS:
            raise ToolError(f"{name}: expected 1 to {MAX_SECONDS:g}")
    if len(options.waits) > 2 or not all(0 <= wait <= MAX_WAIT_S for wait in options.waits):
        raise ToolError(f"--wait: expected one or two of 0 to {MAX_WAIT_S:g} s")
    if not 0 <= options.crashes <= options.environments:
        raise ToolError("--crashes: expected no more than --environments")
    requests = sum(options.rates) * options.seconds * len(options.waits)
    requests += (options.crash_rate or 0) * options.crash_seconds * bool(options.crashes)
    if requests > MAX_REQUESTS:
        raise ToolError(
            f"{requests:,.0f} requests are more than {MAX_REQUESTS:,}; take fewer rates or seconds"
        )
    if not options.picture.is_file():
        raise ToolError(f"--picture: there is no file {options.picture}")


def parse(argv: Sequence[str] | None) -> tuple[LoadOptions, Path]:
    defaults = LoadOptions()
    parser = argparse.ArgumentParser(
        prog="scripts/run load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--environments", type=int, default=defaults.environments,
        help="at most at once (%(default)s)")  # fmt: skip
    add("--rates", type=numbers, default=defaults.rates,
        help="requests a second, with commas, rising (2,4,8,...,32)")  # fmt: skip
    add("--seconds", type=float, default=defaults.seconds, help="of each rate (%(default)g)")
    add("--wait", dest="waits", type=numbers, default=defaults.waits,
        help="seconds that a request may wait for an environment at the limit; Lambda has no such "
        "queue (0). Two with a comma: all rates with each")  # fmt: skip
    add("--arrivals", dest="form", choices=FORMS, default=defaults.form, help="(%(default)s)")
    add("--seed", type=int, default=defaults.seed, help="of arrivals and kinds (%(default)s)")
    add("--picture", type=Path, default=defaults.picture, help="(events/sample.jpg)")
    add("--mixed", action="store_true",
        help="several routes, a picture of 4.5 MB and rejected ones among them")  # fmt: skip
    add("--crashes", type=int, default=0, help="environments to kill at once, at the end (0)")
    add("--crash-rate", type=float, default=None,
        help="requests a second meanwhile (a quarter of what environments can do)")  # fmt: skip
    add("--crash-seconds", type=float, default=defaults.crash_seconds,
        help="of that run (%(default)g)")  # fmt: skip
    add("--records", choices=RECORDS, default=defaults.records,
        help="a folder, or moto's S3, which takes CPU of this machine (%(default)s)")  # fmt: skip
    add("--bundle", type=Path, default=None, help="folder of another model (the default one)")
    add("--out", type=Path, default=ROOT / "out" / "load", help="folder of results (out/load)")
    arguments = parser.parse_args(argv)
    names = {field.name for field in fields(LoadOptions)}
    values = {name: value for name, value in vars(arguments).items() if name in names}
    return LoadOptions(**values), arguments.out


def main(argv: Sequence[str] | None = None) -> int:
    options, out = parse(argv)
    with exit_on_error("load"):
        check(options)
        out.mkdir(parents=True, exist_ok=True)
        try:
            result = measure_load(options, out, tell)
        except KeyboardInterrupt:
            sys.exit("load: stopped; every environment is ended")
        text = format_result(result)
        write_atomically(out / "load.txt", f"{text}\n".encode())
        write_atomically(out / "load.json", to_json(result).encode())
        write_atomically(out / "load.svg", draw_plot(result))
        print(text)
        if result.records.lost:
            raise ToolError(f"{len(result.records.lost)} records are lost; see {out}/load.json")
    return 0


if __name__ == "__main__":
    exit_on_signals("load")
    sys.exit(main())
