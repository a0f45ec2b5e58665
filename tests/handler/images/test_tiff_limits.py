"""A TIFF's counts are bounded before anything loops over them, and its memory by its pixels."""

from __future__ import annotations

import itertools
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from handler.images.tiff import directory, layout, segments
from handler.problems import TooManyPixels, Undecodable
from tests.handler.images.test_decode_limits import peak_of
from tests.handler.images.test_tiff import COLOURS, LAYOUTS, make_samples, write
from tests.support.image_files import encode, photo, read
from tests.support.tiff_files import write_tiff

GREY = {258: 8, 262: 1}


def of_one_piece(
    tags: dict[int, Any], piece: bytes, count: int, stated_bytes: int | None = None
) -> bytes:
    """A file whose strips or tiles are all the same one."""
    start, length = (324, 325) if 322 in tags else (273, 279)
    places = {start: [8] * count, length: [stated_bytes or len(piece)] * count}
    return write_tiff(GREY | tags | places, [piece])


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({256: 40, 257: 65_535, 278: 1, 277: 3, 258: [8] * 3, 262: 2, 284: 2}, "in 196605 strips"),
        ({256: 6400, 257: 6400, 322: 16, 323: 16}, "in 160000 strips or tiles; at most 131072"),
        (
            {256: 6400, 257: 6400, 322: 64, 323: 64, 259: 7},
            "in 10000 strips or tiles; at most 8192",
        ),
    ],
)
def test_the_number_of_strips_and_tiles_is_bounded(tags: dict[int, Any], words: str) -> None:
    image_bytes = of_one_piece(tags, bytes(4096), 200_000)
    with pytest.raises(Undecodable, match=words):
        read(image_bytes, max_pixels=64_000_000)


def test_the_last_number_of_strips_is_read_and_offsets_beyond_them_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layout, "MAX_SEGMENTS", 48)
    tags = {256: 64, 257: 48, 278: 1}
    assert read(of_one_piece(tags, bytes(64), 48)).rgb.shape == (48, 64, 3)
    with pytest.raises(Undecodable, match="damaged in its tag 273"):
        read(of_one_piece(tags, bytes(64), 97))
    monkeypatch.setattr(layout, "MAX_SEGMENTS", 47)
    with pytest.raises(Undecodable, match="in 48 strips"):
        read(of_one_piece(tags, bytes(64), 48))


def test_millions_of_strips_are_refused_by_the_side() -> None:
    image_bytes = of_one_piece({256: 1, 257: 2_200_000, 278: 1}, bytes(16), 100_000)
    with pytest.raises(TooManyPixels, match="2200000 px; at most 65535 are accepted on a side"):
        read(image_bytes, max_pixels=64_000_000)


def test_strips_that_are_longer_than_the_file_are_not_copied_again_and_again() -> None:
    piece = zlib.compress(bytes(64)) + bytes(100_000)
    tags = {256: 64, 257: 1000, 278: 1, 259: 8}
    with pytest.raises(Undecodable, match="longer than it is"):
        read(of_one_piece(tags, piece, 1000))
    # Equal strips that are stored once are fine.
    assert read(of_one_piece(tags, zlib.compress(bytes(64)), 1000)).rgb.max() == 0


def test_a_small_picture_in_a_large_grid_of_tiles_is_refused() -> None:
    tags = {256: 60_000, 257: 10, 322: 16, 323: 16_000}
    with pytest.raises(TooManyPixels, match="its tiles of 16 x 16000 px hold"):
        read(of_one_piece(tags, bytes(16), 3750))


def test_directories_are_bounded() -> None:
    entry = struct.pack("<HHII", 256, 4, 1, 10)
    one = struct.pack("<H", 1) + entry
    chain = b"".join(one + struct.pack("<I", 8 + 18 * (n + 1)) for n in range(2_000))
    directories = directory.read_directories(b"II*\0" + struct.pack("<I", 8) + chain)
    assert len(directories.pages) == directory.MAX_DIRECTORIES
    assert directories.more
    circle = one + struct.pack("<I", 8)
    assert len(directory.read_directories(b"II*\0" + struct.pack("<I", 8) + circle).pages) == 1
    crowd = struct.pack("<H", 1_025) + entry * 1_025 + bytes(4)
    with pytest.raises(Undecodable, match="a directory of 1025 tags; at most 1024"):
        directory.read_directories(b"II*\0" + struct.pack("<I", 8) + crowd)


@pytest.mark.parametrize(
    "entry",
    [
        struct.pack("<HHII", 322, 4, 2, 8),
        struct.pack("<HHII", 322, 2, 1, 8),  # text
        struct.pack("<HHII", 322, 4, 1, 16) * 2,
    ],
)
def test_a_tag_of_another_type_or_there_twice_is_damage(entry: bytes) -> None:
    size = struct.pack("<HHIIHHII", 256, 4, 1, 16, 257, 4, 1, 16)
    count = 2 + len(entry) // 12
    image_bytes = b"II*\0" + struct.pack("<IH", 8, count) + size + entry + bytes(100)
    with pytest.raises(Undecodable, match="damaged in its tag 322"):
        read(image_bytes)


