"""Compare bundles on labelled pictures: a table and a plot of their speed, size and accuracy.

    scripts/run tradeoff handler/model out/int8 --data data/heldout --out out/tradeoff

Speed is measured through the handler's own code, on one thread and on two: the bundles take turns,
so that a busy moment of the machine meets all of them, and the median of the rounds is told.
"inference" is the graph's run; "predict" is all from a JPEG's bytes to boxes. "load" is reading,
checking and warming the bundle, a part of a cold start, and "memory" the highest resident size,
both of fresh processes that load it and predict; Python and ONNX Runtime are in the memory. AP50
and count error are those of scripts.model.evaluate, at each bundle's own score threshold.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from scripts.model.tradeoff.compare import ROUNDS, THREADS, compare_bundles
from scripts.model.tradeoff.page import PAGE_FILE, PLOT_FILE, write_page
from scripts.model.tradeoff.table import format_json, format_text
from scripts.tool import exit_on_error


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/run tradeoff",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundles", type=Path, nargs="+", metavar="BUNDLE", help="folder with model.onnx, model.json"
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="labelled pictures, Pascal VOC or COCO; a panel and two columns a folder",
    )
    parser.add_argument("--out", type=Path, help=f"folder for {PAGE_FILE} and {PLOT_FILE}")
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=list(THREADS),
        help="thread counts to time at; the plot shows the first (default: 1 2)",
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="timed runs of each (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1 or min(arguments.threads) < 1:
        parser.error("--rounds and --threads count from 1")
    command_line = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "-m", "scripts.model.tradeoff", *command_line])
    with exit_on_error("tradeoff"):
        rows = compare_bundles(
            arguments.bundles, arguments.data, threads=arguments.threads, rounds=arguments.rounds
        )
        if arguments.out:
            write_page(rows, arguments.out, command)
    if arguments.json:
        print(format_json(rows))
    else:
        print(format_text(rows))
        if arguments.out:
            print(f"\n{arguments.out / PAGE_FILE} and {arguments.out / PLOT_FILE}")


if __name__ == "__main__":
    main()
