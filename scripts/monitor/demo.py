"""Show a report of a planted shift, without AWS: makes synthetic traffic and looks at it.

    scripts/demo --monitor

It writes the records and the report to out/monitor-demo/.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.monitor.progress import progress_bar
from scripts.monitor.report.make import make_report, write_report
from scripts.monitor.report.summary import format_summary
from scripts.monitor.synthesize.shifts import parse_shift
from scripts.monitor.synthesize.traffic import Plan, load_model
from scripts.monitor.synthesize.write import write_traffic
from scripts.paths import ROOT
from scripts.records.source import open_source
from scripts.records.window import Window
from scripts.tool import ToolError, exit_on_error

RECORDS, DAYS = 2400, 14
SHIFT = "blur@day9.6"
CAPTURES = 0.04  # share of the predictions whose picture is drawn, for the report to show
FEEDBACK = 0.02  # of the predictions, with a made-up truth: see synthesize/feedback.py
_MARK = ".synthetic"  # in a folder of records that this made, and so may empty


def main(argv: list[str] | None = None) -> int:
    """Make the records, report on them, and say where the report is."""
    parser = argparse.ArgumentParser(prog="scripts/demo --monitor", description=__doc__)
    parser.add_argument("--shift", default=SHIFT, help="what to plant (default: %(default)s)")
    parser.add_argument("--records", type=int, default=RECORDS, help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "monitor-demo")
    options = parser.parse_args(argv)
    with exit_on_error("demo"):
        return _run(options.shift, options.records, options.out)


def _run(shift: str, records: int, out: Path) -> int:
    if not 100 <= records <= 100_000:
        raise ToolError(f"--records {records}: expected 100 to 100,000")
    manifest, reference = load_model(ROOT / "handler" / "model")
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    plan = Plan(
        manifest, reference, end - timedelta(days=DAYS), end, records, (parse_shift(shift),),
        capture_share=CAPTURES, feedback_share=FEEDBACK,
    )  # fmt: skip
    folder = out / "records"
    _empty(folder)
    print(f"planted    {shift}: {DAYS} days of {records:,} made-up records, {plan.start:%d %b} on")
    with progress_bar(records, "records") as bar:
        for written in write_traffic(plan, str(folder)):
            bar.update(written.records)
    source = open_source(str(folder))
    made = make_report(source, reference, Window(plan.start, plan.end), processes=1)
    page = write_report(made, out)
    print(format_summary(made.result))
    here = Path.cwd()
    print(f"{'report':<10}{page.relative_to(here) if page.is_relative_to(here) else page}")
    return 0


def _empty(folder: Path) -> None:
    """Remove an earlier demo's records. Raises ToolError where they are not a demo's."""
    if folder.exists() and not (folder / _MARK).is_file():
        raise ToolError(f"{folder} is not of an earlier demo; name another folder with --out")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


if __name__ == "__main__":
    sys.exit(main())
