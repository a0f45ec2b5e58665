"""Turns closed days into one Parquet file for each day and model version."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime

from scripts.monitor.progress import progress_bar
from scripts.records.compact import Compacted, Day, compact, find_compactable, list_day
from scripts.records.source import Source, open_source
from scripts.tool import ToolError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="s3://BUCKET[/PREFIX] or a folder")
    parser.add_argument(
        "--day",
        action="append",
        metavar="YYYY-MM-DD",
        help="only this day of UTC, over or not; may be repeated (default: all that are over)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be done")


def run(arguments: argparse.Namespace) -> int:
    """Returns 0, or 1 where an original was left because a part of it is no record."""
    source = open_source(arguments.source)
    days = tuple(map(_parse_day, arguments.day)) if arguments.day else None
    found = list(find_compactable(source, datetime.now(UTC), days))
    if arguments.dry_run:
        for day in found:
            print(_plan(source, day))
        return 0
    has_left = False
    with progress_bar(len(found), "days") as bar:
        for day in found:
            done = compact(source, day)
            bar.update()
            print(_sentence(done))
            for key in done.left:
                has_left = True
                print(f"  left where it is: {key}", file=sys.stderr)
    if not found:
        print("there is nothing to compact: no day that is over has objects")
    return 1 if has_left else 0


def _plan(source: Source, day: Day) -> str:
    listing = list_day(source, day)
    size = sum(item.size for item in (*listing.objects, *listing.files))
    return (
        f"{day}: would make one file of {len(listing.objects)} objects and {len(listing.files)} "
        f"Parquet files ({size / 1e6:.1f} MB)"
    )


def _sentence(done: Compacted) -> str:
    if done.key is None:
        return f"{done.day}: no records"
    verb = "was put" if done.was_put else "was there already"
    return (
        f"{done.day}: {done.records} records in {done.key}, which {verb}; "
        f"{done.deleted} originals deleted"
    )


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ToolError(f"--day {text!r}: expected a day such as 2026-11-01") from None
