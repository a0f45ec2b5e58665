"""Time every step of an answer, beside the floor that no function around the model goes below.

    scripts/run latency [PHOTO] [--bundle FOLDER] [--write]

An event of an HTTP API goes through `lambda_handler`, for pictures of six kinds and on one and two
threads, each number of threads in a process of its own. The floor, of the same session, input,
decoder and scale, is measured in turn with it. The last line is the ratio of the two for PHOTO on
one thread; without it the sample is enlarged to a microscope's 2,794 px.

`record` comes after the answer, and costs nobody time; it ends with a file on this machine, so
S3's own time is not in it. `NMS` is the whole graph's run less that of the graph cut off before its
NMS, and `below` what the run takes down to half the score floor less what it takes at the model's
own threshold. Of fewer than 100 runs, p99 is the slowest.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scripts.bench.latency.measure import PictureTimes, measure
from scripts.bench.latency.pictures import MeasuredPicture, make_pictures
from scripts.bench.latency.table import format_markdown, format_text, last_line
from scripts.bench.page import write_block
from scripts.paths import ROOT
from scripts.tool import exit_on_error

PAGE = ROOT / "docs" / "performance.md"


def measure_all(
    bundle: Path, threads: Sequence[int], pictures: Sequence[MeasuredPicture], runs: int
) -> list[PictureTimes]:
    """What `measure` gives for each number of threads, in a new process each. Raises as it does."""
    context = multiprocessing.get_context("spawn")
    times: list[PictureTimes] = []
    for count in threads:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            times += pool.submit(measure, bundle, count, pictures, runs).result()
    return times


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run latency", description=__doc__.splitlines()[0]
    )
    parser.add_argument("photo", type=Path, nargs="?", help="what the last line is about")
    parser.add_argument("--bundle", type=Path, default=ROOT / "handler" / "model")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="default: 1 and 2, one vCPU or two"
    )
    parser.add_argument("--runs", type=int, default=50, help="of each picture; default: 50")
    parser.add_argument("--write", action="store_true", help="the table into docs/performance.md")
    arguments = parser.parse_args(argv)
    with exit_on_error("latency"):
        pictures = make_pictures(arguments.photo)
        times = measure_all(arguments.bundle, arguments.threads, pictures, arguments.runs)
        if arguments.write:
            write_block(PAGE, "latency", f"{format_markdown(times)}\n\n{_how(arguments.runs)}")
    print(format_text(times), end="\n\n")
    first = [each for each in times if each.threads == arguments.threads[0]]
    print(last_line(first[1]))
    print(last_line(first[0]))


def _how(runs: int) -> str:
    return f"Medians of {runs} runs on {platform.machine()}, Python {platform.python_version()}."


if __name__ == "__main__":
    main()
