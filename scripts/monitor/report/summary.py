"""The report as a few lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from scripts.monitor.result import Estimate, MonitorResult
from scripts.monitor.verdict import say_what_to_do
from scripts.monitor.words import (
    format_count,
    format_percent,
    format_since,
    format_start,
    format_sure,
    format_window,
)

WIDTH = 88
MAX_FINDINGS = 4


def format_summary(result: MonitorResult) -> str:
    """The verdict, then what is known, a line each."""
    lines = [
        f"{result.model_name} {result.model_version}, "
        f"{format_window(result.window_start, result.window_end)} UTC, "
        f"{format_count(result.read.predictions, 'prediction')}",
        "",
        *textwrap.wrap(_plain(result.verdict), WIDTH),
        "",
    ]
    for name, text in _facts(result):
        wrapped = textwrap.wrap(_plain(text), WIDTH - 10) or [""]
        lines += [f"{name:<10}{wrapped[0]}", *(" " * 10 + more for more in wrapped[1:])]
    return "\n".join(lines)


def _facts(result: MonitorResult) -> Iterator[tuple[str, str]]:
    if result.status == "changed":
        yield "since", _say_since(result)
        if result.cause is not None:
            sure = f" ({format_sure(result.cause.confidence)})"
            yield "cause", result.cause.name + (sure if result.cause.name != "unknown" else "")
            for sentence in result.cause.evidence[:3]:
                yield "", sentence
    findings = sorted(result.findings, key=lambda each: not each.is_alarm)
    for finding in findings[:MAX_FINDINGS]:
        yield ("alarm" if finding.is_alarm else "check"), finding.sentence
    if len(findings) > MAX_FINDINGS:
        yield "", f"and {len(findings) - MAX_FINDINGS} more, in the report"
    for quality in result.quality:
        how = "corrected" if quality.source == "corrected" else "by scores"
        if quality.ap50.value is None and quality.count_bias.value is None:
            yield "quality", f"{how}: {quality.count_bias.reason or 'not known'}"
            continue
        bias = _show(quality.count_bias, signed=True)
        yield "quality", f"{how}: AP50 {_show(quality.ap50)}, count error {bias}"
    has_captures = any(each.capture for each in result.surprises)
    for step in say_what_to_do(
        result.status, result.findings, result.cause, result.quality, has_captures=has_captures
    ):
        yield "next", step


def _say_since(result: MonitorResult) -> str:
    if result.since is not None:
        return format_since(result.since)
    return format_start(result.window_start) if result.is_changed_from_start else "not known"


def _show(estimate: Estimate, *, signed: bool = False) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "not known"
    value, low, high = (
        format_percent(each, signed=True) if signed else f"{each:.2f}"
        for each in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} ({low} to {high})"


def _plain(text: str) -> str:
    """Text of clients without what would steer a terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
