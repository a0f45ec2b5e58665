"""The lower sections of report.html: pictures, quality, findings, all properties, what was read."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from scripts.monitor.report.charts import draw_interval, escape
from scripts.monitor.report.pictures import DrawnPicture
from scripts.monitor.result import (
    ChangeDecision,
    Estimate,
    Finding,
    MonitorResult,
    Quality,
    Surprise,
)
from scripts.monitor.words import (
    as_sentence,
    format_count,
    format_number,
    format_p,
    format_percent,
    format_time,
    property_words,
)

MAX_ROWS = 60  # of a table
MAX_NAMED = 10  # corrupt objects


def format_pictures(surprises: Sequence[Surprise], pictures: Mapping[str, DrawnPicture]) -> str:
    """The most surprising pictures: drawn where they are kept, else as a table."""
    if not surprises:
        return ""
    drawn = [each for each in surprises if each.prediction_id in pictures]
    others = [each for each in surprises if each.prediction_id not in pictures]
    parts = ["<section><h2>Most surprising pictures</h2>"]
    if drawn:
        figures = "".join(_format_picture(each, pictures[each.prediction_id]) for each in drawn)
        parts.append(f'<div class="grid few small seen">{figures}</div>')
    else:
        parts.append(
            '<p class="soft">None of them is kept: CAPTURE_RATE above 0 keeps some pictures, and '
            "they are drawn here.</p>"
        )
    if others:
        rows = "".join(
            f"<tr><td>{format_time(each.time)}</td><td>{escape(each.prediction_id, 60)}</td>"
            f"<td>{escape(each.reason)}</td></tr>"
            for each in others[:MAX_ROWS]
        )
        parts.append(
            '<div class="scroll"><table class="texts"><tr><th scope="col">time, UTC</th>'
            f'<th scope="col">prediction</th><th scope="col">why</th></tr>{rows}</table></div>'
        )
    return "".join([*parts, "</section>"])


def _format_picture(surprise: Surprise, picture: DrawnPicture) -> str:
    jpeg = base64.b64encode(picture.jpeg).decode()
    alt = f"Picture of {format_time(surprise.time)}: {picture.caption}"
    return (
        f'<figure class="card"><img alt="{escape(alt)}" width="{picture.width}" '
        f'height="{picture.height}" src="data:image/jpeg;base64,{jpeg}">'
        f"<figcaption>{format_time(surprise.time)}: {escape(surprise.reason)}<br>"
        f"{escape(picture.caption)}<br><code>{escape(surprise.prediction_id, 60)}</code>"
        "</figcaption></figure>"
    )


def format_quality(result: MonitorResult) -> str:
    """Each source's figures with their intervals, or why there are none."""
    if not result.quality:
        return ""
    cards = "".join(_format_one_quality(each) for each in result.quality)
    return f'<section><h2>How good still</h2><div class="grid">{cards}</div></section>'


def _format_one_quality(quality: Quality) -> str:
    if quality.source == "corrected":
        title = f"With {format_count(quality.corrections, 'correction')} by people"
    else:
        title = "Without labels, by the scores"
    rows = (
        ("AP50", quality.ap50, 0.0, 1.0),
        ("precision", quality.precision, 0.0, 1.0),
        ("recall", quality.recall, 0.0, 1.0),
        ("count error", quality.count_bias, -0.5, 0.5),
    )
    reasons = [estimate.reason for _, estimate, _, _ in rows if estimate.value is None]
    if len(reasons) == len(rows) and len(set(reasons)) == 1:  # one refusal for all
        body = f'<p class="refused">{escape(as_sentence(reasons[0] or "not known"))}</p>'
    else:
        body = "".join(_format_estimate(*row) for row in rows)
    sentence = f'<p class="soft">{escape(quality.sentence, 600)}</p>' if quality.sentence else ""
    return f'<div class="card"><h3>{title}</h3>{body}{sentence}</div>'


def _format_estimate(name: str, estimate: Estimate, low: float, high: float) -> str:
    if estimate.value is None:
        said = f'<span class="refused">{escape(as_sentence(estimate.reason or "not known"))}</span>'
        return f'<div class="figure"><span>{name}</span><span>{said}</span></div>'
    is_signed = low < 0

    def show(value: float) -> str:
        return format_percent(value, signed=True) if is_signed else f"{value:.2f}"

    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f" ({show(estimate.low)} to {show(estimate.high)})"
    return (
        f'<div class="figure"><span>{name}</span><span class="said">'
        f"<b>{show(estimate.value)}</b>{interval}</span><span></span>"
        f"{draw_interval(estimate, low, high)}</div>"
    )


def format_findings(findings: Sequence[Finding]) -> str:
    """What the exact checks found, alarms first."""
    if not findings:
        return ""
    ordered = sorted(findings, key=lambda each: not each.is_alarm)
    rows = "".join(
        f'<li><span class="tag{" alarm" if each.is_alarm else ""}">{escape(each.name, 60)}</span>'
        f"{escape(each.sentence)}</li>"
        for each in ordered[:MAX_ROWS]
    )
    return f'<section><h2>Exact checks</h2><ul class="card rows">{rows}</ul></section>'


def format_properties(decision: ChangeDecision | None) -> str:
    """All properties that were compared, folded."""
    if decision is None or not decision.shifts:
        return ""
    rows = "".join(
        f"<tr><td>{escape(property_words(shift.name).title)}</td>"
        f"<td>{escape(property_words(shift.name).value(shift.reference_median))}</td>"
        f"<td>{escape(property_words(shift.name).value(shift.window_median))}</td>"
        f"<td>{format_number(shift.effect)}</td><td>{format_p(shift.p_value)}</td></tr>"
        for shift in decision.shifts[:MAX_ROWS]
    )
    left = len(decision.shifts) - MAX_ROWS
    more = f'<p class="soft">And {left} more in report.json.</p>' if left > 0 else ""
    return (
        f"<details><summary>All {min(len(decision.shifts), MAX_ROWS)} properties</summary>"
        '<div class="scroll"><table><tr><th scope="col">property</th>'
        '<th scope="col">reference</th><th scope="col">now</th>'
        '<th scope="col">moved, sd</th><th scope="col">p of all</th></tr>'
        f"{rows}</table></div>{more}</details>"
    )


def format_read(result: MonitorResult) -> str:
    """Records, duplicates, schemas, and the objects that could not be read."""
    counts = result.read
    schemas = ", ".join(f"{number:,} of {escape(name)}" for name, number in counts.schemas.items())
    said = (
        f"{format_count(counts.records, 'record')}: "
        f"{format_count(counts.predictions, 'prediction')}, {counts.rejected:,} rejected; "
        f"{format_count(counts.duplicates, 'duplicate')} left out"
        f"{f'; {schemas}' if schemas else ''}."
    )
    corrupt = ""
    if counts.corrupt_count:
        keys = "".join(f"<li><code>{escape(key)}</code></li>" for key in counts.corrupt[:MAX_NAMED])
        left = counts.corrupt_count - min(len(counts.corrupt), MAX_NAMED)
        more = f"<li>and {left:,} more</li>" if left > 0 else ""
        corrupt = (
            f'<p class="refused">{format_count(counts.corrupt_count, "object")} could not be '
            f"read:</p><ul>{keys}{more}</ul>"
        )
    return (
        f'<section><h2>What was read</h2><div class="card"><p>{said}</p>{corrupt}</div></section>'
    )
