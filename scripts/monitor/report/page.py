"""report.html: the verdict first, then what moved, since when, the pictures, and how good still.

The page is one file, loads nothing and runs no script. Labels, routes and ids come from clients, so
every text is escaped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scripts.monitor.report.charts import TimeAxis, draw_histogram, draw_line, draw_traffic, escape
from scripts.monitor.report.pictures import DrawnPicture
from scripts.monitor.report.sections import (
    format_findings,
    format_pictures,
    format_properties,
    format_quality,
    format_read,
)
from scripts.monitor.result import ChangePoint, MonitorResult, PropertyShift
from scripts.monitor.verdict import MOVED, SURE, say_what_to_do
from scripts.monitor.words import (
    CAUSES,
    PropertyWords,
    as_sentence,
    format_count,
    format_number,
    format_p,
    format_since,
    format_start,
    format_sure,
    format_window,
    property_words,
)

STATUS_WORDS = {
    "changed": "Changed",
    "attention": "Attention",
    "ok": "Nothing changed",
    "too few": "Too few records",
}
USUAL = 0.3  # standard deviations, up to which a property is as usual
MAX_TITLE = 400  # characters of a verdict


def format_page(result: MonitorResult, pictures: Mapping[str, DrawnPicture]) -> str:
    """The whole page. pictures: of `result.surprises`, by prediction_id; none need be there."""
    title = f"{STATUS_WORDS[result.status]}: {result.model_name} {result.model_version}"
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_read_style()}</style></head>"
        f'<body class="{result.status.replace(" ", "-")}">',
        _format_head(result),
        "<main>",
        _format_verdict(result),
        _format_moved(result),
        _format_timeline(result),
        format_pictures(result.surprises, pictures),
        format_quality(result),
        format_findings(result.findings),
        format_properties(result.decision),
        format_read(result),
        "</main>",
        _format_foot(result),
        "</body></html>\n",
    ]
    return "".join(parts)


@cache
def _read_style() -> str:
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


def _format_head(result: MonitorResult) -> str:
    stream = "all routes" if result.stream == "all" else result.stream
    return (
        f'<header class="of"><span><b>{escape(result.model_name)} '
        f"{escape(result.model_version)}</b></span><span>{escape(stream)}</span>"
        f"<span>{format_window(result.window_start, result.window_end)}, UTC</span></header>"
    )


def _format_verdict(result: MonitorResult) -> str:
    has_captures = any(each.capture for each in result.surprises)
    steps = say_what_to_do(
        result.status, result.findings, result.cause, result.quality, has_captures=has_captures
    )
    to_do = "".join(f"<li>{escape(step, 600)}</li>" for step in steps)
    return (
        f'<section class="card verdict"><p class="pill">{STATUS_WORDS[result.status]}</p>'
        f"<h1>{_keep_together(escape(result.verdict, MAX_TITLE))}</h1>"
        + (f'<ul class="steps">{to_do}</ul>' if steps else "")
        + f"</section>{_format_facts(result)}"
    )


def _keep_together(text: str) -> str:
    """No line ends within a date or before a percent sign."""
    text = re.sub(r"(?<=\d) (?=%|h\b|min\b|days?\b|[A-Z][a-z]{2}\b)", "\u00a0", text)
    return re.sub(r"(?<=\u00a0[A-Z][a-z]{2}) (?=\d\d:)|(?<=±) ", "\u00a0", text)


def _format_facts(result: MonitorResult) -> str:
    facts: list[tuple[str, str, str]] = []
    if result.status == "changed":
        since = result.since
        unknown = ("since", "not known", "no clear point of change")
        if result.is_changed_from_start:
            start, _, before = format_start(result.window_start).partition(" (")
            unknown = ("since", start, before.replace(")", ","))
        facts.append(
            ("since", format_since(since).split(" (")[0], _interval_of(format_since(since)))
            if since
            else unknown
        )
        cause = result.cause
        if cause is not None and cause.name != "unknown":
            said = format_sure(cause.confidence)
            unsure = cause.runner_up if cause.confidence < SURE else None
            other = f", else {unsure}" if unsure else ""
            facts.append(("cause", cause.name, said + other))
        else:
            facts.append(("cause", "unknown", CAUSES["unknown"]))
    facts += _quality_facts(result)
    predictions, rejected = result.read.predictions, result.read.rejected
    facts.append(
        ("predictions", f"{predictions:,}", f"{format_count(rejected, 'request')} rejected")
    )
    if result.decision is not None:
        facts.append(
            ("chance of a false alarm", f"{100 * result.decision.level:.2g} %",
             f"this window: {format_p(result.decision.window_p_value)}")
        )  # fmt: skip
    cards = "".join(
        f'<div class="card"><dt>{escape(name)}</dt><dd>{escape(value)}'
        f"<small>{escape(more)}</small></dd></div>"
        for name, value, more in facts
    )
    return f'<dl class="facts">{cards}</dl>'


def _interval_of(since: str) -> str:
    return since.partition(" (")[2].rstrip(")")


def _quality_facts(result: MonitorResult) -> list[tuple[str, str, str]]:
    ordered = sorted(result.quality, key=lambda each: each.source != "corrected")
    for quality in ordered:
        ap50 = quality.ap50
        if ap50.value is not None:
            interval = (
                f"{format_number(ap50.low)} to {format_number(ap50.high)}"
                if ap50.low is not None and ap50.high is not None
                else "no interval"
            )
            how = "with corrections" if quality.source == "corrected" else "estimated by scores"
            return [("AP50", f"{ap50.value:.2f}", f"{interval}, {how}")]
    if ordered:
        return [("AP50", "not known", "needs labels")]
    return []


def _format_moved(result: MonitorResult) -> str:
    if not result.histograms:
        return ""
    shifts = {shift.name: shift for shift in (result.decision.shifts if result.decision else ())}
    cards = []
    for name, histogram in result.histograms.items():
        words, shift = property_words(name), shifts.get(name)
        is_moved = shift is not None and result.status == "changed" and shift.p_value <= MOVED
        caption = _describe_move(words, histogram, shift, is_moved=is_moved)
        cards.append(
            f'<figure class="card{" moved" if is_moved else ""}">'
            f"<h3>{escape(words.title)}</h3>"
            f"{draw_histogram(histogram, words, _tell_histogram(words, histogram))}"
            f"<figcaption>{caption}</figcaption></figure>"
        )
    heading = "What moved" if result.status == "changed" else "The main properties"
    what = next(iter(result.histograms.values())).get("of", "this window")
    key = '<span><i class="k-then"></i>reference</span>'
    if any("moved" in card[:30] for card in cards):
        key += f'<span><i class="k-now"></i>{escape(what)}: moved</span>'
    key += f'<span><i class="k-same"></i>{escape(what)}</span>'
    evidence = result.cause.evidence if result.status == "changed" and result.cause else ()
    said = (
        f'<p class="soft evidence">{escape(" ".join(map(as_sentence, evidence)), 600)}</p>'
        if evidence
        else ""
    )
    return (
        f'<section><h2>{heading}</h2>{said}<p class="key">{key}</p>'
        f'<div class="grid few small">{"".join(cards)}</div></section>'
    )


def _describe_move(
    words: PropertyWords,
    histogram: Mapping[str, Any],
    shift: PropertyShift | None,
    *,
    is_moved: bool,
) -> str:
    """Medians then and now, how far they lie apart, and whether that may be chance."""
    effect = histogram["effect"]
    medians = f"{_show(words, histogram, 'reference')} → {_show(words, histogram, 'window')}"
    if not is_moved and abs(effect) < USUAL:
        return f"{escape(medians)}<br>as usual"
    side = "higher" if effect > 0 else "lower"
    p_value = f" ({format_p(shift.p_value)})" if shift is not None else ""
    chance = "" if is_moved else ", which may be chance"
    return escape(
        f"{medians}, {format_number(abs(effect))} standard deviations {side}{chance}{p_value}"
    )


def _tell_histogram(words: PropertyWords, histogram: Mapping[str, Any]) -> str:
    return (
        f"{words.title}: median {_show(words, histogram, 'reference')} in the reference, "
        f"{_show(words, histogram, 'window')} now"
    )


def _show(words: PropertyWords, histogram: Mapping[str, Any], side: str) -> str:
    return words.value(histogram[f"{side}_median"])


def _format_timeline(result: MonitorResult) -> str:
    days = result.timeline
    if not days:
        return ""
    axis = TimeAxis(result.window_start, result.window_end)
    times = [day.time for day in days]
    usual = {
        shift.name: shift.reference_median
        for shift in (result.decision.shifts if result.decision else ())
    }
    since = result.since if result.status == "changed" else None
    when = format_since(since) if since is not None else ""
    if result.status == "changed" and since is None and result.is_changed_from_start:
        when = f"since {format_start(result.window_start)}"
        start = result.window_start  # a line at the left edge
        since = ChangePoint(start, start, start, 1.0, 0, result.read.predictions)
    names = list(dict.fromkeys(name for day in days for name in day.medians))
    charts = []
    for number, name in enumerate(names[:5]):
        words = property_words(name)
        chart = draw_line(
            axis, times, [day.medians.get(name) for day in days], words,
            title=f"{words.title} over time", usual=usual.get(name), since=since,
        )  # fmt: skip
        kind = "card wide" if not number else "card"
        charts.append(f'<figure class="{kind}"><h3>{escape(words.title)}</h3>{chart}</figure>')
    traffic = draw_traffic(axis, days, since)
    charts.append(f'<figure class="card"><h3>Predictions</h3>{traffic}</figure>')
    martingale = [day.martingale for day in days]
    if any(value is not None for value in martingale):
        charts.append(_format_martingale(result, axis, times, martingale))
    key = '<span><i class="k-same"></i>median of each step</span>' if names else ""
    key += '<span><i class="k-usual"></i>reference</span>' if names and usual else ""
    if since is not None:
        key += f'<span><i class="k-since"></i>changed {escape(when)}</span>'
    heading = "Since when" if result.status == "changed" else "Over time"
    return (
        f'<section><h2>{heading}</h2><p class="key">{key}</p>'
        f'<div class="grid small">{"".join(charts)}</div></section>'
    )


def _format_martingale(
    result: MonitorResult, axis: TimeAxis, times: list[str], values: list[float | None]
) -> str:
    logs = [None if value is None else math.log10(max(value, 1e-12)) for value in values]
    limit = result.decision.martingale_limit if result.decision else 100.0
    words = PropertyWords("Evidence", "", lambda value: 10**value)
    chart = draw_line(
        axis, times, logs, words, title="Evidence of a change over time; the alarm is at the "
        "dashed line", usual=math.log10(max(limit, 1e-12)),
    )  # fmt: skip
    return f'<figure class="card"><h3>Evidence (alarm at {limit:g})</h3>{chart}</figure>'


def _format_foot(result: MonitorResult) -> str:
    notes = [*(result.decision.notes if result.decision else ()), *result.notes]
    said = "".join(f"<p>{escape(note, 500)}</p>" for note in dict.fromkeys(notes))
    return (
        f"<footer><p>Compared with: {escape(result.reference, 500)}</p>{said}"
        f"<p>{escape(result.schema)}; report.json beside this page has all figures.</p></footer>"
    )
