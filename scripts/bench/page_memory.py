"""Measure the page's memory over a batch of large pictures, in Chromium.

    scripts/run page_memory
    scripts/run page_memory --pictures 100 --keep-all

Many files of one generated 12-megapixel JPEG go through the page: each is opened, made a thumb of,
scaled or sent as it is, and kept in the browser's storage. The API answers at once, with what it
found on the first. Printed are the heap of the page's script, its elements, and the resident
memory of the processes of Chromium: before, at the peak, and after. --keep-all takes away what
frees the pictures that are not on the stage, to show what it frees.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scripts.bench.chromium import opened_page
from scripts.tool import exit_on_error

WIDTH, HEIGHT = 4000, 3000
ADD = """async n => {
  const picture = await (await fetch('large.jpg')).blob();
  add(Array.from({length: n}, (_, i) => new File([picture], `${i + 1}.jpg`, {type: 'image/jpeg'})));
}"""
LEFT = "() => items.filter(item => item.state === 'waiting' || item.state === 'working').length"
WHOLE = "() => items.filter(item => item.url || item.image).length"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/run page_memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pictures", type=int, default=300, help="(%(default)s)")
    parser.add_argument("--keep-all", action="store_true", help="free nothing, to compare")
    options = parser.parse_args(argv)
    with exit_on_error("page_memory"), tempfile.TemporaryDirectory() as folder:
        print("\n".join(measure(options.pictures, options.keep_all, Path(folder))))
    return 0


def measure(pictures: int, keeps_all: bool, folder: Path) -> list[str]:
    """A table of what was measured, a row a line. Raises ToolError without Chromium."""
    with opened_page(folder) as (page, url):
        return _measure(page, url, pictures, keeps_all)


def _measure(page: Any, url: str, pictures: int, keeps_all: bool) -> list[str]:
    jpeg = make_jpeg()
    page.route("**/large.jpg", lambda route: route.fulfill(body=jpeg, content_type="image/jpeg"))
    page.goto(url)
    if keeps_all:
        page.evaluate("() => { letGo = () => {}; }")
    answers: list[Any] = []

    def answer(route: Any) -> None:
        if not answers:
            answers.append(route.fetch().json())
        route.fulfill(body=json.dumps(answers[0]), content_type="application/json")

    page.route("**/v1/detect*", answer)
    page.evaluate(ADD, 1)
    _finish(page, [])
    before = _state(page)
    peaks: list[dict[str, float]] = []
    started = time.monotonic()
    page.evaluate(ADD, pictures)
    _finish(page, peaks)
    seconds = time.monotonic() - started
    after = _state(page)
    peak = {name: max(each.get(name, 0.0) for each in peaks) for name in after}
    lines = [f"{pictures} pictures of {WIDTH} x {HEIGHT} px, {len(jpeg) / 1e6:.1f} MB each, in "
             f"{seconds:.0f} s; {page.evaluate(WHOLE)} at full size in the end"]  # fmt: skip
    lines.append(f"{'':24}{'before':>10}{'peak':>10}{'after':>10}")
    for name, value in after.items():
        lines.append(f"{name:24}{before.get(name, 0):10.0f}{peak[name]:10.0f}{value:10.0f}")
    return lines


def _finish(page: Any, seen: list[dict[str, float]]) -> None:
    """Waits until nothing is left to count, and notes the memory on the way."""
    while page.evaluate(LEFT):
        page.wait_for_timeout(500)
        seen.append(_state(page, collects=False))
    page.evaluate("settled()")


def _state(page: Any, *, collects: bool = True) -> dict[str, float]:
    """MB of heap and processes, and the number of elements. collects: garbage, first."""
    wire = page.context.new_cdp_session(page)
    if collects:
        wire.send("HeapProfiler.collectGarbage")
    wire.send("Performance.enable")
    metrics = {
        each["name"]: each["value"] for each in wire.send("Performance.getMetrics")["metrics"]
    }
    wire.detach()
    state = {"script's heap, MB": metrics["JSHeapUsedSize"] / 1e6, "elements": metrics["Nodes"]}
    memory: dict[str, float] = defaultdict(float)
    for process_id, kind in _processes(page.context.browser.new_browser_cdp_session()):
        memory[f"{kind}, MB"] += _resident(process_id)
    return state | dict(sorted(memory.items()))


def _processes(wire: Any) -> list[tuple[int, str]]:
    found = wire.send("SystemInfo.getProcessInfo")["processInfo"]
    wire.detach()
    return [(each["id"], each["type"]) for each in found]


def _resident(process_id: int) -> float:
    """MB that are resident; 0 of a process that has ended."""
    try:
        text = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in text.splitlines() if line.startswith("VmRSS")]
    return int(lines[0].split()[1]) * 1024 / 1e6 if lines else 0.0


def make_jpeg() -> bytes:
    """A JPEG of 12 megapixels: shapes as of a blurred photo, and a little grain."""
    dice = np.random.default_rng(7)
    coarse = dice.integers(60, 200, (HEIGHT // 100, WIDTH // 100, 3), np.uint8)
    shapes = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    grain = dice.integers(-6, 7, (HEIGHT, WIDTH, 1), np.int16)
    stream = io.BytesIO()
    pixels = np.clip(np.asarray(shapes).astype(np.int16) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=85)
    return stream.getvalue()


if __name__ == "__main__":
    sys.exit(main())
