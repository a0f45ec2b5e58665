"""What the benches write their pages with: marked blocks, and plots whose bytes stay the same."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handler.storage.location import write_atomically
from scripts.tool import ToolError

PAGE_WIDTH = 128


def write_block(path: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- NAME -->` and `<!-- /NAME -->`. Raises ToolError for a page
    without the one block."""
    page = path.read_text()
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if page.count(opening) != 1 or page.count(closing) != 1:
        raise ToolError(f"{path} must have one block {opening.strip()} … {closing}")
    before, _, rest = page.partition(opening)
    after = rest.partition(closing)[2]
    write_atomically(path, f"{before}{opening}{text}\n{closing}{after}".encode())


def wrap(text: str) -> str:
    """A paragraph in lines as long as the pages have them."""
    return textwrap.fill(text, PAGE_WIDTH, break_long_words=False, break_on_hyphens=False)


@contextmanager
def drawing() -> Iterator[Any]:
    """matplotlib's pyplot, without a display. The same figures give the same SVG."""
    import matplotlib

    matplotlib.use("Agg")
    # hashsalt: else ids in the SVG are random
    with matplotlib.rc_context({"svg.hashsalt": "icebox"}):
        from matplotlib import pyplot

        try:
            yield pyplot
        finally:
            pyplot.close("all")


def to_svg(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "scripts.bench"})
    # matplotlib ends lines of path data in a blank
    lines = buffer.getvalue().decode().splitlines()
    return ("\n".join(line.rstrip() for line in lines) + "\n").encode()
