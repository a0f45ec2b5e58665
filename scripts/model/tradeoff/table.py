"""The comparison as a table: for a terminal, for Markdown, and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from scripts.model.plurals import counted
from scripts.model.tradeoff.compare import ComparedBundle

SPEED_COLUMNS = ("inference ms", "predict ms", "load ms", "memory MB")


def label_bundles(rows: Sequence[ComparedBundle]) -> list[str]:
    """A short name for each bundle: its folder's, or the path as given where two share a name."""
    names = [Path(row.bundle).resolve().name for row in rows]
    return [
        name if names.count(name) == 1 else row.bundle
        for name, row in zip(names, rows, strict=True)
    ]


def build_table(rows: Sequence[ComparedBundle]) -> list[list[str]]:
    """The table's cells, the header first; a line a bundle."""
    first = rows[0]
    header = ["bundle", "version", "input", "MB"]
    for speed in first.speeds:
        threads = counted(speed.threads, "thread")
        header += [f"{column}, {threads}" for column in SPEED_COLUMNS]
    header.append("threshold")
    for accuracy in first.accuracies:
        header += [f"AP50, {accuracy.dataset}", f"count error, {accuracy.dataset}"]
    table = [header]
    for label, row in zip(label_bundles(rows), rows, strict=True):
        cells = [label, row.version, "{} x {}".format(*row.input), f"{row.size_mb:.2f}"]
        for speed in row.speeds:
            cells += [
                f"{speed.inference_ms:.1f}",
                f"{speed.predict_ms:.1f}",
                f"{speed.load_ms:.0f}",
                f"{speed.memory_mb:.0f}",
            ]
        cells.append(f"{row.score_threshold:.2f}")
        for accuracy in row.accuracies:
            cells += [f"{accuracy.ap50:.3f}", f"{accuracy.count_error:.1%}"]
        table.append(cells)
    return table


def format_text(rows: Sequence[ComparedBundle]) -> str:
    """The table for a terminal: headers broken at their words, columns aligned."""
    header, *body = build_table(rows)
    columns = [title.replace(", ", " ").split(" ") for title in header]
    height = max(map(len, columns))
    columns = [[""] * (height - len(words)) + words for words in columns]
    lines = [[words[level] for words in columns] for level in range(height)] + body
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def format_markdown(rows: Sequence[ComparedBundle]) -> str:
    """The table in Markdown, the figures aligned right."""
    table = build_table(rows)
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    lines.insert(1, "| --- | --- |" + " ---: |" * (len(table[0]) - 2))
    return "\n".join(lines)


def format_json(rows: Sequence[ComparedBundle]) -> str:
    """All figures, with the accuracies as `reached`, the name that --json has always used."""
    bundles = [
        {
            "reached" if name == "accuracies" else name: value
            for name, value in dataclasses.asdict(row).items()
        }
        for row in rows
    ]
    return json.dumps(bundles, indent=2)
