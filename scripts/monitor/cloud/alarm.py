"""What is sent of a window: a message when something is wrong that was not wrong before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.monitor.result import MonitorResult
from scripts.monitor.words import format_since, format_start

MAX_SUBJECT = 100  # characters of an SNS message's subject, ASCII only
NO_REPORT = "no report"
LASTING = "The same alarm is not sent again while it lasts."


@dataclass(frozen=True)
class Alarm:
    """What is wrong. cause: None unless the predictions changed. findings: names of the exact
    checks that alarm, sorted."""

    cause: str | None
    findings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"cause": self.cause, "findings": list(self.findings)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Alarm:
        return cls(raw["cause"], tuple(raw["findings"]))

    @property
    def text(self) -> str:
        """In a few words."""
        changed = [] if self.cause is None else [f"changed ({self.cause})"]
        return ", ".join([*changed, *self.findings])


def alarm_of(result: MonitorResult) -> Alarm | None:
    """None where nothing is wrong."""
    findings = tuple(sorted({each.name for each in result.findings if each.is_alarm}))
    cause = None
    if result.decision is not None and result.decision.is_changed:
        cause = result.cause.name if result.cause else "unknown"
    return Alarm(cause, findings) if cause or findings else None


def without_report(sent: Alarm | None) -> Alarm:
    """The alarm that no report can be made, on top of what was sent before."""
    known = sent or Alarm(None, ())
    return Alarm(known.cause, tuple(sorted({*known.findings, NO_REPORT})))


def is_news(alarm: Alarm | None, sent: Alarm | None) -> bool:
    """Whether anything of the alarm was not in the one that was sent last."""
    if alarm is None or sent is None:
        return alarm is not None
    is_other_cause = alarm.cause is not None and alarm.cause != sent.cause
    return is_other_cause or not set(alarm.findings) <= set(sent.findings)


def subject(text: str) -> str:
    """A text as the subject of an SNS message: ASCII, one line, at most 100 characters."""
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    return plain if len(plain) <= MAX_SUBJECT else f"{plain[: MAX_SUBJECT - 3]}..."


def result_text(result: MonitorResult, places: Mapping[str, str]) -> str:
    """The message: the verdict, since when, why. places: where the report is, by kind of place."""
    lines = [result.verdict, ""]
    if result.since is not None:
        lines.append(f"Since: {format_since(result.since)}, UTC")
    elif result.is_changed_from_start:
        lines.append(f"Since: {format_start(result.window_start)}, UTC")
    if result.cause is not None:
        lines.append(f"Cause: {result.cause.name}, {result.cause.confidence:.0%} sure")
        lines += [f"- {sentence}" for sentence in result.cause.evidence]
    lines += [f"- {each.sentence}" for each in result.findings if each.is_alarm]
    lines += [
        "",
        f"{result.read.records:,} records, {result.window_start} to {result.window_end},",
        f"compared with: {result.reference}",
        "",
        *(f"{kind}: {place}" for kind, place in places.items()),
        "",
        LASTING,
    ]
    return "\n".join(lines)


def no_report_text(why: str) -> str:
    """The message where no report can be made."""
    return f"These records are not watched: {why}\n\n{LASTING}"