def test_a_strip_too_large_to_be_decompressed_at_once_is_refused() -> None:
    samples = np.zeros((100, 100, 4), np.uint16)
    image_bytes = write(
        samples,
        photometric="rgb",
        extrasamples=["unassalpha"],
        compression="zlib",
        rowsperstrip=100,
    )
    with pytest.raises(TooManyPixels, match="too much to be decompressed at once"):
        read(image_bytes, max_pixels=10_000)
    assert read(image_bytes, max_pixels=20_000).rgb.shape == (100, 100, 3)


@pytest.mark.parametrize("compression", ["none", "adobe_deflate", "jpeg"])
def test_bands_of_any_size_give_the_same_pixels(
    compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ["black is zero", "RGB"] if compression == "jpeg" else COLOURS
    for colours, name, planar in itertools.product(kinds, LAYOUTS, (False, True)):
        samples = make_samples(colours, np.uint8 if compression == "jpeg" else np.uint16)
        if samples.shape[2] == 1 and planar:
            continue
        options = {**LAYOUTS[name], **COLOURS[colours], "compression": compression}
        if compression == "jpeg" and name == "strips":
            options["rowsperstrip"] = 8
        image_bytes = write(samples, planar, **options)
        expected = read(image_bytes).rgb
        for band, copy, grey in ((200, 1, 1 << 27), (1, 1, 1 << 27), (900, 1 << 25, 1), (1, 1, 1)):
            with monkeypatch.context() as patch:
                patch.setattr(segments, "_BAND_SAMPLES", band)
                patch.setattr(segments, "_MAX_COPY_BYTES", copy)
                if grey > 1 or (colours.startswith("RGB") and samples.shape[2] == 4):
                    patch.setattr(segments, "MAX_GREY_BYTES", grey)
                assert np.array_equal(read(image_bytes).rgb, expected), (colours, name, band)


def test_jpegs_of_more_rows_or_scans_than_the_picture_needs_are_refused() -> None:
    tags = {256: 64, 257: 48, 278: 8, 259: 7}
    grey = photo().convert("L")
    strip = encode(grey.resize((64, 8)), "JPEG")
    assert read(of_one_piece(tags, strip, 6)).rgb.shape == (48, 64, 3)
    with pytest.raises(Undecodable, match="of another size"):
        read(of_one_piece(tags, encode(grey.resize((64, 9)), "JPEG"), 6))
    scans = encode(grey, "JPEG", progressive=True)
    assert read(of_one_piece(tags | {278: 48}, scans, 1)).rgb.shape == (48, 64, 3)
    at = scans.rindex(b"\xff\xda")
    with pytest.raises(Undecodable, match="scans; at most 64"):
        read(of_one_piece(tags | {278: 48}, scans[:-2] + scans[at:-2] * 100 + scans[-2:], 1))


def test_decoding_is_given_up_at_its_deadline() -> None:
    image_bytes = write(np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    with pytest.raises(Undecodable, match="takes too long to decode"):
        read(image_bytes, timeout_s=-1.0)


@pytest.mark.needs_linux
@pytest.mark.parametrize(
    ("dtype", "options", "bytes_per_px"),
    [
        (np.uint8, {}, 4),
        (np.uint16, {"planarconfig": "separate"}, 5),
        (np.uint16, {"compression": "lzw", "rowsperstrip": 3000}, 15),
        (np.uint16, {"dim": True}, 11),  # 12 bits are known once all values were seen
        (np.uint8, {"compression": "zlib", "rowsperstrip": 3000}, 8),
        (np.uint8, {"compression": "zstd", "tile": (256, 256)}, 5),
        (np.uint8, {"compression": "jpeg", "rowsperstrip": 3000}, 12),
    ],
)
def test_memory_follows_from_the_pixels(
    dtype: type, options: dict[str, Any], bytes_per_px: int, tmp_path: Path
) -> None:
    samples = np.asarray(photo(4000, 3000)).astype(dtype)
    if dtype == np.uint16:
        samples = samples * 16 if options.pop("dim", False) else samples * 257
    if "planarconfig" in options:
        samples = np.moveaxis(samples, 2, 0).copy()
    path = tmp_path / "written.tif"
    tifffile.imwrite(path, samples, photometric="rgb", metadata=None, **options)
    outcome, grown_mb = peak_of(path.read_bytes(), tmp_path, 18_000_000)
    assert outcome == "(3000, 4000, 3)"
    assert grown_mb < 12 * bytes_per_px + 10
