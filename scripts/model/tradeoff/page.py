"""Writes the comparison into tradeoff.md, with the plot beside it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from handler.storage.location import write_atomically
from scripts.model.tradeoff.compare import ComparedBundle
from scripts.model.tradeoff.plot import draw_plot
from scripts.model.tradeoff.table import format_markdown
from scripts.tool import ToolError

PAGE_FILE, PLOT_FILE = "tradeoff.md", "tradeoff.svg"
BEGIN_MARK, END_MARK = "<!-- tradeoff -->", "<!-- /tradeoff -->"


def write_page(rows: Sequence[ComparedBundle], out_dir: Path, command: str) -> None:
    """Write tradeoff.svg and tradeoff.md into `out_dir`.

    In an existing page only the part between the two marks is replaced. Raises ToolError for a page
    without them.
    """
    comparison = f"{BEGIN_MARK}\n{_format_comparison(rows, command)}{END_MARK}"
    page_path = out_dir / PAGE_FILE
    if page_path.is_file():
        text = _replace_marked(page_path, comparison)
    else:
        text = f"# What speed costs, and what accuracy costs\n\n{comparison}\n"
    plot = draw_plot(rows)
    write_atomically(out_dir / PLOT_FILE, plot)
    write_atomically(page_path, text.encode())


def describe_machine() -> str:
    """The CPU and the ONNX Runtime that the times were measured with."""
    cpu = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields: dict[str, str] = {}
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
        vnni = "with VNNI" if "vnni" in fields.get("flags", "") else "without VNNI"
        if "model name" in fields:
            cpu = f"{fields['model name']} ({platform.machine()}, {vnni})"
    return f"Measured on {cpu}, ONNX Runtime {onnxruntime.__version__}"


def _format_comparison(rows: Sequence[ComparedBundle], command: str) -> str:
    datasets = "; ".join(
        f"{accuracy.dataset}: {accuracy.pictures} pictures, {accuracy.objects} objects"
        for accuracy in rows[0].accuracies
    )
    return (
        f"![Inference time against AP50, area by file size]({PLOT_FILE})\n\n"
        f"{format_markdown(rows)}\n\n"
        f"{datasets}. {describe_machine()}.\n\n"
        f"```sh\n{command}\n```\n"
    )


def _replace_marked(page_path: Path, comparison: str) -> str:
    """The page with the part from one mark to the other replaced."""
    page = page_path.read_text(encoding="utf-8")
    if BEGIN_MARK not in page or END_MARK not in page:
        raise ToolError(
            f"{page_path} is there without the marks {BEGIN_MARK} and {END_MARK}; put them where "
            "the table belongs, or give another --out"
        )
    begin, end = page.index(BEGIN_MARK), page.index(END_MARK) + len(END_MARK)
    return page[:begin] + comparison + page[end:]
