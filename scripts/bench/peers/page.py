"""Writes table and plot into docs/performance.md."""

from __future__ import annotations

from pathlib import Path

from handler.storage.location import write_atomically
from scripts.bench.page import write_block
from scripts.bench.peers.result import Comparison
from scripts.bench.peers.table import describe_run, format_markdown, verdicts

PAGE_FILE, PLOT_FILE, BLOCK = "performance.md", "peers.svg", "peers"


def write_page(comparison: Comparison, plot: bytes, command: str, docs: Path) -> None:
    """Replace the block `peers` of the page, and the plot beside it. Raises ToolError for a page
    without that block."""
    write_block(docs / PAGE_FILE, BLOCK, format_block(comparison, command))
    write_atomically(docs / PLOT_FILE, plot)


def format_block(comparison: Comparison, command: str) -> str:
    versions = "; ".join(f"{title}: {text}" for title, text in comparison.versions.items() if text)
    said = "\n".join(f"- {line}" for line in verdicts(comparison))
    return (
        f"![Every peer's latency, and its time from start to first answer]({PLOT_FILE})\n\n"
        f"{format_markdown(comparison)}\n\n{said}\n\n"
        f"{describe_run(comparison)}. {versions}.\n\n```sh\n{command}\n```"
    )
