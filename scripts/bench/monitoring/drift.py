"""Measure what the monitor finds: false alarms, planted shifts, their cause and when they began.

    scripts/run drift --planted out/planted

Reads a folder of prediction records as `scripts/run plant` makes it: `reference.jsonl`
and `null.jsonl`, of pictures that differ in nothing but chance, and SHIFT@K.jsonl, K = 0 weak,
1 medium, 2 strong. A null window and its reference are drawn anew from all quiet records each time;
a planted window is drawn from its shift's and compared with reference.jsonl. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from handler.records.record import PredictionRecord
from scripts.model.baseline.planted import PLANTED
from scripts.monitor.drift.cause import name_cause
from scripts.monitor.drift.change_point import find_change_point
from scripts.monitor.drift.decide import decide
from scripts.monitor.drift.exact import check
from scripts.monitor.drift.levels import DAILY_LEVEL
from scripts.monitor.drift.martingale import run_martingale
from scripts.records.observations import Observations, join_observations
from scripts.records.observe import observe_records
from scripts.records.read import ReadCounts
from scripts.records.reference import Reference, read_reference
from scripts.tool import ToolError, exit_on_error

SIZES = (20, 50, 200, 1000)
STRENGTHS = ("weak", "medium", "strong")
CHANGE_AT = (0.3, 0.5, 0.7)  # of the window
CHANGE_SIZE = 200
QUIET_STREAMS = (2_000, 100)  # records of each, and how many
START = np.datetime64("2026-10-01", "ms")
STEP = np.timedelta64(60_000, "ms")

Options = argparse.Namespace


@dataclass(frozen=True, eq=False)
class Planted:
    """reference, null: quiet records. shifts: by (name, strength)."""

    reference: Observations
    null: Observations
    shifts: dict[tuple[str, int], Observations]
    signatures: Reference | None

    @property
    def quiet(self) -> Observations:
        return join_observations([self.reference, self.null])


@dataclass
class Table:
    """Shares of windows by row and column, with how many there were."""

    title: str
    hits: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, row: str, column: str, value: float) -> None:
        self.hits[row, column].append(value)

    def format(self) -> str:
        rows = list(dict.fromkeys(row for row, _ in self.hits))
        columns = list(dict.fromkeys(column for _, column in self.hits))
        width = max(len(row) for row in rows) + 2
        lines = ["", self.title, " " * width + "".join(f"{column:>15}" for column in columns)]
        for row in rows:
            cells = [self.hits.get((row, column), []) for column in columns]
            texts = [f"{100 * np.mean(c):.1f} % of {len(c)}" if c else "-" for c in cells]
            lines.append(f"{row:<{width}}" + "".join(f"{text:>15}" for text in texts))
        return "\n".join(lines)


def read_planted(folder: Path, reference_path: Path | None) -> Planted:
    """Raises ToolError where the folder lacks what is measured."""
    sets = {path.stem: path for path in sorted(folder.glob("*.jsonl"))}
    if not {"reference", "null"} <= sets.keys():
        raise ToolError(
            f"{folder} has no reference.jsonl and null.jsonl; make them, of labelled pictures that "
            "the model was not trained on: scripts/run plant PICTURES --out "
            f"{folder}"
        )
    shifts = {}
    for name, path in sets.items():
        shift, _, strength = name.rpartition("@")
        if shift and strength.isdigit():
            shifts[shift, int(strength)] = _read_set(path)
    signatures = None
    if reference_path is not None and reference_path.is_file():
        signatures = read_reference(reference_path)
    return Planted(_read_set(sets["reference"]), _read_set(sets["null"]), shifts, signatures)


def _read_set(path: Path) -> Observations:
    records = []
    for line in path.read_text().splitlines():
        try:
            records.append(PredictionRecord.from_json(json.dumps(json.loads(line)["record"])))
        except ValueError:
            break  # the last line of a set that is being written
    return observe_records(records)


def draw(observations: Observations, size: int, seed: Sequence[int]) -> Observations:
    """Records without replacement, as a stream: one a minute."""
    random = np.random.default_rng(seed)
    return as_stream(observations.select(random.permutation(len(observations))[:size]))


def as_stream(observations: Observations) -> Observations:
    times = START + np.arange(len(observations)) * STEP
    return replace(observations, facts={**observations.facts, "time": times})


# What a process measures: it keeps the sets, and is told which window.
_planted: Planted


def _start(planted: Planted) -> None:
    global _planted
    _planted = planted
    os.environ["OMP_NUM_THREADS"] = "1"


def measure_null(task: tuple[int, int]) -> tuple[int, bool, bool, bool]:
    """Of one null window: its size, and what alarmed: either, the martingale, an exact check."""
    size, repeat = task
    shuffled = draw(_planted.quiet, len(_planted.quiet), (size, repeat))
    window, reference = shuffled.select(slice(size)), shuffled.select(slice(size, size + 300))
    decision = decide(reference, window, seed=repeat)
    findings = check(reference, window, _counts(window))
    return (
        size,
        decision.is_changed,
        decision.martingale >= decision.martingale_limit,
        any(finding.is_alarm for finding in findings),
    )


def measure_shift(task: tuple[str, int, int, int]) -> dict[str, Any]:
    """Whether one planted window is found, and whether its cause comes first."""
    name, strength, size, repeat = task
    window = draw(_planted.shifts[name, strength], size, (size, repeat))
    decision = decide(_planted.reference, window, seed=repeat)
    findings = check(_planted.reference, window, _counts(window))
    cause = None
    is_found = decision.is_changed or any(finding.is_alarm for finding in findings)
    if _planted.signatures is not None and is_found:
        cause = name_cause(_planted.signatures, window, findings).name
    return {
        "name": name,
        "strength": strength,
        "size": size,
        "found": is_found,
        "martingale": decision.martingale >= decision.martingale_limit,
        "cause": cause,
    }


def measure_change_point(task: tuple[str, int, float, int]) -> dict[str, Any]:
    """How far off one planted change point is, as a share of the window."""
    name, strength, share, repeat = task
    after = _planted.shifts[name, strength]
    size = min(CHANGE_SIZE, len(_planted.null), len(after))
    split = round(share * size)
    before = draw(_planted.null, split, (repeat, 1))
    window = as_stream(join_observations([before, draw(after, size - split, (repeat, 2))]))
    # A picture and its shifted self are two pictures.
    point = find_change_point(_planted.reference, window)
    result = {"name": name, "strength": strength, "found": point is not None}
    if point is None:
        return result
    at, low, high = (_position(each) for each in (point.time, point.earliest, point.latest))
    return {**result, "error": abs(at - split) / size, "covered": low <= split <= high}


def _position(time: str) -> float:
    return float((np.datetime64(time.removesuffix("Z"), "ms") - START) / STEP)


def _counts(window: Observations) -> ReadCounts:
    return ReadCounts(len(window), len(window), 0, 0, 0)


def measure_run_length(task: tuple[int, int]) -> tuple[int | None, int | None]:
    """Records until the martingale alarms: in a quiet stream, and after a shift of one standard
    deviation in one of 20 properties, that comes at the middle; None where it doesn't."""
    length, repeat = task
    random = np.random.default_rng((length, repeat))
    mixing = random.normal(size=(20, 20)) / 4 + np.eye(20)
    quiet = random.normal(size=(300 + length, 20)) @ mixing
    limit = 1 / (DAILY_LEVEL * 0.2)
    calm = run_martingale(quiet[:300], quiet[300:]).first_at(limit)
    quiet[300 + length // 2 :, 0] += quiet[:, 0].std()
    alarm = run_martingale(quiet[:300], quiet[300:]).first_at(limit)
    return calm, None if alarm is None else alarm - length // 2


def measure(planted: Planted, options: Options) -> str:
    """All tables, as text."""
    from tqdm import tqdm

    sizes = [size for size in SIZES if size + 100 <= len(planted.quiet)]
    if options.quick:
        sizes = [size for size in sizes if size <= 200]
    nulls = [(size, repeat) for size in sizes for repeat in range(options.windows)]
    shifts = [
        (name, strength, size, repeat)
        for (name, strength), records in sorted(planted.shifts.items())
        for size in SIZES
        if size <= len(records)
        # Windows that are nearly the whole set are nearly one and the same.
        for repeat in range(min(options.repeats, max(1, 4 * len(records) // size - 4)))
    ]
    changes = [
        (name, strength, share, repeat)
        for name, strength in sorted(planted.shifts)
        for share in CHANGE_AT
        for repeat in range(1 if options.quick else 3)
    ]
    length, streams = QUIET_STREAMS
    lengths = [(length, repeat) for repeat in range(streams // 5 if options.quick else streams)]
    total = len(nulls) + len(shifts) + len(changes) + len(lengths)
    with (
        ProcessPoolExecutor(options.processes, initializer=_start, initargs=(planted,)) as pool,
        tqdm(total=total, unit="window", disable=None) as progress,
    ):

        def run(function: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
            results = []
            for result in pool.map(function, tasks, chunksize=4):
                results.append(result)
                progress.update()
            return results

        parts = [
            _format_nulls(run(measure_null, nulls), planted),
            *_format_shifts(run(measure_shift, shifts)),
            _format_changes(run(measure_change_point, changes)),
            _format_lengths(run(measure_run_length, lengths)),
        ]
    return "\n".join(parts)


def _format_nulls(results: Sequence[tuple[int, bool, bool, bool]], planted: Planted) -> str:
    table = Table(
        f"False alarms, level {DAILY_LEVEL:.2%}, windows and references of 300 drawn from "
        f"{len(planted.quiet)} quiet records"
    )
    for size, changed, martingale, exact in results:
        for row, value in (
            ("changed", changed),
            ("of these, martingale", martingale),
            ("exact checks", exact),
        ):
            table.add(row, f"n = {size}", value)
    return table.format()


def _format_shifts(results: Sequence[dict[str, Any]]) -> list[str]:
    causes = {each.name.replace(" ", "-"): each.cause for each in PLANTED}
    found = Table("Planted shifts found, by the tests or an exact check")
    martingale = Table("Of all, found by the martingale alone")
    first = Table("Of those found, right cause first")
    each_shift = Table("Each shift, found")
    for result in results:
        strength = STRENGTHS[min(result["strength"], 2)]
        column = f"n = {result['size']}"
        found.add(strength, column, result["found"])
        martingale.add(strength, column, result["martingale"])
        each_shift.add(f"{result['name']}, {strength}", column, result["found"])
        truth = causes.get(result["name"].replace(" ", "-"))
        if result["cause"] is not None and truth is not None:
            first.add(strength, column, result["cause"] == truth)
    tables = [found, martingale, first, each_shift]
    return [table.format() for table in tables if table.hits]


def _format_changes(results: Sequence[dict[str, Any]]) -> str:
    table = Table(f"Change point, after {CHANGE_AT} of windows of up to {CHANGE_SIZE}")
    for result in results:
        strength = STRENGTHS[min(result["strength"], 2)]
        table.add(strength, "named", result["found"])
        if result["found"]:
            table.add(strength, "within 10 %", result["error"] <= 0.1)
            table.add(strength, "in interval", result["covered"])
    return table.format() if table.hits else ""


def _format_lengths(results: Sequence[tuple[int | None, int | None]]) -> str:
    length = QUIET_STREAMS[0]
    calm = [each for each, _ in results if each is not None]
    delays = sorted(each for _, each in results if each is not None and each >= 0)
    median = f"{delays[len(delays) // 2]} records" if delays else "never"
    return (
        f"\nMartingale: {len(calm)} alarms in {len(results)} quiet streams of {length:,} "
        "records; a shift of one standard deviation after half of them is seen in "
        f"{len(delays)} of {len(results)}, after a median of {median}.\n"
        f"At one look a day, {365 * DAILY_LEVEL:.2f} false alarms a year are expected at most."
    )


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="scripts/run drift",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--planted", type=Path, default=Path("out/planted"), metavar="FOLDER")
    parser.add_argument(
        "--reference",
        type=Path,
        default=Path("handler/model/reference.parquet"),
        help="of the model, with the signatures that causes are named by (default: %(default)s)",
    )
    parser.add_argument("--windows", type=int, default=1000, help="null windows of each size")
    parser.add_argument("--repeats", type=int, default=5, help="windows of each shift and size")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true", help="100 null windows, none of 1,000")
    options = parser.parse_args(argv)
    if options.quick:
        options.windows, options.repeats = min(options.windows, 100), min(options.repeats, 2)
    with exit_on_error("drift"):
        started = time.monotonic()
        print(measure(read_planted(options.planted, options.reference), options))
        print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
