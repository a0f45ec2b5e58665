"""Memory of a decoded picture is bounded by its pixels, as handler/images/decode.py says."""

from __future__ import annotations

import pytest

from handler.images.decode import MAX_WEBP_PIXELS
from scripts.bench.memory.function import MEMORY_SIZE_MB
from scripts.bench.memory.largest import MAX_PIXELS, measure_largest
from scripts.bench.memory.pictures import PICTURES, side_of
from scripts.bench.memory.report import format_largest
from tests.support.paths import ROOT

PIXELS = 3_000_000
FIXED_MB = 12.0  # what detection, tiles and an annotated picture take whatever the size
DEAREST = (
    "JPEG, progressive, CMYK",
    "PNG, palette with transparency",
    "WebP, lossless, alpha",
    "TIFF, 12 of 16 bits, 8 samples",
    "TIFF, planes of 16 bits, tiles",
    "HEIC",
)


@pytest.mark.needs_linux
@pytest.mark.parametrize("name", DEAREST)
def test_memory_is_within_the_bytes_per_pixel_that_are_said(name: str) -> None:
    [row] = measure_largest([name], PIXELS)
    assert row.is_answered
    most = 16 if name.startswith("WebP") else 12
    fixed_mb = FIXED_MB + (26 if name == "HEIC" else 0)  # its decoder's process
    assert row.peak - row.settled < fixed_mb + most * row.pixels / (1 << 20)
    assert f"| {name} | 3 |" in format_largest([row])


def test_every_format_is_measured_at_its_limit() -> None:
    formats = {name.partition(",")[0] for name in PICTURES}
    assert formats == {"JPEG", "PNG", "WebP", "TIFF", "BMP", "HEIC"}
    assert side_of("PNG", MAX_PIXELS) ** 2 == MAX_PIXELS == 64_000_000
    assert side_of("WebP, alpha", MAX_PIXELS) ** 2 <= MAX_WEBP_PIXELS


def test_the_memory_is_the_templates() -> None:
    assert f"MemorySize: {MEMORY_SIZE_MB} " in (ROOT / "template.yaml").read_text()
