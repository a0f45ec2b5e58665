"""Exact checks, which come before any statistic of distributions: what the records say outright.

A camera that sends one picture again and again, a picture format or a class that the reference
never had, another model file, more rejections than before: these are counts, and counts have exact
tests. EXACT_LEVEL is what all of them together may spend in one window, so that beside
`decide.DAILY_LEVEL` a year of daily looks still has less than one false alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from scripts.monitor.drift import operations
from scripts.monitor.drift.levels import EXACT_LEVEL
from scripts.monitor.result import Finding
from scripts.monitor.words import format_time
from scripts.records.observations import CLASS_SHARE, Observations
from scripts.records.read import ReadCounts

CHECKS = 12  # kinds of checks that share EXACT_LEVEL
MAX_SIZES = 20  # of pictures, up to which a reference knows its cameras
MIN_REPEATS = 10  # of one picture: fewer are clients that try again, or a demo
MIN_REPEAT_SHARE = 0.1
MIN_RUN = 10
MAX_PICTURES = 50  # that repeat, of which one may be of a stuck camera
MIN_KNOWN = 50  # records of a reference, under which it does not know how often pictures repeat
LABELLED_ROUTES = ("", "baseline")  # of references that are made of labelled pictures

# Facts whose values are categories, with their words.
CATEGORIES = {
    "format": "picture format",
    "size": "picture size",
    "orientation": "EXIF orientation",
    "route": "route",
}
RELEASES = {
    "model_sha256": "model file",
    "model_threshold": "score threshold of the model",
}
CLIENTS = {"score_threshold": "score threshold", "is_tiled": "tiling", "schema": "record schema"}


def check(reference: Observations, window: Observations, counts: ReadCounts) -> tuple[Finding, ...]:
    """What the window's records say outright, alarms first.

    A fact that the reference does not know is compared with nothing; `name_unknown` names those.
    Latency, cold starts and rejections are compared within the window, its earlier half with its
    later one.
    """
    predictions = window.select(window.is_prediction)
    before = reference.select(reference.is_prediction)
    findings = [
        *_stuck_camera(before, predictions),
        *_new_categories(before, predictions),
        *_other_releases(before, predictions),
        *operations.check(window, counts, EXACT_LEVEL / CHECKS),
    ]
    return tuple(sorted(findings, key=lambda finding: not finding.is_alarm))


def name_unknown(reference: Observations, window: Observations) -> str | None:
    """A sentence on what a check would compare, which the window's records know and the reference
    does not."""
    before = reference.select(reference.is_prediction)
    after = window.select(window.is_prediction)
    names = {**CATEGORIES, **RELEASES, **CLIENTS}
    unknown = [
        f"the {words}"
        for fact, words in names.items()
        if _categories(after, fact)
        and not (_categories(before, fact) if fact != "route" or is_live(before) else {})
    ]
    if _categories(after, "image_sha256") and not _allowed_share(before, "image_sha256")[1]:
        unknown.append("how often a picture repeats")
    if not unknown:
        return None
    listed = " and ".join(filter(None, [", ".join(unknown[:-1]), unknown[-1]]))
    return f"The reference does not know {listed}: no new ones are told."


def is_live(reference: Observations) -> bool:
    """Whether a reference is of records that clients caused, rather than of labelled pictures."""
    return any(route not in LABELLED_ROUTES for route in reference.facts["route"])


def _stuck_camera(reference: Observations, window: Observations) -> Iterator[Finding]:
    """One picture again and again: the same bytes, or bytes that look the same to a dHash."""
    window = window.sorted_by_time()
    for fact, words in (("image_sha256", "the same file"), ("dhash", "the same view")):
        hashes = window.facts[fact]
        known = hashes != ""
        repeated = _most_repeated(hashes[known])
        if not repeated:
            continue
        allowed, is_known = _allowed_share(reference, fact)
        total = int(known.sum())
        times = window.facts["time"][known]
        findings = []
        for picture, repeats in repeated:
            start, run = _longest_run(hashes[known] == picture)
            if run < MIN_RUN and repeats < MIN_REPEAT_SHARE * total:
                continue
            p_value = float(binom.sf(repeats - 1, total, allowed))
            # A health check's picture comes in many stretches, that of a stuck camera in one.
            if fact == "image_sha256" and run >= MIN_RUN and 2 * run >= repeats:
                p_value = min(1.0, 2 * min(p_value, total * allowed**run))
            unsure = "" if is_known else " The reference does not know how often pictures repeat."
            findings.append(
                Finding(
                    "stuck camera",
                    p_value <= EXACT_LEVEL / CHECKS,
                    f"{repeats} of {total} pictures are {words}, up to {run} in a row from "
                    f"{format_time(_rfc3339(times[start]))} UTC: a camera may be stuck, or a "
                    f"client sends a picture again and again.{unsure}",
                    {
                        "fact": fact,
                        "picture": picture,
                        "repeats": repeats,
                        "pictures": total,
                        "longest_run": run,
                        "run_start": _rfc3339(times[start]),
                        "allowed_share": allowed,
                        "p_value": p_value,
                    },
                )
            )
        if findings:
            yield min(findings, key=lambda each: not each.is_alarm)
            return


def _most_repeated(hashes: NDArray[Any]) -> list[tuple[str, int]]:
    """Pictures that come MIN_REPEATS times or more, the most frequent first."""
    often = Counter(hashes.tolist()).most_common(MAX_PICTURES)
    return [(picture, repeats) for picture, repeats in often if repeats >= MIN_REPEATS]


def _allowed_share(reference: Observations, fact: str) -> tuple[float, bool]:
    """The largest share of one picture that the reference allows for: that of one of its own, plus
    chance. And whether the reference knows any.

    A reference's file keeps no hash of the bytes. Pictures of the same bytes are of the same dHash,
    so no file came more often than the most frequent dHash. Where it knows neither, the share is
    what a health check may take.
    """
    for name in dict.fromkeys((fact, "dhash")):
        before = reference.facts[name]
        before = before[before != ""]
        if len(before) >= MIN_KNOWN:
            usual = max(Counter(before.tolist()).values())
            share = beta.ppf(1 - EXACT_LEVEL, usual + 1, max(len(before) - usual, 1))
            return float(share), True
    return MIN_REPEAT_SHARE, False


def _longest_run(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Where the longest run of true ones of (n,) begins, and its length; one is true."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    starts = np.flatnonzero(edges == 1)
    lengths = np.flatnonzero(edges == -1) - starts
    longest = int(lengths.argmax())
    return int(starts[longest]), int(lengths[longest])


def _rfc3339(time: np.datetime64) -> str:
    return f"{np.datetime_as_string(time, unit='s')}Z"


def _new_categories(reference: Observations, window: Observations) -> Iterator[Finding]:
    """Values that no record of the reference has. If the window's records were as the reference's,
    all k of one value would lie in the window with a probability that is exact; a few of a rare
    value in a large window say nothing."""
    for fact, words in CATEGORIES.items():
        if fact == "route" and not is_live(reference):
            continue
        before, after = _categories(reference, fact), _categories(window, fact)
        if not before or (fact == "size" and len(before) > MAX_SIZES):
            continue
        tests = len({*before, *after})
        for value, count in after.most_common():
            if value not in before:
                yield _new_category(words, value, count, before, after, tests)
    yield from _new_classes(reference, window)


def _new_classes(reference: Observations, window: Observations) -> Iterator[Finding]:
    names = [name for name in window.properties if name.startswith(CLASS_SHARE)]
    before = Counter({name: _pictures_with(reference, name) for name in names})
    after = Counter({name: _pictures_with(window, name) for name in names})
    for name, count in after.items():
        if count and not before[name]:
            sizes = Counter({"": len(reference)}), Counter({"": len(window)})
            label = name.removeprefix(CLASS_SHARE)
            yield _new_category("class", label, count, *sizes, len(names))


def _new_category(
    words: str,
    value: str,
    count: int,
    before: Counter[str],
    after: Counter[str],
    tests: int,
) -> Finding:
    reference_size, window_size = before.total(), after.total()
    p_value = min(1.0, tests * _all_in_window(count, window_size, reference_size))
    usual = ", ".join(name for name, _ in before.most_common(3) if name)
    seen = f" (it has {usual})" if usual else ""
    return Finding(
        "new category",
        p_value <= EXACT_LEVEL / CHECKS,
        f"{count} of {window_size} pictures have the {words} {value}, which none of the "
        f"reference's {reference_size} has{seen}.",
        {"fact": words, "value": value, "records": count, "p_value": p_value},
    )


def _all_in_window(count: int, window: int, reference: int) -> float:
    """Probability that `count` records drawn from both sides are all of the window."""
    places = np.arange(count)
    return float(np.exp(np.sum(np.log((window - places) / (window + reference - places)))))


def _other_releases(reference: Observations, window: Observations) -> Iterator[Finding]:
    """Facts that only a release or a client's request changes; chance has no part in them."""
    for fact, words in {**RELEASES, **CLIENTS}.items():
        before, after = _categories(reference, fact), _categories(window, fact)
        new = [value for value in after if value not in before]
        if not before or not new:
            continue
        count = sum(after[value] for value in new)
        is_release = fact in RELEASES
        consequence = (
            "the reference is not of what predicts now."
            if is_release
            else "clients ask for it; predictions are compared at the model's own threshold."
            if fact == "score_threshold"
            else "what both sides know is compared."
        )
        shown = ", ".join(_short(value) for value in new[:3])
        usual = ", ".join(_short(value) for value, _ in before.most_common(3))
        yield Finding(
            "new category",
            is_release,
            f"{count} of {after.total()} records have another {words} than the reference "
            f"({shown} instead of {usual}): {consequence}",
            {"fact": fact, "values": new[:10], "records": count},
        )


def _pictures_with(observations: Observations, name: str) -> int:
    shares = observations.properties.get(name)
    return 0 if shares is None else int(np.sum(np.nan_to_num(shares) > 0))


def _short(value: str) -> str:
    return value if len(value) <= 16 else value[:12] + "…"


def _categories(observations: Observations, fact: str) -> Counter[str]:
    """How often each known value is there, as text."""
    if fact == "size":
        widths, heights = observations.facts["width"], observations.facts["height"]
        known = np.isfinite(widths) & np.isfinite(heights)
        pairs = zip(widths[known], heights[known], strict=True)
        return Counter(f"{width:.0f} x {height:.0f}" for width, height in pairs)
    column = observations.facts[fact]
    if column.dtype.kind == "f":
        return Counter(f"{value:g}" for value in column[np.isfinite(column)])
    if column.dtype.kind == "b":
        return Counter("yes" if value else "no" for value in column)
    return Counter(value for value in column.tolist() if value)
