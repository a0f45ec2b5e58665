"""The measured loops as a table, and what limits them in words."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.bench.page import wrap
from scripts.bench.training_speed.measure import LoopTimes

PARTS = ("data", "forward", "backward", "optimizer", "averaging", "other")


def format_table(measured: Sequence[LoopTimes]) -> str:
    """Markdown: a row a loop, medians in ms."""
    head = ["loop", "steps a second", "a step, ms", *PARTS, "memory, MB"]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for each in measured:
        step_s = each.step_s()
        cells = [each.name, f"{1 / step_s:.2f}", f"{step_s * 1000:.0f}"]
        cells += [f"{each.part_s(part) * 1000:.0f}" for part in PARTS]
        cells.append(f"{each.peak_mb:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def format_ratios(measured: Sequence[LoopTimes]) -> str:
    """The first loop's steps a second against each other's, with the rounds' range."""
    first = measured[0]
    sentences = []
    for other in measured[1:]:
        ratios = [
            other.step_s(number) / first.step_s(number) for number in range(len(first.rounds))
        ]
        ratio = other.step_s() / first.step_s()
        sentences.append(
            f"{first.name} takes {ratio:.2f} times as many steps a second as {other.name} "
            f"({min(ratios):.2f} to {max(ratios):.2f} by round)."
        )
    return " ".join(sentences)


def format_limits(measured: Sequence[LoopTimes]) -> str:
    """What takes the time of a step, the largest first."""
    sentences = []
    for each in measured:
        whole = sum(each.part_s(part) for part in PARTS)
        shares = {part: each.part_s(part) / whole for part in PARTS}
        largest_first = sorted(shares, key=lambda part: -shares[part])
        told = ", ".join(f"{shares[p]:.0%} {p}" for p in largest_first if shares[p] >= 0.005)
        sentences.append(f"A step of {each.name} is {told}.")
    return " ".join(sentences)


def format_page(measured: Sequence[LoopTimes], how: str) -> str:
    """The block in docs/models.md."""
    words = f"{how} {format_ratios(measured)} {format_limits(measured)}"
    return f"{format_table(measured)}\n\n{wrap(words)}"


def format_text(measured: Sequence[LoopTimes]) -> str:
    rows = [line.strip("| ").split(" | ") for line in format_table(measured).splitlines()]
    del rows[1]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([*lines, "", format_ratios(measured), format_limits(measured)])
