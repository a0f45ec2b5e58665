"""Look for inputs that the function does not stand: odd events, requests and damaged pictures.

    scripts/run fuzz --minutes 30
    scripts/run fuzz --minutes 5 --only pictures --seed 7
    scripts/run fuzz --replay out/fuzz/NAME.json

Each input is made from the seed and its number. It must be answered or refused: no exception, no
5xx but 502 and 503, strict JSON, one log line, a record for each picture, bounded CPU time and
memory. Faults are made small and written to out/fuzz, one file each; --replay takes such a file, an
event or a picture. The model is that of MODEL_DIR, as in the function.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

from tqdm import tqdm

from scripts.bench.fuzz.campaign import Campaign
from scripts.bench.fuzz.cases import KINDS, Case, Limits
from scripts.bench.fuzz.worker import Worker
from scripts.paths import ROOT
from scripts.tool import exit_on_error

FOLDER = ROOT / "out" / "fuzz"


def main(argv: list[str] | None = None) -> None:
    arguments = _parse(argv)
    limits = Limits(arguments.max_pixels, arguments.cpu, arguments.memory)
    with exit_on_error("fuzz"):
        if arguments.replay:
            sys.exit(_replay(arguments.replay, limits))
        sys.exit(_run(arguments, limits))


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/run fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Limits()
    parser.add_argument("--minutes", type=float, default=5, help="default: %(default)g")
    parser.add_argument("--seed", type=int, help="default: by the clock, and it is told")
    parser.add_argument("--only", choices=KINDS, action="append", help="may be repeated")
    parser.add_argument("--out", type=Path, default=FOLDER, help="default: out/fuzz")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="check this input again")
    parser.add_argument(
        "--max-pixels", type=int, default=default.max_pixels, help="default: %(default)s"
    )
    parser.add_argument(
        "--cpu", type=float, default=default.cpu_s, help="seconds an input may take: %(default)g"
    )
    parser.add_argument(
        "--memory", type=float, default=default.memory_mb, help="MB an input may take: %(default)g"
    )
    return parser.parse_args(argv)


def _replay(path: Path, limits: Limits) -> int:
    with Worker(limits) as worker:
        outcome = worker.run(Case.read(path))
    print(f"{outcome.label}; {outcome.cpu_s:.2f} s of CPU, {outcome.memory_mb:.0f} MB")
    for failure in outcome.failures:
        print(f"FAILED {failure.check}: {failure.where}\n{failure.detail}")
    return int(bool(outcome.failures))


def _run(arguments: argparse.Namespace, limits: Limits) -> int:
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    end = time.monotonic() + arguments.minutes * 60
    numbers = itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())
    with (
        Worker(limits) as worker,
        tqdm(total=round(arguments.minutes * 60), unit="s", disable=None) as bar,
    ):
        campaign = Campaign(worker, seed, arguments.out)
        for _ in campaign.run(arguments.only or KINDS, numbers):
            bar.n = min(bar.total, round(arguments.minutes * 60 - (end - time.monotonic())))
            bar.set_postfix(inputs=campaign.cases, faults=len(campaign.faults))
    print(f"{campaign.cases:,} inputs of seed {seed}")
    for label, times in sorted(campaign.labels.items()):
        print(f"{times:9,}  {label}")
    print("most CPU:    " + "; ".join(f"{value:.2f} s {name}" for value, name in campaign.slowest))
    print("most memory: " + "; ".join(f"{value:.0f} MB {name}" for value, name in campaign.largest))
    resident = " ".join(f"{value:.0f}" for value in campaign.resident_mb)
    print(f"resident after every 1,000 inputs: {resident} MB")
    for fault in campaign.faults.values():
        print(f"FAILED {fault.times} times, {fault.failure.check}: {fault.failure.where}")
        print(f"  scripts/run fuzz --replay {fault.path}")
    return int(bool(campaign.faults))


if __name__ == "__main__":
    main()
