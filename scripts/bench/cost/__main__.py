"""Measure the function at each memory size, and reckon dollars for a million pictures.

    scripts/run cost --target-ms 200,400 --write

Each size runs in a container of the image (scripts/build makes it) with the CPU and the memory that
Lambda gives. Without a Docker engine, one measurement without limits stands for all sizes, and says
so. cost.json, cost.md and cost.svg are written to --out; --write puts the tables and the plot into
docs/capacity.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from handler.storage.location import write_atomically
from scripts.bench.cost.containers import find_image, measure_sizes
from scripts.bench.cost.emulator import measure_unlimited
from scripts.bench.cost.pictures import picture_event
from scripts.bench.cost.report import Report, draw_report, format_report, read_report, to_json
from scripts.bench.cost.sizes import SIZES_MB, Assumptions
from scripts.bench.page import write_block
from scripts.paths import ROOT, SAMPLE
from scripts.tool import ToolError, exit_on_error

PAGE, PLOT = ROOT / "docs" / "capacity.md", "cost.svg"
BLOCK = "cost"
MAX_RUNS = 1000


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    assumed = Assumptions()
    parser = argparse.ArgumentParser(
        prog="scripts/run cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--sizes", default=",".join(map(str, SIZES_MB)), help="MB, with commas (%(default)s)")
    add("--target-ms", default="200,400",
        help="p50 and p99 that are to be kept (%(default)s)")  # fmt: skip
    add("--runs", type=int, default=20, help="warm invocations of each size (%(default)s)")
    add("--picture", type=Path, default=SAMPLE, help="a JPEG (events/sample.jpg)")
    add("--image", default="detectfunction:icebox", help="of the function (%(default)s)")
    add("--arm-time", type=float, default=assumed.arm_time,
        help="assumed: times as long on arm64 as on x86 (%(default)g)")  # fmt: skip
    add("--put-ms", type=float, default=assumed.put_ms,
        help="assumed: of a PUT to S3 (%(default)g)")  # fmt: skip
    add("--cold-share", type=float, default=assumed.cold_share,
        help="assumed: of requests that are cold starts (%(default)g)")  # fmt: skip
    add("--from", dest="source", type=Path,
        help="cost.json of an earlier run, instead of measuring")  # fmt: skip
    add("--out", type=Path, default=ROOT / "out" / "cost", help="folder of results (out/cost)")
    add("--write", action="store_true", help="update docs/capacity.md and docs/cost.svg")
    return parser.parse_args(argv)


def numbers(text: str, name: str, count: int | None = None) -> list[float]:
    """Positive ones, with commas between. Raises ToolError."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or (count and len(values) != count) or not all(0 < v < 1e6 for v in values):
        raise ToolError(f"{name}: expected {count or 'some'} numbers above 0 with commas: {text!r}")
    return values


def make_report(arguments: argparse.Namespace) -> Report:
    """Raises ToolError."""
    p50, p99 = numbers(arguments.target_ms, "--target-ms", 2)
    if not 0 < arguments.arm_time < 100 or not 0 <= arguments.put_ms < 1e5:
        raise ToolError("--arm-time: expected a factor above 0; --put-ms: 0 or more")
    if not 0 <= arguments.cold_share <= 1:
        raise ToolError("--cold-share: expected a share from 0 to 1")
    assumed = Assumptions(arguments.arm_time, arguments.put_ms, arguments.cold_share)
    if arguments.source:
        earlier = read_report(arguments.source)
        assumed = replace(assumed, request_bytes=earlier.assumed.request_bytes)
        return replace(earlier, target=(p50, p99), assumed=assumed)
    sizes = [int(size) for size in numbers(arguments.sizes, "--sizes")]
    if not all(128 <= size <= 10_240 for size in sizes):
        raise ToolError("--sizes: Lambda has 128 to 10240 MB")
    if not 5 <= arguments.runs <= MAX_RUNS:
        raise ToolError(f"--runs: expected 5 to {MAX_RUNS}")
    try:
        image_bytes = arguments.picture.read_bytes()
    except OSError as error:
        raise ToolError(f"--picture cannot be read: {error}") from None
    payload = picture_event(image_bytes)
    why = find_image(arguments.image) or ""
    if why:
        print(f"cost: {why}; measuring without limits", file=sys.stderr)
        measured = measure_unlimited(sizes, payload, arguments.runs)
    else:
        measured = measure_sizes(
            arguments.image, sizes, payload, arguments.runs,
            lambda line: print(line, file=sys.stderr, flush=True),
        )  # fmt: skip
    return Report(
        picture=arguments.picture.name,
        measured=tuple(measured),
        target=(p50, p99),
        assumed=replace(assumed, request_bytes=len(image_bytes)),
        why=why,
    )


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parse(argv)
    with exit_on_error("cost"):
        report = make_report(arguments)
        text, plot = format_report(report), draw_report(report)
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_atomically(arguments.out / "cost.json", to_json(report).encode())
        write_atomically(arguments.out / "cost.md", f"{text}\n".encode())
        write_atomically(arguments.out / PLOT, plot)
        if arguments.write:
            write_block(PAGE, BLOCK, text)
            write_atomically(PAGE.parent / PLOT, plot)
        print(text)


if __name__ == "__main__":
    main()
