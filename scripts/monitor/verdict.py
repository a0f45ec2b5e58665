"""The verdict: one sentence that says whether something changed, what, since when, and how good the
counts still are. It is never surer than the parts it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.monitor.result import (
    Cause,
    ChangeDecision,
    ChangePoint,
    Estimate,
    Finding,
    PropertyShift,
    Quality,
    Status,
)
from scripts.monitor.words import (
    CAUSES,
    TO_DO,
    format_count,
    format_percent,
    format_since,
    format_start,
    property_words,
)

MOVED = 0.01  # p-value, over all properties together, up to which one is said to have moved
WIDE = 0.2  # an interval of the counts' error that rules nothing out
SURE, LIKELY = 0.8, 0.5  # confidences from which a cause is said plainly, or with "probably"


def choose_status(
    findings: Sequence[Finding], decision: ChangeDecision, *, is_decidable: bool
) -> Status:
    """changed before attention before ok; an alarm counts however few the records are."""
    if decision.is_changed:
        return "changed"
    if any(finding.is_alarm for finding in findings):
        return "attention"
    return "ok" if is_decidable else "too few"


def find_moved(decision: ChangeDecision | None) -> list[PropertyShift]:
    """Properties that moved for sure, furthest first; where none did, those that moved furthest."""
    if decision is None:
        return []
    ordered = sorted(decision.shifts, key=lambda shift: -abs(shift.effect))
    return [shift for shift in ordered if shift.p_value <= MOVED] or ordered[:3]


def write_verdict(
    status: Status,
    predictions: int,
    minimum: int,
    findings: Sequence[Finding],
    since: ChangePoint | None,
    cause: Cause | None,
    decision: ChangeDecision | None,
    quality: Sequence[Quality],
    *,
    changed_from: str = "",
) -> str:
    """The sentence for a status. changed_from: the window's start, where its first records differ
    already."""
    if status == "too few":
        if predictions >= minimum and decision is not None and decision.notes:
            return decision.notes[0]
        return (
            f"Too few predictions ({predictions:,} of {minimum:,}) to say whether something "
            "changed."
        )
    if status == "ok":
        seen = f"the {format_count(predictions, 'prediction')} of this window"
        if predictions == 1:
            seen = "the prediction of this window"
        return f"Nothing changed: {seen} look like the reference."
    if status == "attention":
        alarms = [finding for finding in findings if finding.is_alarm]
        more = f" And {format_count(len(alarms) - 1, 'other finding')}." if alarms[1:] else ""
        return f"Attention: {_as_clause(alarms[0].sentence)}.{more}"
    when = ""
    if since or changed_from:
        when = f" since {format_since(since) if since else format_start(changed_from)}"
    tail = _say_quality(quality)
    return f"Something changed: {_say_cause(cause, decision, when)}{tail}."


def _say_cause(cause: Cause | None, decision: ChangeDecision | None, when: str) -> str:
    if cause is None or cause.name == "unknown":
        moved = [property_words(shift.name).title.lower() for shift in find_moved(decision)[:2]]
        what = f"{' and '.join(moved)} moved most" if moved else "the records differ"
        return f"{what}{when}, and {CAUSES['unknown']}"
    if cause.confidence >= SURE:
        return f"{CAUSES[cause.name]}{when}"
    if cause.confidence >= LIKELY or cause.runner_up in (None, "unknown"):
        return f"probably, {CAUSES[cause.name]}{when}"
    assert cause.runner_up is not None
    return f"perhaps {CAUSES[cause.name]}, or {CAUSES[cause.runner_up]}{when}"


def _say_quality(quality: Sequence[Quality]) -> str:
    """What is known of the counts, corrected by people before what scores alone say."""
    if not quality:
        return ""
    best = sorted(quality, key=lambda each: each.source != "corrected")
    for each in best:
        bias = each.count_bias
        if bias.value is None or bias.low is None or bias.high is None:
            continue
        interval = f"{format_percent(bias.low, signed=True)} to " + format_percent(
            bias.high, signed=True
        )
        if bias.low <= 0 <= bias.high:
            if bias.high - bias.low > WIDE:
                return f"; whether the counts are off is not clear ({interval})"
            return f"; no error of the counts is shown ({interval})"
        sure = "are" if each.source == "corrected" else "are probably"
        size = f"{abs(100 * bias.value):.0f} % too {'low' if bias.value < 0 else 'high'}"
        return f"; counts {sure} {size} ({interval})"
    return "; how good the counts still are cannot be said without labels"


def is_known(estimate: Estimate) -> bool:
    """Whether an estimate says a figure rather than refuses."""
    return estimate.value is not None


def say_what_to_do(
    status: Status,
    findings: Sequence[Finding],
    cause: Cause | None,
    quality: Sequence[Quality],
    *,
    has_captures: bool,
) -> tuple[str, ...]:
    """What a person does next, most urgent first."""
    steps: list[str] = []
    if status == "too few":
        steps.append("Take a longer window, or wait for more predictions.")
    if status in ("changed", "attention"):
        if status == "changed":
            steps.append(TO_DO[cause.name if cause else "unknown"])
        elif any(each.is_alarm and each.name == "stuck camera" for each in findings):
            steps.append(TO_DO["stuck camera"])
        refused = not any(is_known(each.count_bias) for each in quality)
        corrected = any(each.source == "corrected" for each in quality)
        if status == "changed" and (refused or not corrected):
            steps.append(
                "Correct the counts of some pictures from after the change: a few labels say more "
                "than any estimate without them."
            )
        if status == "changed" and not has_captures:
            steps.append("Keep some pictures (CAPTURE_RATE), to see and to label them.")
        # Such as how many more corrections would halve the interval.
        steps += [each.sentence for each in quality if each.source == "corrected" and each.sentence]
    return tuple(dict.fromkeys(steps))


def _as_clause(sentence: str) -> str:
    """A sentence after a colon: no capital at its start, no full stop at its end."""
    text = sentence.strip().rstrip(".")
    if len(text) > 1 and text[0].isupper() and not text[1].isupper():
        return text[0].lower() + text[1:]
    return text
