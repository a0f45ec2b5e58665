"""A run of the monitor over a folder: reports, the list of them, alarms once, and the time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from handler.storage.store import FolderStore
from scripts.monitor.cloud import compacting
from scripts.monitor.cloud.run import Monitor, Progress, Summary
from scripts.monitor.cloud.timed_source import OutOfTimeError
from scripts.monitor.report.make import Report
from scripts.monitor.result import MonitorResult
from scripts.records.partitions import Stream
from scripts.records.read import ReadCounts
from scripts.records.source import open_source
from scripts.records.window import Window
from scripts.tool import ToolError
from tests.support.monitor_results import (
    DECISION,
    make_attention,
    make_changed,
    make_ok,
    make_too_few,
)
from tests.support.records import make_record

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
STREAM = Stream("microalgae", "1.0.0")
FOLDER = "reports/model=microalgae/version=1.0.0"


@dataclass
class FakePost:
    """Keeps what is sent."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None

    def send(self, subject: str, text: str) -> None:
        if self.error:
            raise self.error
        self.sent.append((subject, text))

    def write_metrics(self, line: str) -> None:
        self.lines.append(json.loads(line))

    def places(self, key: str) -> Mapping[str, str]:
        return {"Report": f"https://signed/{key}"}


@dataclass
class Bench:
    """A bucket's folder with one record of STREAM, and what happens at each run."""

    root: Path
    post: FakePost = field(default_factory=FakePost)
    left_s: float = 900.0
    make: Callable[[Stream], MonitorResult] = lambda _: make_ok()

    def run(self, days: int = 0) -> Summary:
        now = NOW + timedelta(days=days)
        source, store = open_source(str(self.root)), FolderStore(self.root)
        monitor = Monitor(source, store, self._report, self.post, "icebox-dev", lambda: self.left_s)
        return monitor.run(now, Window(now - timedelta(days=7), now))

    def json(self, key: str) -> Any:
        return json.loads((self.root / key).read_text())

    def _report(self, stream: Stream, window: Window, on_progress: Progress) -> Any:
        on_progress(1, None)
        result = self.make(stream)
        return Report(result, f"<p>{result.verdict}</p>", '{"schema": "monitor/1"}')


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    put_record(tmp_path, "1.0.0")
    return Bench(tmp_path)


def put_record(root: Path, version: str) -> None:
    record = make_record()
    path = root / record.key.replace("version=1.0.0", f"version={version}")
    path.parent.mkdir(parents=True)
    path.write_bytes(record.to_bytes())


def test_a_report_lies_under_its_hour_and_as_the_latest(bench: Bench) -> None:
    summary = bench.run()
    assert (summary.reported, summary.failed, summary.undone) == (["microalgae 1.0.0"], [], [])
    for place in ("dt=2026-11-23/hour=06/report", "latest"):
        assert "Nothing changed" in (bench.root / FOLDER / f"{place}.html").read_text()
        assert bench.json(f"{FOLDER}/{place}.json")["schema"] == "monitor/1"
    assert not bench.post.sent


def test_an_alarm_is_sent_once_and_again_after_a_recovery(bench: Bench) -> None:
    steps = [
        (make_changed(), 1),
        (make_changed(), 1),
        (make_too_few(), 1),  # says nothing
        (make_changed(), 1),
        (make_attention(), 2),  # a new finding
        (make_ok(), 2),
        (make_changed(), 3),
    ]
    for day, (result, expected) in enumerate(steps):
        bench.make = lambda _, result=result: result
        bench.run(day)
        assert len(bench.post.sent) == expected, day
    subject, text = bench.post.sent[0]
    assert subject == "icebox-dev: microalgae 1.0.0: changed (defocused), latency"
    assert f"Report: https://signed/{FOLDER}/dt=2026-11-23/hour=06/report.html" in text


