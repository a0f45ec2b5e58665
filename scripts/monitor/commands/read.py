"""Prints the records of a window: a table by day, or every record, or what is observed of them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scripts.monitor.progress import progress_of
from scripts.records.export import write_observations
from scripts.records.read import ReadCounts, ReadResult, read_observations, read_records
from scripts.records.source import Source, open_source
from scripts.records.window import Window, parse_window
from scripts.tool import ToolError

if TYPE_CHECKING:
    from scripts.records.observations import Observations

_AT_ONCE = 1000  # records that are printed as JSON


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="s3://BUCKET[/PREFIX] or a folder")
    parser.add_argument(
        "--window", default="7d", help="7d, 24h or START..END in days or times (default: 7d)"
    )
    parser.add_argument("--model", help="only this model's")
    parser.add_argument("--version", help="only this version's")
    parser.add_argument("--route", help="only this route's, such as /v1/detect")
    parser.add_argument(
        "--log", type=Path, action="append", default=[], metavar="PATH",
        help="a file or folder of exported log lines to read as well; may be repeated",
    )  # fmt: skip
    parser.add_argument("--processes", type=int, help="that read at once (default: the CPUs)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print every record as a line of JSON")
    output.add_argument("--parquet", type=Path, metavar="FILE", help="write what is observed")
    output.add_argument("--csv", type=Path, metavar="FILE", help="write what is observed")


def run(arguments: argparse.Namespace) -> int:
    """Returns 0, or 1 where an object could not be read."""
    source = open_source(arguments.source)
    window = parse_window(arguments.window, datetime.now(UTC))
    if arguments.processes is not None and arguments.processes < 1:
        raise ToolError("--processes: expected 1 or more")
    if arguments.json and arguments.log:
        raise ToolError("--json reads no logs: scripts/run monitor recover puts their records back")
    with progress_of("objects") as show:
        result = read_observations(
            source,
            window,
            model=arguments.model,
            version=arguments.version,
            route=arguments.route,
            processes=arguments.processes,
            on_progress=show,
            logs=arguments.log,
        )
    file = arguments.parquet or arguments.csv
    if arguments.json:
        _print_records(source, result)
    elif file:
        write_observations(result.observations, file, is_csv=arguments.csv is not None)
        print(f"{file}: {len(result.observations)} records")
    else:
        _print_table(result.observations)
    print_counts(result.counts)
    return 1 if result.counts.corrupt_count else 0


def print_counts(counts: ReadCounts) -> None:
    """What was read in one line on stderr, and the objects that were not."""
    schemas = ", ".join(f"{count} {name}" for name, count in counts.schemas.items())
    print(
        f"{counts.records} records ({schemas or 'none'}), {counts.rejected} rejected, "
        f"{counts.duplicates} duplicates, {counts.corrupt_count} corrupt",
        file=sys.stderr,
    )
    for name in counts.corrupt:
        print(f"  corrupt: {name}", file=sys.stderr)


def _print_table(observations: Observations) -> None:
    facts = observations.facts
    days = facts["time"].astype("datetime64[D]")
    names = ("day", "model", "version", "records", "rejected", "objects", "total ms", "score")
    rows: list[tuple[str, ...]] = [names]
    groups = Counter(
        zip(
            days.tolist(),
            facts["model_name"].tolist(),
            facts["model_version"].tolist(),
            strict=True,
        )
    )
    is_prediction = observations.is_prediction
    for (day, model, version), records in sorted(groups.items()):
        of_group = (
            (days == np.datetime64(day))
            & (facts["model_name"] == model)
            & (facts["model_version"] == version)
        )
        rows.append(
            (
                str(day),
                str(model),
                str(version),
                str(records),
                str(int((of_group & ~is_prediction).sum())),
                _mean(facts["detections"][of_group], "{:.1f}"),
                _mean(facts["total_ms"][of_group & is_prediction], "{:.0f}"),
                _mean(observations.properties["score_mean"][of_group], "{:.2f}"),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.ljust(width) if number < 3 else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]], form: str) -> str:
    known = values[~np.isnan(values)]
    return form.format(known.mean()) if len(known) else "–"


def _print_records(source: Source, result: ReadResult) -> None:
    ids = result.observations.facts["prediction_id"].tolist()
    times = result.observations.facts["time"]
    for start in range(0, len(ids), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        of_some = Window(_aware(times[some][0]), _aware(times[some][-1]) + timedelta(seconds=1))
        for record in read_records(source, of_some, ids[some]).values():
            print(record.to_json())


def _aware(time: np.datetime64) -> datetime:
    known: datetime = time.astype("datetime64[ms]").item()
    return known.replace(tzinfo=UTC)
