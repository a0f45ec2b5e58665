"""Puts records that were printed into the log back into the bucket or folder."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from scripts.monitor.progress import progress_bar
from scripts.records.log_group import LogGroup
from scripts.records.recover import recover
from scripts.records.source import open_source
from scripts.records.window import parse_window
from scripts.tool import ToolError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "logs",
        type=Path,
        nargs="*",
        metavar="LOG",
        help="exported log lines: files, gzipped or not, or folders of them",
    )
    parser.add_argument(
        "--log-group",
        metavar="NAME",
        help="the function's log group in CloudWatch, such as /icebox/STACK/function",
    )
    parser.add_argument(
        "--window",
        default="30d",
        help="of that log group: 7d, 24h or START..END (default: 30d, as long as the stack keeps "
        "lines by default)",
    )
    parser.add_argument(
        "--into", required=True, metavar="SOURCE", help="s3://BUCKET[/PREFIX] or a folder"
    )


def run(arguments: argparse.Namespace) -> int:
    """Returns 0, or 1 where a line with a record could not be read."""
    logs: list[Path | LogGroup] = list(arguments.logs)
    if arguments.log_group:
        window = parse_window(arguments.window, datetime.now(UTC))
        logs.append(LogGroup(arguments.log_group, window))
    if not logs:
        raise ToolError("recover: nothing to read; name log files or folders, or --log-group NAME")
    into = open_source(arguments.into)
    with progress_bar(None, "records") as bar:
        last = 0

        def show(done: int) -> None:
            nonlocal last
            bar.update(done - last)
            last = done

        recovered = recover(logs, into, show)
    print(
        f"{recovered.put} records put, {recovered.present} there already, "
        f"{recovered.corrupt_count} corrupt"
    )
    for place in recovered.corrupt:
        print(f"  corrupt: {place}", file=sys.stderr)
    return 1 if recovered.corrupt_count else 0
