"""One run of the scheduled monitor: compacts, reports on each model version, alarms.

It stops before its time is up and says what is left. The next run goes on: a day is compacted or
not, a report is written or not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from handler.storage.store import Store
from scripts.monitor.cloud.alarm import (
    Alarm,
    alarm_of,
    is_news,
    no_report_text,
    result_text,
    subject,
    without_report,
)
from scripts.monitor.cloud.compacting import compact_closed_days
from scripts.monitor.cloud.index_page import Listed
from scripts.monitor.cloud.metrics import result_metrics, run_metrics
from scripts.monitor.cloud.reports import (
    State,
    read_state,
    write_index,
    write_report,
    write_state,
)
from scripts.monitor.cloud.timed_source import OutOfTimeError
from scripts.records.partitions import COMPACTED, PREDICTIONS, Stream, find_days, find_streams
from scripts.records.source import Source
from scripts.records.window import Window
from scripts.tool import ToolError

if TYPE_CHECKING:
    from scripts.monitor.report.make import Report

RESERVE_S = 60.0  # kept for what follows the reading of records
COMPACTING_SHARE = 0.6  # of the time, at most: reports come from what is not compacted, too
logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]


class MakeReport(Protocol):
    """Makes the report on a model version. Raises ToolError where there is none to make, such as
    without a reference. on_progress may raise, which ends the work."""

    def __call__(self, stream: Stream, window: Window, on_progress: Progress) -> Report: ...


class Post(Protocol):
    """Where what is found goes."""

    def send(self, subject: str, text: str) -> None:
        """Send a message to whoever is to know."""

    def write_metrics(self, line: str) -> None:
        """Take a line of metrics."""

    def places(self, key: str) -> Mapping[str, str]:
        """Where a person finds an object, by what kind of a place it is."""


@dataclass
class Summary:
    """What a run did, by model version. undone: sentences, what is left to the next run and why.
    failed: what ended in an error, or is not there although it should be."""

    reported: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Monitor:
    """source: the records. store: the same place, for reports. stack: names messages and metrics.
    left_s: seconds until the run is ended from outside."""

    source: Source
    store: Store
    make_report: MakeReport
    post: Post
    stack: str
    left_s: Callable[[], float]

    def run(self, now: datetime, window: Window) -> Summary:
        """All model versions with records in the window. What fails for one of them is noted, so
        that the others are watched all the same."""
        summary = Summary()
        reserve_s = max(RESERVE_S, self.left_s() * (1 - COMPACTING_SHARE))
        with self._noted("compacting", summary):
            done = compact_closed_days(self.source, now, lambda: self.left_s() - reserve_s)
            summary.undone += done.undone
            summary.failed += done.failed
        states = {}
        for stream in find_streams(self.source, (PREDICTIONS, COMPACTED)):
            # A report that is missing is a failure; the next run has more that is compacted.
            with self._noted(f"{_name(stream)}: report", summary):
                states[stream] = read_state(self.store, stream)
                if self._has_records(stream, window):
                    states[stream] = self._watch(stream, now, window, states[stream], summary)
        write_index(self.store, {stream: state for stream, state in states.items() if state.listed})
        self.post.write_metrics(
            run_metrics(self.stack, len(summary.reported), len(summary.undone), now)
        )
        return summary

    def _has_records(self, stream: Stream, window: Window) -> bool:
        days = set(window.days)
        return any(days & find_days(self.source, root, stream) for root in (PREDICTIONS, COMPACTED))

    def _watch(
        self, stream: Stream, now: datetime, window: Window, state: State, summary: Summary
    ) -> State:
        """Report on a model version. Returns what the next run is to know of it."""
        try:
            report = self.make_report(stream, window, lambda *_: self._check_time(RESERVE_S))
        except ToolError as error:
            logger.warning("%s: no report: %s", _name(stream), error)
            missing, why = without_report(state.sent), str(error)
            self._tell(missing, state.sent, stream, lambda: no_report_text(why), summary)
            state = State(missing, state.listed)
        else:
            result = report.result
            key = write_report(self.store, stream, now, report.page, report.json)
            self.post.write_metrics(result_metrics(result, self.stack, now))
            alarm = alarm_of(result)
            if alarm is None and result.status == "too few":
                alarm = state.sent  # says nothing about a recovery
            places = partial(self.post.places, key)
            self._tell(alarm, state.sent, stream, lambda: result_text(result, places()), summary)
            time = now.isoformat(timespec="seconds").replace("+00:00", "Z")
            listed = Listed(time, result.status, result.verdict, key)
            state = State(alarm, state.listed).with_report(listed)
            summary.reported.append(_name(stream))
        # After what is told: at worst that is told twice.
        write_state(self.store, stream, state)
        return state

    def _tell(
        self,
        alarm: Alarm | None,
        sent: Alarm | None,
        stream: Stream,
        text: Callable[[], str],
        summary: Summary,
    ) -> None:
        """Send what is news."""
        if alarm is not None and is_news(alarm, sent):
            title = f"{_name(stream)}: {alarm.text}"
            self.post.send(subject(f"{self.stack}: {title}"), text())
            summary.alarms.append(title)

    def _check_time(self, reserve_s: float) -> None:
        if self.left_s() < reserve_s:
            raise OutOfTimeError("the time is up")

    @contextmanager
    def _noted(self, what: str, summary: Summary) -> Iterator[None]:
        """Note how the body fails, so that what comes after it is done all the same."""
        try:
            yield
        except (OutOfTimeError, ToolError) as error:
            summary.failed.append(f"{what}: {error}")
        except Exception as error:
            logger.exception(what)
            summary.failed.append(f"{what}: {type(error).__name__}: {error}")


def _name(stream: Stream) -> str:
    return f"{stream.model} {stream.version}"
