"""Writes what was measured as tables: for a terminal, and for the page of performance."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from scripts.bench.latency.floor import FLOOR_STEPS
from scripts.bench.latency.measure import PictureTimes
from scripts.bench.latency.steps import AFTER, STEPS

PERCENTS = (50, 95, 99)
MEANINGS = {
    "request": "event to picture: route, key, parameters",
    "base64": "the body",
    "decode": "bytes to pixels",
    "letterbox": "resized, padded",
    "network": "the graph up to its NMS",
    "NMS": "the rest of the graph",
    "below": "what the record needs below the score floor",
    "response": "detections, JSON, log line, metrics",
    "record": "after the answer: statistics, record, a file",
    "statistics": "of the pixels, in it",
}


def percentiles(values: Sequence[float]) -> list[float]:
    """p50, p95 and p99; of few values the last is the largest."""
    return [float(np.percentile(values, percent, method="higher")) for percent in PERCENTS]


def format_text(times: Sequence[PictureTimes]) -> str:
    """Every step with p50, p95 and p99, one table for each picture and number of threads."""
    return "\n\n".join(_text_table(each) for each in times)


def _text_table(each: PictureTimes) -> str:
    rows = [f"{each.name}, {_threads(each)}", f"{'ms':<14}{'p50':>8}{'p95':>8}{'p99':>8}"]
    for step in (*STEPS, "total"):
        rows.append(_text_row(step, each.steps[step]))
    for step in FLOOR_STEPS:
        rows.append(_text_row(f"floor {step}", each.floor[step]))
    floors = [sum(parts) for parts in zip(*each.floor.values(), strict=True)]
    rows += [_text_row("floor", floors), _text_row("total / floor", each.ratios(), 3)]
    rows += [_text_row(step, each.steps[step]) for step in AFTER]
    return "\n".join(rows)


def _text_row(name: str, values: Sequence[float], digits: int = 1) -> str:
    return f"{name:<14}" + "".join(f"{value:8.{digits}f}" for value in percentiles(values))


def format_markdown(times: Sequence[PictureTimes]) -> str:
    """The medians of every step on one thread; what more threads make of the total below them."""
    least = min(each.threads for each in times)
    one = [each for each in times if each.threads == least]
    lines = [
        "| ms, p50 | " + " | ".join(each.name for each in one) + " | |",
        "| --- |" + " ---: |" * len(one) + " --- |",
    ]
    for step in (*STEPS, "total"):
        cells = [_cell(each.steps[step]) for each in one]
        lines.append(_row(step, cells, MEANINGS.get(step, f"on {_threads(one[0])}")))
    for percent, index in ((95, 1), (99, 2)):
        cells = [f"{percentiles(each.steps['total'])[index]:.1f}" for each in one]
        lines.append(_row(f"total, p{percent}", cells, ""))
    cells = [_cell([sum(run) for run in zip(*each.floor.values(), strict=True)]) for each in one]
    lines.append(_row("floor", cells, ", ".join(FLOOR_STEPS)))
    cells = [f"{median(each.ratios()):.3f}" for each in one]
    lines.append(_row("total / floor", cells, "run by run"))
    for step in AFTER:
        lines.append(_row(step, [_cell(each.steps[step]) for each in one], MEANINGS[step]))
    for threads in sorted({each.threads for each in times} - {least}):
        several = [each for each in times if each.threads == threads]
        cells = [_cell(each.steps["total"]) for each in several]
        lines.append(_row("total", cells, f"on {_threads(several[0])}"))
        cells = [f"{median(each.ratios()):.3f}" for each in several]
        lines.append(_row("total / floor", cells, f"on {_threads(several[0])}"))
    return "\n".join(lines)


def last_line(each: PictureTimes) -> str:
    """The ratio of one picture to its floor."""
    floors = [sum(parts) for parts in zip(*each.floor.values(), strict=True)]
    return (
        f"{each.name}, {_threads(each)}: {median(each.steps['total']):.1f} ms, floor "
        f"{median(floors):.1f} ms, ratio {median(each.ratios()):.3f}"
    )


def _threads(each: PictureTimes) -> str:
    return "1 thread" if each.threads == 1 else f"{each.threads} threads"


def _cell(values: Sequence[float]) -> str:
    return f"{median(values):.1f}"


def _row(name: str, cells: Sequence[str], meaning: str) -> str:
    return f"| {name} | " + " | ".join(cells) + f" | {meaning} |"
