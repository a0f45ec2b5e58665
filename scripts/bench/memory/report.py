"""What was measured as Markdown, and as a block of performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.bench.memory.function import MEMORY_SIZE_MB
from scripts.bench.memory.largest import Largest
from scripts.bench.memory.soak import Soak
from scripts.bench.page import write_block

PAGE = "performance.md"


def format_soak(soak: Soak) -> str:
    answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(soak.statuses.items()))
    rows = (
        ("after INIT", f"{soak.init:.0f} MB"),
        ("settled", f"{soak.settled:.1f} MB"),
        ("at the end", f"{soak.end:.1f} MB"),
        ("growth", f"{soak.growth:+.1%}"),
        ("peak", f"{soak.peak:.0f} MB"),
        ("peak of the largest picture alone", f"{soak.alone:.0f} MB"),
        ("ratio", f"{soak.peak_ratio:.2f}"),
    )
    lines = [f"| {len(soak.requests):,} requests | resident memory |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in rows]
    return "\n".join([*lines, "", f"Answers: {answers}."])


def format_largest(rows: Sequence[Largest]) -> str:
    lines = [
        "| largest picture | megapixels | JSON, MB | annotated, in tiles, MB "
        f"| of {MEMORY_SIZE_MB:,} MB | bytes per pixel |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        name = row.name if row.is_answered else f"{row.name} (refused)"
        lines.append(
            f"| {name} | {row.pixels / 1e6:.3g} | {row.plain.total:.0f} | {row.dear.total:.0f} "
            f"| {row.share:.0%} | {row.bytes_per_pixel:.1f} |"
        )
    return "\n".join(lines)


def update_page(folder: Path, block: str, text: str, command: str) -> None:
    """Replace a block of performance.md. Raises ToolError for a page without it."""
    write_block(folder / PAGE, block, f"{text}\n\n```sh\n{command}\n```")
