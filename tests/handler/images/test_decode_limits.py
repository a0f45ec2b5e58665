"""Too large a picture is refused before it takes memory; others take memory by their pixels."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.problems import TooManyPixels, Undecodable
from tests.support.image_files import HEIC, encode, exif, photo, png, read, tiff
from tests.support.paths import ROOT, SHARED_DATA


def test_the_limit_is_the_last_size_accepted() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        image_bytes = encode(photo(), kind)
        assert read(image_bytes, max_pixels=64 * 48).rgb.shape == (48, 64, 3)
        with pytest.raises(TooManyPixels, match="64 x 48 px"):
            read(image_bytes, max_pixels=64 * 48 - 1)
    with pytest.raises(TooManyPixels, match="48 x 64 px"):
        read(HEIC, max_pixels=64 * 48 - 1)


def huge_jpeg() -> bytes:
    image_bytes = bytearray(encode(photo(), "JPEG", progressive=True))
    at = image_bytes.index(b"\xff\xc2")
    image_bytes[at + 5 : at + 9] = struct.pack(">HH", 20_000, 20_000)
    return bytes(image_bytes)


def huge_heic() -> bytes:
    return HEIC.replace(
        b"ispe" + struct.pack(">III", 0, 64, 64), b"ispe" + struct.pack(">III", 0, 20_000, 20_000)
    ).replace(b"clap", b"free")


ZEROS = zlib.compress(bytes(8_000 * 8_000), 1)
BOMBS = {
    "PNG": (png(20_000, 20_000, pixels=ZEROS), TooManyPixels),
    "JPEG": (huge_jpeg(), TooManyPixels),
    "BMP": (
        b"BM" + struct.pack("<IIIIiiHH6I", 0, 0, 54, 40, 20_000, 20_000, 1, 24, *[0] * 6),
        TooManyPixels,
    ),
    "WebP, extended": (
        b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x1f\x4e\0\x1f\x4e\0" + bytes(200),
        TooManyPixels,
    ),
    "WebP, lossless": (
        b"RIFF\xff\0\0\0WEBPVP8L\xf0\0\0\0\x2f\xff\xff\xff\x0f" + bytes(200),
        TooManyPixels,
    ),
    "WebP, lossy": (
        b"RIFF\xff\0\0\0WEBPVP8 \xf0\0\0\0\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(200),
        TooManyPixels,
    ),
    "HEIC": (huge_heic(), TooManyPixels),
    "TIFF": (tiff({256: 20_000, 257: 20_000, 258: 8, 262: 1, 277: 1, 279: 9}), TooManyPixels),
    "TIFF, a small picture in a large tile": (
        tiff(
            {256: 64, 257: 64, 258: 8, 259: 8, 262: 1, 277: 1, 322: 8_000, 323: 8_000}
            | {325: len(ZEROS)},
            ZEROS,
            324,
        ),
        TooManyPixels,
    ),
    "TIFF, 2,000 tags of the same 4 MB": (
        tiff({256: 64, 257: 64})[:8]
        + struct.pack("<H", 2_000)
        + b"".join(struct.pack("<HHII", 40_000 + i, 1, 4_000_000, 9) for i in range(2_000))
        + bytes(4_100_000),
        Undecodable,
    ),
    "PNG, text that unpacks to 300 MB": (
        png(8, 8, chunks=[(b"zTXt", b"a\0\0" + ZEROS)] * 5),
        Undecodable,
    ),
    "PNG, a colour profile that unpacks to 64 MB": (
        png(8, 8, chunks=[(b"iCCP", b"a\0\0" + ZEROS)]),
        Undecodable,
    ),
}  # fmt: skip


SIDES = {
    "PNG, 1 wide": png(1, 64_000_000, pixels=zlib.compress(bytes(4 * 65_536), 9)),
    "PNG, 1 high": png(64_000_000, 1, pixels=zlib.compress(bytes(1 << 20), 9)),
    "BMP, 1 wide": (
        b"BM" + struct.pack("<IIIIiiHH6I", 0, 0, 62, 40, 1, 64_000_000, 1, 1, *[0] * 6) + bytes(8)
    ),
    "BMP, 1 high": (
        b"BM" + struct.pack("<IIIIiiHH6I", 0, 0, 62, 40, 64_000_000, 1, 1, 1, *[0] * 6) + bytes(8)
    ),
}


def peak_of(image_bytes: bytes, tmp_path: Path, max_pixels: int) -> tuple[str, float]:
    """What decoding comes to in a process of its own, and by how many MB its memory grew."""
    program = """
