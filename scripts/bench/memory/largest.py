"""The largest accepted picture of every format, each in an environment of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from handler.settings import Settings
from scripts.bench.memory.function import MEMORY_SIZE_MB, FunctionProcess, Taken
from scripts.bench.memory.pictures import PICTURES, side_of
from scripts.local.http_event import HttpRequest, to_http_api
from scripts.local.invoke import MAX_PAYLOAD_BYTES
from scripts.paths import SAMPLE
from scripts.tool import ToolError

MAX_PIXELS = Settings.from_env({}).max_image_pixels
TILED = "?tiles=2x2"


@dataclass(frozen=True)
class Largest:
    """What a picture took. name: of its kind. pixels: its number of them. settled: MB in memory
    before it. plain: for JSON. dear: for an annotated picture, detected in tiles."""

    name: str
    pixels: int
    settled: float
    plain: Taken
    dear: Taken

    @property
    def peak(self) -> float:
        """MB of the whole environment."""
        return max(self.plain.total, self.dear.total)

    @property
    def is_answered(self) -> bool:
        return self.plain.status == self.dear.status == 200

    @property
    def share(self) -> float:
        """Of the function's memory."""
        return self.peak / MEMORY_SIZE_MB

    @property
    def bytes_per_pixel(self) -> float:
        return (self.peak - self.settled) * (1 << 20) / self.pixels


def measure_largest(
    names: Iterable[str] = tuple(PICTURES), pixels: int = MAX_PIXELS
) -> list[Largest]:
    """Measure pictures of so many pixels, or of the limit of their format. Raises ToolError for one
    that does not fit into a request."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in tqdm(list(names), "formats", disable=None):
            rows.append(_measure(name, pixels, Path(folder)))
    return rows


def _measure(name: str, pixels: int, folder: Path) -> Largest:
    side = side_of(name, pixels)
    image_bytes = PICTURES[name](side)
    plain = _write(folder / "plain.json", image_bytes, "", "application/json")
    dear = _write(folder / "dear.json", image_bytes, TILED, "image/png")
    first = _write(folder / "first.json", SAMPLE.read_bytes(), TILED, "image/png")
    log = folder / "log"
    with FunctionProcess(log, ORT_THREADS="1") as function:
        settled = function.send(first).resident
        return Largest(name, side * side, settled, function.send(plain), function.send(dear))


def _write(path: Path, image_bytes: bytes, query: str, accept: str) -> Path:
    """Raises ToolError for a picture that is too large for a request."""
    headers = [("Content-Type", "application/octet-stream"), ("Accept", accept)]
    request = HttpRequest("POST", f"/v1/detect{query}", headers, image_bytes)
    event = json.dumps(to_http_api(request))
    if len(event) > MAX_PAYLOAD_BYTES:
        raise ToolError(f"an event of {len(event):,} bytes is too large for Lambda")
    path.write_text(event)
    return path
