"""Measure a report over many records: time and memory from gzipped objects and from Parquet.

    scripts/run monitor_scale --records 1000000 --traffic data/traffic

Synthetic traffic of 30 days with one planted shift is made first, unless the folder has it already.
Memory is the largest sum of the resident memory of all its processes, so that what they share
counts once for each.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.monitor.progress import progress_bar
from scripts.monitor.synthesize.shifts import parse_shift
from scripts.monitor.synthesize.traffic import Plan, load_model
from scripts.monitor.synthesize.write import compact_traffic, write_traffic
from scripts.paths import ROOT
from scripts.records.reference import REFERENCE_FILE, write_reference
from scripts.tool import ToolError, exit_on_error

END = datetime(2026, 11, 29, tzinfo=UTC)
DAYS = 30
SHIFT = "blur@day21"
SAMPLE_S = 0.2
TIMEOUT_S = 3600


@dataclass(frozen=True)
class Measured:
    """One report. seconds: on the clock; cpu_seconds: of all processes together; peak_mb: of
    them together. said: the verdict."""

    form: str
    records: int
    stored_mb: float
    seconds: float
    cpu_seconds: float
    peak_mb: float
    said: str


def main(argv: list[str] | None = None) -> int:
    """Make the traffic, report on it in both forms, and print a table."""
    parser = argparse.ArgumentParser(
        prog="scripts/run monitor_scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--records", type=int, default=20_000, help="(default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument(
        "--traffic", type=Path, help="folder to keep the records in (default: a temporary one)"
    )
    parser.add_argument("--forms", nargs="+", choices=("objects", "parquet"),
                        default=["objects", "parquet"])  # fmt: skip
    options = parser.parse_args(argv)
    with exit_on_error("monitor_scale"), _folder(options.traffic) as folder:
        plan = _make_plan(options.records)
        print(f"{'form':<9}{'records':>10}{'MB':>8}{'s':>8}{'CPU s':>8}{'peak MB':>9}  verdict")
        for form in options.forms:
            _prepare(plan, folder, form, options.processes)
            row = _measure(plan, folder, form, options.processes)
            print(
                f"{row.form:<9}{row.records:>10,}{row.stored_mb:>8,.0f}{row.seconds:>8.1f}"
                f"{row.cpu_seconds:>8.1f}{row.peak_mb:>9,.0f}  {row.said}",
                flush=True,
            )
    return 0


@contextlib.contextmanager
def _folder(traffic: Path | None) -> Iterator[Path]:
    if traffic is not None:
        traffic.mkdir(parents=True, exist_ok=True)
        yield traffic
        return
    (ROOT / "out").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="traffic-", dir=ROOT / "out"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_plan(records: int) -> Plan:
    manifest, reference = load_model(ROOT / "handler" / "model")
    shifts = (parse_shift(SHIFT),)
    return Plan(manifest, reference, END - timedelta(days=DAYS), END, records, shifts)


def _prepare(plan: Plan, folder: Path, form: str, processes: int) -> None:
    """Make what is not there; Parquet replaces the objects. Raises ToolError for other traffic."""
    mark = folder / "traffic.json"
    made = json.loads(mark.read_text()) if mark.is_file() else {}
    if made and made["records"] != plan.records:
        raise ToolError(f"{folder} has {made['records']:,} records; name another --traffic")
    if not made:
        with progress_bar(plan.records, "records") as bar:
            for written in write_traffic(plan, str(folder), processes=processes):
                bar.update(written.records)
        mark.write_text(json.dumps({"records": plan.records, "form": "objects"}))
    elif made["form"] == "parquet" and form == "objects":
        raise ToolError(f"{folder} is compacted already; name another --traffic")
    if form == "parquet" and made.get("form") != "parquet":
        started = time.perf_counter()
        with progress_bar(plan.records, "records compacted") as bar:
            for compacted in compact_traffic(plan, str(folder)):
                bar.update(compacted)
        print(f"compacted in {time.perf_counter() - started:.1f} s", file=sys.stderr)
        mark.write_text(json.dumps({"records": plan.records, "form": "parquet"}))


def _measure(plan: Plan, folder: Path, form: str, processes: int) -> Measured:
    stored = sum(
        path.stat().st_size for path in folder.rglob("*") if path.suffix in (".gz", ".parquet")
    )
    with tempfile.TemporaryDirectory() as out:
        arguments = [sys.executable, "-m", "scripts.monitor", "report", str(folder), "--out", out]
        arguments += ["--window", f"{plan.start:%Y-%m-%d}..{plan.end:%Y-%m-%d}"]
        write_reference(plan.reference, Path(out) / REFERENCE_FILE)
        arguments += ["--processes", str(processes), "--reference", f"{out}/{REFERENCE_FILE}"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        process = subprocess.Popen(
            arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        peak = 0
        try:
            while process.poll() is None:
                peak = max(peak, _resident(process.pid))
                if time.perf_counter() - started > TIMEOUT_S:
                    raise ToolError(f"the report took longer than {TIMEOUT_S} s")
                time.sleep(SAMPLE_S)
        finally:
            process.kill()
        seconds = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        path = Path(out) / "report.json"
        if not path.is_file():
            said = (process.stderr.read() if process.stderr else b"").decode(errors="replace")
            raise ToolError(f"the report failed: {said[-500:]}")
        result = json.loads(path.read_text())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(
        form, result["read"]["records"], stored / 1e6, seconds, cpu, peak / 1e6, result["verdict"]
    )


def _resident(pid: int) -> int:
    """Bytes of resident memory of a process and all below it, as Linux's /proc tells."""
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = path.read_text().rpartition(")")[2].split()
            number = int(path.parent.name)
            parents[number], sizes[number] = int(fields[1]), int(fields[21])
    family, size = {pid}, 0
    for number in sorted(sizes):  # a child's number is larger, but for rare overflows
        if number in family or parents[number] in family:
            family.add(number)
            size += sizes[number]
    return size * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