import re, sys
from pathlib import Path
from handler.images import decode, heif
from PIL import BmpImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000
image_bytes, before = Path(sys.argv[1]).read_bytes(), peak()
try:
    outcome = str(decode.decode(image_bytes, max_pixels=int(sys.argv[2])).rgb.shape)
except Exception as error:
    outcome = type(error).__name__
print(outcome, peak() - before, sep=";")
"""
    path = tmp_path / "picture"
    path.write_bytes(image_bytes)
    command = [sys.executable, "-c", program, str(path), str(max_pixels)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    outcome, grown = ran.stdout.split(";")
    return outcome, float(grown)


@pytest.mark.needs_linux
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(name: str, tmp_path: Path) -> None:
    image_bytes, problem = BOMBS[name]
    outcome, grown_mb = peak_of(image_bytes, tmp_path, 1_000_000)
    assert outcome == problem.__name__
    assert grown_mb < 20


@pytest.mark.needs_linux
@pytest.mark.parametrize("name", SIDES)
def test_a_side_is_bounded_as_the_area_is(name: str, tmp_path: Path) -> None:
    outcome, grown_mb = peak_of(SIDES[name], tmp_path, 64_000_000)
    assert outcome == "TooManyPixels"
    assert grown_mb < 20


@pytest.mark.needs_linux
@pytest.mark.needs_shared_data
@pytest.mark.parametrize("name", ["png-1x64M-l-or3.png", "bmp-rle-eol.bmp"])
def test_the_odd_inputs_of_long_sides_are_refused(name: str, tmp_path: Path) -> None:
    image_bytes = (SHARED_DATA / "odd_inputs" / name).read_bytes()
    outcome, grown_mb = peak_of(image_bytes, tmp_path, 64_000_000)
    assert outcome == "TooManyPixels"
    assert grown_mb < 20


@pytest.mark.parametrize(("width", "height"), [(65_535, 1), (1, 65_535)])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_the_longest_side_is_accepted(kind: str, width: int, height: int) -> None:
    image_bytes = encode(np.full((height, width, 3), 90, np.uint8), kind)
    assert read(image_bytes).rgb.shape == (height, width, 3)
    longer = encode(np.full((height + (height > 1), width + (width > 1), 3), 90, np.uint8), kind)
    with pytest.raises(TooManyPixels, match="at most 65535 are accepted on a side"):
        read(longer)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "HEIF"])
def test_decoding_is_given_up_when_its_time_is_over(kind: str) -> None:
    image_bytes = HEIC if kind == "HEIF" else encode(photo(), kind)
    with pytest.raises(Undecodable, match=r"took more than|takes too long to decode"):
        read(image_bytes, timeout_s=-1)


@pytest.mark.needs_linux
@pytest.mark.parametrize(
    ("kind", "options", "bytes_per_px"),
    [
        ("PNG", {}, 9),
        ("JPEG", {"progressive": True, "subsampling": 0}, 12),
        ("JPEG", {"exif": exif(6)}, 10),
        ("TIFF", {"compression": "tiff_lzw"}, 9),
        ("WEBP", {}, 16),
    ],
)
def test_an_accepted_picture_takes_memory_by_its_pixels(
    kind: str, options: dict[str, Any], bytes_per_px: int, tmp_path: Path
) -> None:
    image_bytes = encode(photo(4000, 3000), kind, **options)
    outcome, grown_mb = peak_of(image_bytes, tmp_path, 12_000_000)
    assert outcome in ("(3000, 4000, 3)", "(4000, 3000, 3)")
    assert grown_mb < 12 * bytes_per_px + 10


def test_a_tile_may_be_larger_than_its_picture() -> None:
    pixels = zlib.compress(bytes([50]) * 256 * 256)
    tags = {256: 64, 257: 48, 258: 8, 259: 8, 262: 1, 277: 1, 322: 256, 323: 256, 325: len(pixels)}
    assert np.all(read(tiff(tags, pixels, 324)).rgb == np.full((48, 64, 3), 50))
    with pytest.raises(TooManyPixels, match="a tile of the picture is 256 x 256 px"):
        read(tiff(tags, pixels, 324), max_pixels=64 * 48)
