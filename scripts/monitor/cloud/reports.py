"""Reports in the bucket, what was said of each model version before, and a page that lists them.

reports/model=NAME/version=V/dt=YYYY-MM-DD/hour=HH/report.html, report.json
reports/model=NAME/version=V/latest.html, latest.json, state.json
reports/index.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handler.storage.store import Store, open_store
from scripts.monitor.cloud.alarm import Alarm
from scripts.monitor.cloud.index_page import Listed, format_index
from scripts.records.partitions import Stream

REPORTS = "reports"
STATE_SCHEMA = "monitor-state/1"
MAX_LISTED = 400  # reports of a model version: over a year of daily ones


@dataclass(frozen=True)
class State:
    """What one run leaves for the next. sent: the alarm that was sent and is not over. listed: the
    newest reports, newest first."""

    sent: Alarm | None = None
    listed: tuple[Listed, ...] = ()

    def with_report(self, report: Listed) -> State:
        """The same with a report more, or in place of that with its key."""
        others = tuple(each for each in self.listed if each.key != report.key)
        return State(self.sent, (report, *others)[:MAX_LISTED])


def open_reports(source: str) -> Store:
    """The bucket that a setting names, to write into. Raises ValueError for another place."""
    store = open_store("MONITOR_SOURCE", source, connect_s=5.0, read_s=30.0, tries=5)
    if store is None:
        raise ValueError("MONITOR_SOURCE is empty")
    return store


def report_folder(stream: Stream, now: datetime) -> str:
    """Where the report of a run lies: a second one of the hour replaces it."""
    return f"{REPORTS}/{stream.folder}/dt={now:%Y-%m-%d}/hour={now:%H}"


def write_report(store: Store, stream: Stream, now: datetime, page: str, result: str) -> str:
    """Write a page and its JSON, also as the latest. Returns the page's key."""
    folder = report_folder(stream, now)
    for place in (f"{folder}/report", f"{REPORTS}/{stream.folder}/latest"):
        store.put(f"{place}.html", page.encode(), "text/html; charset=utf-8")
        store.put(f"{place}.json", result.encode(), "application/json")
    return f"{folder}/report.html"


def read_state(store: Store, stream: Stream) -> State:
    """What the last run left; an empty state where there is none, or one that cannot be read."""
    body = store.get(_state_key(stream))
    try:
        return _parse(json.loads(body)) if body else State()
    except (ValueError, KeyError, TypeError):
        return State()  # at worst an alarm is sent once more


def write_state(store: Store, stream: Stream, state: State) -> None:
    text = json.dumps(
        {
            "schema": STATE_SCHEMA,
            "sent": state.sent.to_json() if state.sent else None,
            "listed": [each.__dict__ for each in state.listed],
        }
    )
    store.put(_state_key(stream), text.encode(), "application/json")


def write_index(store: Store, states: Mapping[Stream, State]) -> None:
    """The page that lists the reports."""
    listed = {f"{stream.model} {stream.version}": states[stream].listed for stream in states}
    page = format_index(listed, root=f"{REPORTS}/")
    store.put(f"{REPORTS}/index.html", page.encode(), "text/html; charset=utf-8")


def _parse(raw: Any) -> State:
    if raw["schema"] != STATE_SCHEMA:
        raise ValueError(raw["schema"])
    return State(
        Alarm.from_json(raw["sent"]) if raw["sent"] else None,
        tuple(Listed(**each) for each in raw["listed"]),
    )


def _state_key(stream: Stream) -> str:
    return f"{REPORTS}/{stream.folder}/state.json"
