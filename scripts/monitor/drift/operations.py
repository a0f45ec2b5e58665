"""How the function runs, as its records tell: rejections, latency, cold starts, lost records.

A reference holds predictions only, and those of labelled pictures no latency either, so the
window's later half is compared with its earlier one: what was so all along is not told. Shares are
compared by Fisher's exact test, and only a difference that matters is an alarm: a million records
make any difference significant. What records cannot tell is said so.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from scripts.monitor.result import Finding
from scripts.records.observations import Observations
from scripts.records.read import ReadCounts

MIN_HALF = 50  # records
MIN_SHARE_CHANGE = 0.02
MIN_SLOWDOWN = 1.5
MIN_CORRUPT_SHARE = 0.001
BUSY_HOUR = 10  # records that an hour of the day had on each other day
MIN_OTHER_DAYS = 2


def check(window: Observations, counts: ReadCounts, level: float) -> Iterator[Finding]:
    """level: of each check."""
    ordered = np.argsort(window.facts["time"], kind="stable")
    half = len(ordered) // 2
    early, late = ordered[:half], ordered[half:]
    if half >= MIN_HALF:
        yield from _rejections(window, early, late, level)
        yield from _latency(window, early, late, level)
        yield from _cold_starts(window, early, late, level)
    yield from _corrupt(counts)
    yield from _silent_hours(window)


def _rejections(
    window: Observations, early: NDArray[np.int64], late: NDArray[np.int64], level: float
) -> Iterator[Finding]:
    problems = window.facts["problem"]
    rejected = ~window.is_prediction
    names = sorted(set(problems[rejected].tolist()))
    for name in names:
        mask = rejected & (problems == name)
        before, after = int(mask[early].sum()), int(mask[late].sum())
        p_value = _fisher(before, len(early), after, len(late)) * len(names)
        change = after / len(late) - before / len(early)
        if p_value > level or abs(change) < MIN_SHARE_CHANGE:
            continue
        word = "rose" if change > 0 else "fell"
        why = f"as {name}" if name else "for a reason that they do not tell"
        yield Finding(
            "rejected share",
            True,
            f"Requests rejected {why} {word} from {before / len(early):.1%} of the window's "
            f"earlier half to {after / len(late):.1%} of its later one.",
            {"problem": name, "before": before, "after": after, "p_value": min(p_value, 1.0)},
        )


def _latency(
    window: Observations, early: NDArray[np.int64], late: NDArray[np.int64], level: float
) -> Iterator[Finding]:
    times = window.facts["total_ms"]
    warm = np.isfinite(times) & (times > 0) & ~window.facts["cold_start"] & window.is_prediction
    before, after = times[early][warm[early]], times[late][warm[late]]
    if min(len(before), len(after)) < MIN_HALF:
        return
    for percent in (50, 95):
        first, second = float(np.percentile(before, percent)), float(np.percentile(after, percent))
        slow = int(np.sum(before > first)), int(np.sum(after > first))
        p_value = 2 * _fisher(slow[0], len(before), slow[1], len(after))
        if p_value <= level and second >= MIN_SLOWDOWN * first:
            yield Finding(
                "latency",
                True,
                f"Warm predictions became slower: p{percent} rose from {first:.0f} to "
                f"{second:.0f} ms within the window.",
                {"percentile": percent, "before_ms": first, "after_ms": second, "p_value": p_value},
            )
            return


def _cold_starts(
    window: Observations, early: NDArray[np.int64], late: NDArray[np.int64], level: float
) -> Iterator[Finding]:
    cold = window.facts["cold_start"]
    before, after = int(cold[early].sum()), int(cold[late].sum())
    p_value = _fisher(before, len(early), after, len(late))
    if p_value <= level and after / len(late) - before / len(early) >= MIN_SHARE_CHANGE:
        yield Finding(
            "cold share",
            True,
            f"Cold starts rose from {before / len(early):.1%} of the window's earlier half to "
            f"{after / len(late):.1%} of its later one.",
            {"before": before, "after": after, "p_value": p_value},
        )


def _fisher(before: int, before_size: int, after: int, after_size: int) -> float:
    table = [[before, before_size - before], [after, after_size - after]]
    return float(fisher_exact(table).pvalue)


def _corrupt(counts: ReadCounts) -> Iterator[Finding]:
    if not counts.corrupt_count:
        return
    total = counts.records + counts.corrupt_count
    named = f", such as {counts.corrupt[0]}" if counts.corrupt else ""
    yield Finding(
        "record loss",
        counts.corrupt_count >= MIN_CORRUPT_SHARE * total,
        f"{counts.corrupt_count} stored objects cannot be read{named}: their records are not part "
        "of this report.",
        {"corrupt": counts.corrupt_count, "records": counts.records},
    )


def _silent_hours(window: Observations) -> Iterator[Finding]:
    """Hours without any record that were busy on every other day of the same kind. Records have no
    running number, so no one can know from them whether nobody called or records were lost."""
    times = window.facts["time"]
    times = times[~np.isnat(times)]
    if len(times) < BUSY_HOUR:
        return
    hours = times.astype("datetime64[h]").astype(np.int64)
    first, last = int(hours.min()), int(hours.max())
    counts = np.bincount(hours - first)
    silent = []
    for hour in np.flatnonzero(counts == 0):
        same = np.arange(hour % 24, len(counts), 24)
        is_weekend = _is_weekend(first + int(hour))
        others = [
            each
            for each in same.tolist()
            # The first and the last hour may be parts of hours.
            if 0 < each < last - first and each != hour and _is_weekend(first + each) == is_weekend
        ]
        if len(others) >= MIN_OTHER_DAYS and counts[others].min() >= BUSY_HOUR:
            silent.append(first + int(hour))
    if silent:
        begin = str(np.datetime64(silent[0], "h")).replace("T", " ")
        yield Finding(
            "record loss",
            False,
            f"No record of {len(silent)} hours that are busy on other days, the first from "
            f"{begin}:00 UTC: nobody called, or records were lost; records alone cannot tell.",
            {"hours": [f"{np.datetime64(hour, 'h')}:00Z" for hour in silent[:50]]},
        )


def _is_weekend(hour: int) -> bool:
    """hour: counted from the beginning of 1970, a Thursday."""
    return (hour // 24 + 3) % 7 >= 5