def test_an_alarm_that_could_not_be_sent_is_sent_by_the_next_run(bench: Bench) -> None:
    bench.make = lambda _: make_changed()
    bench.post.error = ConnectionError("no topic")
    assert bench.run().failed == ["microalgae 1.0.0: report: ConnectionError: no topic"]
    bench.post.error = None
    assert bench.run().alarms == ["microalgae 1.0.0: changed (defocused), latency"]


def test_a_state_that_cannot_be_read_is_made_anew(bench: Bench) -> None:
    bench.run()
    for text in ("", "{", '{"schema": "monitor-state/9"}', "[]", '{"schema": "monitor-state/1"}'):
        (bench.root / FOLDER / "state.json").write_text(text)
        assert not bench.run().failed
        assert bench.json(f"{FOLDER}/state.json")["schema"] == "monitor-state/1"


class Links(HTMLParser):
    """The targets of a page's links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(attrs)["href"] or "")


def test_the_list_of_reports_links_to_each_newest_first(bench: Bench) -> None:
    bench.make = lambda _: make_changed(verdict="<b>darker & colder</b>")
    for day in range(3):
        bench.run(day)
    bench.run(2)  # the same hour again is one report
    page = (bench.root / "reports" / "index.html").read_text()
    links = Links(page).found
    assert len(links) == 3
    assert links == sorted(links, reverse=True)
    for link in links:
        assert (bench.root / "reports" / unquote(link)).is_file()
    assert "&lt;b&gt;darker &amp; colder&lt;/b&gt;" in page


def test_no_report_is_told_once_and_why(bench: Bench) -> None:
    bench.make = lambda _: make_changed(findings=())
    bench.run()

    def refuse(_: Stream) -> MonitorResult:
        raise ToolError("there is no reference")

    for day in range(1, 4):
        bench.make = refuse
        assert bench.run(day).failed == []
    assert len(bench.post.sent) == 2
    subject, text = bench.post.sent[1]
    assert subject == "icebox-dev: microalgae 1.0.0: changed (defocused), no report"
    assert text.startswith("These records are not watched: there is no reference")
    # what was wrong before is no news afterwards
    bench.make = lambda _: make_changed(findings=())
    bench.run(4)
    assert len(bench.post.sent) == 2
    assert bench.json(f"{FOLDER}/state.json")["sent"] == {"cause": "defocused", "findings": []}


@pytest.mark.parametrize("error", [RuntimeError("bug"), OutOfTimeError("late")])
def test_what_fails_for_one_model_leaves_the_others_watched(bench: Bench, error: Exception) -> None:
    put_record(bench.root, "0.9.0")

    def make(stream: Stream) -> MonitorResult:
        if stream.version == "0.9.0":
            raise error
        return make_ok()

    bench.make = make
    summary = bench.run()
    assert summary.reported == ["microalgae 1.0.0"]
    assert len(summary.failed) == 1 and summary.failed[0].startswith("microalgae 0.9.0: report: ")
    assert (bench.root / "reports" / "index.html").is_file()


def test_versions_without_records_in_the_window_are_left_alone(bench: Bench) -> None:
    summary = bench.run(days=30)
    assert summary == Summary()
    assert bench.post.lines[-1]["MonitoredVersions"] == 0
    assert bench.post.lines[-1]["MonitorRun"] == 1


def objects(root: Path, prefix: str) -> Iterator[Path]:
    return (path for path in (root / prefix).rglob("*") if path.is_file())


def test_closed_days_are_compacted_and_then_reported(bench: Bench) -> None:
    bench.run(days=1)
    assert not list(objects(bench.root, "predictions"))
    (compacted,) = objects(bench.root, "compacted")
    assert compacted.suffix == ".parquet"
    assert bench.run(days=2).reported == ["microalgae 1.0.0"]


def test_without_time_nothing_is_begun_and_all_is_told(bench: Bench) -> None:
    bench.left_s = 30.0
    summary = bench.run(days=1)
    assert summary.undone == ["compacting: the time is up"]
    assert summary.failed == ["microalgae 1.0.0: report: the time is up"]
    assert bench.post.lines[-1]["MonitorUndone"] == 1
    assert len(list(objects(bench.root, "predictions"))) == 1  # for the next run
    bench.left_s = 900.0
    assert bench.run(days=1).reported == ["microalgae 1.0.0"]


def test_compacting_leaves_time_for_reports(bench: Bench) -> None:
    """Each look at the clock costs 50 s of 900: compacting ends at 40 %, and a report is made."""
    clock = iter(range(900, 0, -50))
    source, store = open_source(str(bench.root)), FolderStore(bench.root)
    for day in range(1, 20):
        record = make_record()
        path = bench.root / record.key.replace("dt=2026-11-23", f"dt=2026-11-{day:02}")
        path.parent.mkdir(parents=True)
        path.write_bytes(record.to_bytes())
    post = bench.post
    monitor = Monitor(source, store, bench._report, post, "icebox-dev", lambda: float(next(clock)))
    now = NOW + timedelta(days=1)
    summary = monitor.run(now, Window(now - timedelta(days=7), now))
    assert summary.undone == ["compacting: the time is up"]
    assert summary.reported == ["microalgae 1.0.0"]


def test_a_day_that_would_take_too_long_is_not_begun(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "S_PER_OBJECT", 541.0)  # of 900 s, 60 % are for it
    summary = bench.run(days=1)
    (undone,) = summary.undone
    assert undone.startswith("compacting microalgae 1.0.0 2026-11-23 needs more time")
    assert summary.reported == ["microalgae 1.0.0"]
    monkeypatch.setattr(compacting, "S_PER_OBJECT", 539.0)
    assert bench.run(days=1).undone == []


def test_metrics_of_each_version_and_of_the_run(bench: Bench) -> None:
    bench.make = lambda _: make_changed()
    bench.run()
    version, run = bench.post.lines
    of_version, of_stack = version["_aws"]["CloudWatchMetrics"]
    assert of_version["Dimensions"] == [["stack", "model", "version"]]
    assert of_stack["Dimensions"] == [["stack"]]
    assert [metric["Name"] for metric in of_stack["Metrics"]] == ["Drift"]
    names = {metric["Name"] for metric in of_version["Metrics"]}
    assert {*names, "stack", "model", "version"} <= version.keys()  # EMF: members of the line
    expected = {
        "Drift": 1,
        "WindowPValue": 0.0002,
        "Martingale": 84_000.0,
        "Records": 4012,
        "RejectedShare": 46 / 4012,
        "CountBias": -0.2,  # as people corrected it
        "AlarmingFindings": 1,
    }
    assert expected.items() <= version.items()
    assert version["_aws"]["Timestamp"] == int(NOW.timestamp() * 1000)
    assert (run["MonitorRun"], run["MonitoredVersions"], run["MonitorUndone"]) == (1, 1, 0)


def test_metrics_leave_out_what_is_not_known(bench: Bench) -> None:
    bench.make = lambda _: make_too_few()
    bench.run()
    names = {
        each["Name"] for each in bench.post.lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert not {"Drift", "WindowPValue", "Ap50", "CountBias"} & names


def test_metrics_are_numbers_whatever_the_figures(bench: Bench) -> None:
    odd = replace(DECISION, martingale=math.inf, window_p_value=math.nan)
    nothing = ReadCounts(0, 0, 0, 0, 0)
    bench.make = lambda _: make_changed(decision=odd, read=nothing)
    bench.run()
    line = bench.post.lines[0]
    assert line["Martingale"] == 1e15  # the most that CloudWatch is sent
    written = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    for metric in written:
        assert isinstance(line[metric["Name"]], int | float)
        assert math.isfinite(line[metric["Name"]])
    assert not {"WindowPValue", "RejectedShare"} & {metric["Name"] for metric in written}
