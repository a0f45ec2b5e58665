"""What the comparison found, as text, Markdown and JSON."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from scripts.bench.load.machine import MAX_OTHERS
from scripts.bench.peers.peers import ICEBOX, ON_LAMBDA
from scripts.bench.peers.result import Comparison, Measured

Row = tuple[str, ...]
HEAD: Row = (
    "", "p50, ms", "p99", "× Icebox", "CPU, ms", "start → first answer, s", "answers/s, 1 client",
    "{clients} clients", "memory, MB", "cells", "boxes alike",
)  # fmt: skip
ACCURACY_HEAD: Row = ("F1", "count error")


def relative_p50(row: Measured, base: Measured) -> float:
    """How many times as long its answer takes: the median over the rounds of both."""
    pairs = zip(row.round_ms, base.round_ms, strict=True)
    return statistics.median(ms / base_ms for ms, base_ms in pairs)


def relative_start(row: Measured, base: Measured) -> float:
    pairs = zip(row.first_s, base.first_s, strict=True)
    return statistics.median(first_s / base_s for first_s, base_s in pairs)


def format_text(comparison: Comparison) -> str:
    """For a terminal."""
    head, rows = _table(comparison)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join([describe_run(comparison), "", *lines, "", *verdicts(comparison)])


def format_markdown(comparison: Comparison) -> str:
    head, rows = _table(comparison)
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    lines.insert(1, f"|{' --- |' * len(head)}")
    return "\n".join(lines)


def describe_run(comparison: Comparison) -> str:
    """What was measured, and on what."""
    plan, (name, width, height, size) = comparison.plan, comparison.picture
    server, client = comparison.cores
    cores = (
        "no core chosen"
        if server is None
        else "services and clients on one core"
        if server == client
        else "services on one core, clients on another"
    )
    others = comparison.usage.others
    noise = f"; other processes took {others:.2f} cores" + (
        "" if others <= MAX_OTHERS else ": trust the ratios, not the times"
    )
    return (
        f"{name}, {width} × {height} px, {size / 1e6:.2f} MB; {plan.rounds} rounds, "
        f"{plan.starts} starts of each; {cores}; {describe_cpu()}, Python "
        f"{platform.python_version()}{noise}; {comparison.seconds / 60:.1f} minutes"
    )


def verdicts(comparison: Comparison) -> Iterator[str]:
    """A sentence for each comparison that was asked for, then what is missing or differs."""
    for base_name, others in ((ICEBOX, False), (ON_LAMBDA, True)):
        base = comparison.find(base_name)
        rows = [
            row
            for row in comparison.measured
            if row.peer.is_on_lambda == others and not row.peer.is_icebox
        ]
        if base and rows:
            yield from _verdict(base, rows)
    for row in comparison.measured:
        if not row.agreement.is_alike:
            yield (
                f"NOT ALIKE: {row.peer.title} counts {row.agreement.count} cells where Icebox "
                f"with the float model counts {row.agreement.reference_count}"
            )
    for title, reason in comparison.missing.items():
        yield f"not measured: {title}: {' '.join(reason.split())}"


def _verdict(base: Measured, rows: Sequence[Measured]) -> Iterator[str]:
    usual = [row for row in rows if not row.peer.is_extra]
    for kind, some in (("best peer", usual), ("best of all rows", rows)):
        if not some:
            continue
        best = min(some, key=lambda row: relative_p50(row, base))
        if kind == "best peer" or best not in usual:
            yield (
                f"p50: {base.peer.title} {base.p50_ms:.0f} ms, the {kind}, {best.peer.title}, "
                f"{best.p50_ms:.0f} ms: {relative_p50(best, base):.2f} ×"
            )
    first = min(usual, key=lambda row: relative_start(row, base), default=None)
    if first:
        yield (
            f"start → first answer: {base.peer.title} {statistics.median(base.first_s):.2f} s, the "
            f"first peer, {first.peer.title}, {statistics.median(first.first_s):.2f} s: "
            f"{relative_start(first, base):.2f} ×"
        )


def to_json(comparison: Comparison) -> str:
    document = asdict(comparison)
    for row, measured in zip(document["measured"], comparison.measured, strict=True):
        row["peer"] = {"name": measured.peer.name, "title": measured.peer.title}
    document["plan"]["picture"] = document["plan"]["labelled"] = None
    document["machine"] = {"cpu": describe_cpu(), "python": platform.python_version()}
    return json.dumps(document, indent=1) + "\n"


def describe_cpu() -> str:
    """The CPU's name, where Linux tells it."""
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def _table(comparison: Comparison) -> tuple[Row, list[Row]]:
    clients = str(comparison.plan.clients)
    has_accuracy = any(row.accuracy for row in comparison.measured)
    head = tuple(name.format(clients=clients) for name in HEAD)
    if has_accuracy:
        head += ACCURACY_HEAD
    return head, [tuple(_cells(row, comparison, has_accuracy)) for row in comparison.measured]


def _cells(row: Measured, comparison: Comparison, has_accuracy: bool) -> Iterator[str]:
    base = comparison.find(row.peer.like)
    yield f"{row.peer.title}{' (variant)' * row.peer.is_extra}"
    yield f"{row.p50_ms:.0f}"
    yield f"{row.p99_ms:.0f}"
    yield f"{relative_p50(row, base):.2f}" if base else "–"
    yield f"{row.cpu_ms:.0f}"
    yield f"{statistics.median(row.first_s):.2f}"
    yield f"{row.per_s:.1f}"
    yield f"{row.busy_per_s:.1f}" if row.busy_per_s is not None else "–"
    yield f"{row.memory_mb:.0f}"
    yield str(row.agreement.count)
    yield f"{row.agreement.f1:.1%}"
    if has_accuracy:
        yield f"{row.accuracy.f1:.3f}" if row.accuracy else "–"
        yield f"{row.accuracy.count_error:.1%}" if row.accuracy else "–"
