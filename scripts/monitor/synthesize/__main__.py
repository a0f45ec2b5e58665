"""Make synthetic traffic: prediction records as a deployed function leaves them, with known shifts.

    python -m scripts.monitor.synthesize --out out/traffic --records 20000 --shift blur@day21

The records' statistics follow the reference of the bundle; the same seed gives the same records.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.monitor.progress import progress_bar
from scripts.monitor.synthesize.shifts import CAUSES, STRENGTHS, parse_shift
from scripts.monitor.synthesize.traffic import Plan, load_model
from scripts.monitor.synthesize.write import compact_traffic, write_traffic
from scripts.paths import ROOT
from scripts.tool import ToolError, exit_on_error

MAX_RECORDS, MAX_DAYS = 100_000_000, 3660


def main(argv: list[str] | None = None) -> int:
    """Write the records and print how many."""
    with exit_on_error("synthesize"):
        options = _parse(argv)
        manifest, reference = load_model(options.model)
        plan = Plan(
            manifest,
            reference,
            start=options.end - timedelta(days=options.days),
            end=options.end,
            records=options.records,
            shifts=tuple(map(parse_shift, options.shift)),
            seed=options.seed,
            schema_1_days=options.schema_1_days,
            capture_share=options.captures,
            feedback_share=options.feedback,
        )
        records = objects = size = 0
        with progress_bar(options.records, "records") as bar:
            for written in write_traffic(
                plan, options.out, processes=options.processes,
                records_per_object=options.records_per_object,
            ):  # fmt: skip
                records += written.records
                objects += written.objects
                size += written.bytes
                bar.update(written.records)
        if options.format == "parquet":
            with progress_bar(options.records, "records compacted") as bar:
                for compacted in compact_traffic(plan, options.out):
                    bar.update(compacted)
    print(
        f"{records:,} records of {manifest.name} {manifest.version}, "
        f"{plan.start:%Y-%m-%dT%H:%MZ} to {plan.end:%Y-%m-%dT%H:%MZ}, "
        f"{size / 1e6:,.1f} MB in {objects:,} objects: {options.out}"
    )
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/run synthesize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--out", default=str(ROOT / "out" / "traffic"),
        help="a folder, or s3://BUCKET[/PREFIX] (default: out/traffic)",
    )  # fmt: skip
    add("--records", type=int, default=2000, help="how many (default: %(default)s)")
    add("--days", type=float, default=30.0, help="over how many days (default: %(default)g)")
    add(
        "--shift", action="append", default=[], metavar="NAME[:STRENGTH]@dayN",
        help=f"a change from that day on, may be given again; {', '.join(CAUSES)}; "
        f"{', '.join(STRENGTHS)}",
    )  # fmt: skip
    add("--seed", type=int, default=0)
    add("--end", help="RFC 3339, the end of the traffic (default: the last full hour)")
    add("--model", type=Path, default=ROOT / "handler" / "model", help="the bundle's folder")
    add(
        "--schema-1-days", type=float, default=0.0, metavar="N",
        help="the first N days have records of prediction/1",
    )  # fmt: skip
    add(
        "--captures", type=float, default=0.0, metavar="SHARE",
        help="keep drawn pictures of this share of the predictions",
    )  # fmt: skip
    add(
        "--feedback", type=float, default=0.0, metavar="SHARE",
        help="correct this share of the predictions, with a truth that is made up by the scores",
    )  # fmt: skip
    add(
        "--format", choices=("objects", "parquet"), default="objects",
        help="gzipped JSON, or that compacted into Parquet (default: %(default)s)",
    )  # fmt: skip
    add(
        "--records-per-object", type=int, default=1, metavar="N",
        help="more than 1: objects of many records, as of a batched delivery",
    )  # fmt: skip
    add("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(argv)
    options.end = _parse_end(options.end)
    for name, low, high in (
        ("records", 1, MAX_RECORDS), ("days", 1 / 1440, MAX_DAYS), ("seed", 0, 2**63),
        ("captures", 0, 1), ("feedback", 0, 1), ("processes", 1, 64),
        ("schema_1_days", 0, MAX_DAYS), ("records_per_object", 1, 10_000),
    ):  # fmt: skip
        value = getattr(options, name)
        if not low <= value <= high:
            parser.error(f"--{name.replace('_', '-')} {value}: expected {low:g} to {high:g}")
    return options


def _parse_end(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        raise ToolError(f"--end {text!r}: expected such as 2026-11-29T12:00:00Z") from None
    return (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC)


if __name__ == "__main__":
    sys.exit(main())
