"""Measure what sending a picture otherwise than as it is does to its count, in Chromium.

    scripts/run sending ../shared/data/microalgae/labeled ../shared/data/microalgae/unlabeled

The browser encodes each photo anew in several ways, as the page could, and the API counts what it
gets. A row is one way: how many photos have the same count as the original, by how many objects
the counts differ, and the bytes. `halves` are as the page's "Save data": halved as long as the
model gets twice its input.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.chromium import opened_page
from scripts.tool import ToolError, exit_on_error

# Name, px of the longer side, type, quality. 0 px: the file itself; "halves": as said above.
WAYS: list[tuple[str, int | str, str, float]] = [
    ("original", 0, "", 0),
    ("2x input, 0.92", 1280, "image/jpeg", 0.92),
    ("2x input, 0.98", 1280, "image/jpeg", 0.98),
    ("2x input, WebP 0.95", 1280, "image/webp", 0.95),
    ("halves, 0.92", "halves", "image/jpeg", 0.92),
    ("3x input, 0.90", 1920, "image/jpeg", 0.9),
    ("4x input, 0.90", 2560, "image/jpeg", 0.9),
    ("all px, 0.92", 99999, "image/jpeg", 0.92),
    ("all px, 0.80", 99999, "image/jpeg", 0.8),
    ("all px, 0.60", 99999, "image/jpeg", 0.6),
    ("0.7 of the side, 0.85", 1956, "image/jpeg", 0.85),
]
COUNT = """async ([text, ways]) => {
  await loadModel();
  const file = new Blob([Uint8Array.from(atob(text), (each) => each.charCodeAt(0))]);
  const image = new Image();
  image.src = URL.createObjectURL(file);
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image, made = {};
  for (const [name, side, type, quality] of ways) {
    const isHalved = side === "halves", px = isHalved ? savingSide({ width, height }) : side;
    const body = !side ? file : await blobOf(draw(image, width, height, px, isHalved ? "medium" : "high"), type, quality);
    const answer = await (await fetch("v1/detect?max_detections=1000", { method: "POST", body })).json();
    made[name] = [answer.count, body.size];
  }
  return made;
}"""  # noqa: E501


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/run sending",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="+", type=Path, help="with JPEGs")
    options = parser.parse_args(argv)
    with exit_on_error("sending"):
        photos = [path for folder in options.folders for path in sorted(folder.glob("*.jpg"))]
        if not photos:
            raise ToolError("there are no *.jpg in these folders")
        with tempfile.TemporaryDirectory() as folder:
            print("\n".join(table(measure(photos, Path(folder)))))
    return 0


def measure(photos: Sequence[Path], folder: Path) -> list[dict[str, tuple[int, int]]]:
    """For each photo count and bytes of each way. Raises ToolError without Chromium."""
    with opened_page(folder) as (page, url):
        page.goto(url)
        texts = (base64.b64encode(path.read_bytes()).decode() for path in photos)
        return [page.evaluate(COUNT, [text, WAYS]) for text in texts]


def table(photos: Sequence[dict[str, tuple[int, int]]]) -> list[str]:
    """A line for each way."""
    lines = [f"{'sent':24}{'same count':>12}{'mean off':>10}{'most off':>10}{'kB':>8}"]
    for name, *_ in WAYS:
        off = [abs(photo[name][0] - photo["original"][0]) for photo in photos]
        kilobytes = statistics.mean(photo[name][1] for photo in photos) / 1e3
        same = f"{off.count(0)} of {len(off)}"
        lines.append(f"{name:24}{same:>12}{statistics.mean(off):>10.2f}{max(off):>10}"
                     f"{kilobytes:>8.0f}")  # fmt: skip
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
