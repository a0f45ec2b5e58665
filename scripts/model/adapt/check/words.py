"""The outcome of --check in words: the sentence that says why, and the table of readings."""

from __future__ import annotations

from scripts.model.adapt.check.decision import CheckDecision, rank
from scripts.model.adapt.check.option_text import option_text
from scripts.model.adapt.check.pixel_schemes import pixel_title
from scripts.model.adapt.check.result import CheckResult
from scripts.model.adapt.check.trial import VariantTrial
from scripts.model.plurals import counted

_MAX_ROWS, _MAX_ALIKE = 16, 3


def explain_decision(check: CheckResult) -> str:
    """One sentence or two: which reading looks right, why, and how to have another."""
    decision = check.decision
    default, chosen, rival = decision.default, decision.chosen, decision.rival
    if decision.outcome == "nothing":
        return (
            "nothing is found in any reading, so nothing tells which is right: give pictures on "
            f"which it must find something, a lower --score-threshold, or another --format"
            f"{_fixed(check)}"
        )
    if decision.outcome == "decided":
        option = option_text(default.variant, chosen.variant)
        return (
            f"{_difference(chosen, default)}, not {_difference(default, chosen)}, the format's "
            f"default: {_compare(decision, chosen, default)}. The bundle is made so; "
            f"{option} makes it with the default{_better_still(check)}{_alike(decision)}"
        )
    if decision.outcome == "proposed" and rival is not None:
        return (
            f"{_difference(rival, default)} looks better than {_difference(default, rival)}, the "
            f"default: {_compare(decision, rival, default)}. That is not decisive, so the default "
            f"stays: {option_text(rival.variant, default.variant)} makes the bundle with it; more "
            "pictures, or labelled ones, tell"
        )
    if not chosen.confirmed:
        return (
            "no reading finds enough to tell which is right, so the default stays: give more "
            "pictures, or a lower --score-threshold"
        )
    best = rank(check.trials, decision.objects)[0]
    if best is chosen or not _sees_otherwise(best, chosen):
        return f"the format's default looks right{_against_the_next(check)}{_alike(decision)}"
    return f"nothing is decisively better than the format's default{_alike(decision)}"


def format_check(check: CheckResult) -> str:
    """The table of the readings, best first, and what its columns mean."""
    decision = check.decision
    trials = [trial for trial in rank(check.trials, decision.objects) if not trial.failure]
    has_ap50 = any(trial.ap50 is not None for trial in trials)
    header = ["", "reading", "found", "score mass", "confirmed", "odd boxes"]
    header += [*(["AP50"] if has_ap50 else []), "options"]
    rows = [header]
    for trial in trials[:_MAX_ROWS]:
        mark = ("*" if trial is decision.chosen else "") + ("?" if trial.junk else "")
        mass = [f"{trial.score_mass:.1f}", f"{trial.confirmed_mass:.1f}"]
        row = [mark, trial.variant.title, str(trial.found), *mass, str(trial.odd_boxes)]
        row += ["-" if trial.ap50 is None else f"{trial.ap50:.3f}"] if has_ap50 else []
        option = option_text(trial.variant, decision.default.variant)
        rows.append([*row, "(default)" if trial is decision.default else option])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    is_text = (True, True, *[False] * (len(header) - 3), True)
    lines = [
        "  ".join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, is_text, strict=True)
        ).rstrip()
        for row in rows
    ]
    if len(trials) > _MAX_ROWS:
        lines.append(f"… and {len(trials) - _MAX_ROWS} more (--json lists all)")
    threshold = decision.chosen.variant.reading.score_threshold
    lines.append(
        f"on {counted(len(check.pictures), 'picture')}; score mass: sum of the scores above "
        f"{threshold:g}; confirmed: of boxes that are found again in the mirrored picture, one at "
        "a place; *: chosen; ?: junk by the looks of it"
    )
    return "\n".join(lines)


def _compare(decision: CheckDecision, better: VariantTrial, worse: VariantTrial) -> str:
    if decision.measure == "ap50" and better.ap50 is not None and worse.ap50 is not None:
        objects = f"on {decision.objects} labelled objects"
        if better.ap50 > worse.ap50:
            return f"AP50 {better.ap50:.2f} against {worse.ap50:.2f} {objects}"
    text = f"confirmed score mass {better.confirmed_mass:.1f} against {worse.confirmed_mass:.1f}"
    return f"{text} (junk: {worse.junk})" if worse.junk else text


def _better_still(check: CheckResult) -> str:
    """The best reading that looks better than the one that was decided on, but not decisively."""
    decision = check.decision
    best = rank(check.trials, decision.objects)[0]
    if (
        best is decision.chosen
        or best in decision.alike
        or not _sees_otherwise(best, decision.chosen)
    ):
        return ""
    return (
        f". {_difference(best, decision.chosen)} looks better still, which is not decisive: "
        f"{_compare(decision, best, decision.chosen)} "
        f"({option_text(best.variant, decision.default.variant)})"
    )


def _against_the_next(check: CheckResult) -> str:
    """The best other reading of which the network sees other pixels, where it is told apart."""
    decision = check.decision
    for trial in rank(check.trials, decision.objects):
        if trial is not decision.chosen and _sees_otherwise(trial, decision.chosen):
            if trial in decision.alike or trial.failure:
                return ""
            return (
                f": {_compare(decision, decision.chosen, trial)} of the next best, "
                f"{_difference(trial, decision.chosen)}"
            )
    return ""


def _sees_otherwise(trial: VariantTrial, other: VariantTrial) -> bool:
    return set(trial.variant.axes_from(other.variant)) != {"placing"}


def _fixed(check: CheckResult) -> str:
    """The options of the user's that keep other readings from being tried."""
    options = check.trials[0].variant.options
    names = [
        f"--{name}"
        for name in ("order", "scale", "mean", "std", "fit")
        if getattr(options, name) is not None
    ]
    if not names:
        return ""
    return f". What {', '.join(names)} say is not varied: without them others are tried"


def _difference(trial: VariantTrial, other: VariantTrial) -> str:
    """What `trial` is that the other is not."""
    preprocessing, words = trial.variant.reading.preprocessing, []
    for axis in trial.variant.axes_from(other.variant):
        words.append(
            {
                "format": f"the reading as {trial.variant.reading.format}",
                "order": preprocessing.order.upper(),
                "pixels": f"pixels {pixel_title(preprocessing)}",
                "placing": f"placed {trial.variant.placing}",
            }[axis]
        )
    return " and ".join(words)


def _alike(decision: CheckDecision) -> str:
    """Other readings that are as good on these pictures, where the network sees other pixels."""
    chosen = decision.chosen.variant
    alike = [trial for trial in decision.alike if _sees_otherwise(trial, decision.chosen)]
    if not alike:
        return ""
    shown = "; ".join(
        f"{_difference(trial, decision.chosen)} ({option_text(trial.variant, chosen)})"
        for trial in alike[:_MAX_ALIKE]
    )
    return f". These pictures do not tell it from {shown}"
