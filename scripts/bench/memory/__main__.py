"""Measure the function's memory, over many requests and for the largest pictures.

    scripts/run memory --write
    scripts/run memory largest --write

The first sends 5,000 requests of every kind, good and bad, to one environment: does its memory
grow? The second decodes the largest accepted picture of every format, each in an environment of its
own: does it fit?
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from handler.storage.location import write_atomically
from scripts.bench.memory.largest import measure_largest
from scripts.bench.memory.plot import draw_plot
from scripts.bench.memory.report import format_largest, format_soak, update_page
from scripts.bench.memory.soak import Soak, run_soak
from scripts.paths import ROOT
from scripts.tool import ToolError, exit_on_error

PROG = "scripts/run memory"
MAX_GROWTH, MAX_PEAK_RATIO, MAX_SHARE = 0.02, 1.2, 0.85
DOCS, PLOT = ROOT / "docs", "memory.svg"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog=PROG, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("requests", "largest"), default="requests",
                        help="(%(default)s)")  # fmt: skip
    parser.add_argument("--requests", type=int, default=5000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the requests (%(default)s)")
    parser.add_argument(
        "--write", action="store_true", help="update docs/performance.md and docs/memory.svg"
    )
    options = parser.parse_args(argv)
    with exit_on_error("memory"):
        if options.what == "requests":
            _measure_requests(options)
        else:
            _measure_largest(options)
    return 0


def _measure_requests(options: argparse.Namespace) -> None:
    command = f"{PROG} --requests {options.requests} --seed {options.seed} --write"
    soak = run_soak(options.requests, options.seed)
    report_soak(soak, command, DOCS if options.write else None)


def report_soak(soak: Soak, command: str, docs: Path | None) -> None:
    """Print what was measured, and write it into the page and the plot of a folder. Raises
    ToolError for memory that grows or peaks."""
    text = format_soak(soak)
    print(text)
    if docs:
        write_atomically(docs / PLOT, draw_plot(soak))
        update_page(docs, "memory", f"![Memory over the requests]({PLOT})\n\n{text}", command)
    if soak.growth > MAX_GROWTH:
        raise ToolError(f"memory grows by {soak.growth:.1%}, {MAX_GROWTH:.0%} at most")
    if soak.peak_ratio > MAX_PEAK_RATIO:
        raise ToolError(
            f"the peak is {soak.peak_ratio:.2f} times that of the largest picture alone, "
            f"{MAX_PEAK_RATIO} at most"
        )


def _measure_largest(options: argparse.Namespace) -> None:
    """Raises ToolError for a picture that is refused or does not fit."""
    rows = measure_largest()
    text = format_largest(rows)
    print(text)
    if options.write:
        update_page(DOCS, "memory-largest", text, f"{PROG} largest --write")
    refused = [row.name for row in rows if not row.is_answered]
    if refused:
        raise ToolError(
            f"refused, so their memory is not known: {', '.join(refused)}; is this machine busy?"
        )
    misfits = [row.name for row in rows if row.share > MAX_SHARE]
    if misfits:
        raise ToolError(f"more than {MAX_SHARE:.0%} of the function's memory: {', '.join(misfits)}")


if __name__ == "__main__":
    sys.exit(main())
