"""monitor report: what changed, since when, why, and how good the model still is.

Exit status: 0 nothing changed, 1 changed or in need of attention, 2 an error, 3 too few records.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from scripts.monitor.progress import progress_of
from scripts.monitor.result import Status
from scripts.paths import ROOT
from scripts.records.reference import REFERENCE_FILE, read_bundle_reference, read_reference
from scripts.records.source import open_source
from scripts.records.window import parse_window
from scripts.tool import ToolError

EXIT_STATUS: dict[Status, int] = {"ok": 0, "changed": 1, "attention": 1, "too few": 3}
ERROR = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("source", help="s3://BUCKET[/PREFIX], or a folder")
    add("--window", default="7d", help="7d, 24h, or START..END (default: %(default)s)")
    add(
        "--reference", type=Path, default=ROOT / "handler" / "model", metavar="FILE",
        help="reference.parquet, or the folder of a bundle that has one (default: handler/model)",
    )  # fmt: skip
    add("--route", help="only predictions of this route")
    add("--version", help="compare records of this version, not the reference's; see --any-version")
    add(
        "--any-version", action="store_true",
        help="compare records of other versions than the reference's all the same",
    )  # fmt: skip
    add(
        "--log", type=Path, action="append", default=[], metavar="PATH",
        help="exported log lines, or a folder of them, whose records count as well",
    )  # fmt: skip
    add(
        "--labels", type=Path, action="append", default=[], metavar="FOLDER",
        help="of monitor sample, once its labels are corrected; may be given again",
    )  # fmt: skip
    add(
        "--out", type=Path, default=Path("out/monitor"),
        help="folder for report.html and report.json (default: %(default)s)",
    )  # fmt: skip
    add("--processes", type=int, help="that read (default: one for each CPU)")


def run(arguments: argparse.Namespace) -> int:
    """Write the report, print its summary, and return the exit status."""
    from handler.bundle.reader import BundleError
    from handler.problems import Problem

    try:
        return _run(arguments)
    except (ToolError, BundleError, Problem, OSError) as error:
        print(f"monitor: {error}", file=sys.stderr)
        return ERROR


def _run(arguments: argparse.Namespace) -> int:
    from scripts.monitor.report.make import make_report, write_report
    from scripts.monitor.report.summary import format_summary

    window = parse_window(arguments.window, datetime.now(UTC))
    path: Path = arguments.reference
    if path.is_dir():
        reference = read_bundle_reference(path)
    elif path.is_file():
        reference = read_reference(path)
    else:
        raise ToolError(
            f"{path}: there is no such file; a reference is a bundle's {REFERENCE_FILE}"
        )
    labels = None
    if arguments.labels:
        from scripts.monitor.labelling.corrections import read_labelled_samples

        labels = read_labelled_samples(arguments.labels)
    source = open_source(arguments.source)
    with progress_of("objects") as show:
        report = make_report(
            source, reference, window, route=arguments.route, version=arguments.version,
            any_version=arguments.any_version, logs=arguments.log, labels=labels,
            processes=arguments.processes, on_progress=show,
        )  # fmt: skip
    page = write_report(report, arguments.out)
    print(format_summary(report.result))
    print(f"{'report':<10}{page}")
    return EXIT_STATUS[report.result.status]
