"""What a release's watch says: in its log, and in the one message that it sends."""

from __future__ import annotations

import math

from scripts.monitor.canary.behaviour import Behaviour, Difference
from scripts.monitor.canary.rehearse import Rehearsal

WHAT_NOW = (
    "If the new version is meant to behave so, release it again with --expect-change and the "
    "reason: differences are then reported and stop nothing. Otherwise look for what changed: the "
    "model, its thresholds, how pictures are decoded, or a library."
)
ROLLED_BACK = "CodeDeploy moves all requests back to the old version."
LATE_RECORDS = (
    "Records may come too late to be seen: with PredictionDelivery=firehose, up to 15 minutes. "
    "Then only errors, latency and the calls before the release are watched."
)


def status_words(behaviour: Behaviour) -> str:
    """In a sentence."""
    versions = f"version {behaviour.new_version} against version {behaviour.live_version}"
    counted = (
        f"{behaviour.new_requests} requests to the new version, {behaviour.live_requests} to the "
        "old one"
    )
    if behaviour.status == "undecided":
        return f"{versions}: undecided: {behaviour.why}"
    if behaviour.status == "same":
        return f"{versions}: no difference that matters is shown ({counted})"
    names = behaviour.why or ", ".join(each.of.name for each in behaviour.found)
    return f"{versions}: behaves otherwise ({counted}): {names}"


def difference_table(behaviour: Behaviour) -> str:
    """Every property of both versions, as lines of text."""
    columns = ("", "old version", "new version", "change", "margin", "visible from", "p")
    rows = [columns]
    for each in behaviour.differences:
        rows.append(
            (
                each.of.name,
                _number(each.live),
                _number(each.new),
                _change(each, each.change),
                _change(each, each.of.margin).lstrip("+"),
                _change(each, each.visible).lstrip("+"),
                f"{each.p_value:.5f}" + (" *" if each in behaviour.found else ""),
            )
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def behaviour_text(behaviour: Behaviour, expected_change: str, *, is_last: bool) -> str:
    """The message of a look that found something, or, at the end, cannot say."""
    lines = [_sentence(status_words(behaviour))]
    if behaviour.status == "undecided":
        lines += ["This is no sign of a fault, and none of its absence.", LATE_RECORDS]
    elif expected_change:
        lines.append(f"A change was expected: {expected_change}. The release goes on.")
    else:
        lines += [ROLLED_BACK, WHAT_NOW]
    if behaviour.differences:
        lines += ["", difference_table(behaviour), "", _explain(behaviour, is_last)]
    return "\n".join(lines)


def rehearsal_table(rehearsal: Rehearsal) -> str:
    """Counts of both versions by picture, as lines of text."""
    width = max([len(each.name) for each in rehearsal.counted] + [len("picture")])
    rows = [("picture", "old version", "new version")]
    for each in rehearsal.counted:
        live, new = ("-" if count is None else str(count) for count in (each.live, each.new))
        rows.append((each.name, live, new))
    return "\n".join(f"{name:<{width}}  {live:>11}  {new:>11}" for name, live, new in rows)


def rehearsal_text(rehearsal: Rehearsal, new_version: str, expected_change: str) -> str:
    """The message of a version that was tried and is not released, or counts otherwise."""
    lines = []
    if rehearsal.failures:
        lines += [
            f"Version {new_version} was tried before it got any request, and failed: it gets none.",
            *(f"- {failure}" for failure in rehearsal.failures),
            "The function's log has more. scripts/test runs the image on your machine.",
        ]
    if rehearsal.difference:
        lines.append(_sentence(rehearsal.difference))
        if expected_change:
            lines.append(f"A change was expected: {expected_change}.")
        else:
            lines += ["The new version gets no request.", WHAT_NOW]
    if rehearsal.counted:
        lines += ["", rehearsal_table(rehearsal)]
    return "\n".join(lines)


def bug_text(why: str) -> str:
    """The message where the watch itself fails."""
    return (
        f"The release could not be watched, so it is not let through: {why}\n{ROLLED_BACK}\n"
        "This is a fault of the watch or of its permissions, not of the new version. Its log says "
        "more."
    )


def _explain(behaviour: Behaviour, is_last: bool) -> str:
    when = "all requests of the release" if is_last else f"the first {behaviour.minutes} minutes"
    return (
        f"Compared: {when}. * is larger than its margin, and chance shows as much in at most "
        f"{behaviour.level:.3%} of looks. A change smaller than `visible from` would not show."
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _change(of: Difference, value: float | None) -> str:
    if value is None:
        return "-"
    if math.isinf(value):
        return "from none"
    if of.of.kind == "ratio":
        return f"{value:+.0%}"
    if of.of.kind == "logarithm":
        return f"× {value:.2f}"
    return f"{value:+.3f}"
