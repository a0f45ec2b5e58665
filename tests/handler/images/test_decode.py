"""Untrusted bytes to pixels: every kind right, every bad one a problem, memory within bounds."""

from __future__ import annotations

import base64
import functools
import io
import json
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from handler.images import decode, heif, sniff
from handler.images.decode import Picture
from handler.problems import Problem, TooManyPixels, Undecodable, UnsupportedImage
from tests.support.paths import ROOT

WHITE = [255, 255, 255]
# 64 x 48 px, left half red, right half blue, to be turned by EXIF orientation 6, as its container
# says too. Made with pillow-heif 1.8.1; the handler's pi-heif only reads.
HEIC = base64.b64decode("""
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA
AAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAAFAAAgAAAAACPAABAAAAAAAAACQAAAA4aWluZgAAAAAA
AgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADm
aXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAq
QgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQAN
AAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBp
eGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEA
AQAAAHxtZGF0AAAATCgBrxOA+BDhp//7QKP/4BM8Pye9Jif/4UcEf1C8P/yavDu724Iw2Odqg8D72Q5sFrPcJlNzLuZg
Q94nsb48Udt6v1rrT+ZKCzzkU4AAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=
""")
CRASHING_HEIC = HEIC.replace(b"Exif", b"\xdaxif", 1)  # kills pi-heif 1.4.0 with SIGSEGV


def read(data: bytes, **options: Any) -> Picture:
    return decode.decode(data, **{"max_pixels": 1_000_000, **options})


def encoded(picture: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@functools.cache
def photo(width: int = 64, height: int = 48) -> Image.Image:
    """A smooth picture, with no two corners alike."""
    corners = np.array([[[230, 40, 30], [30, 200, 60]], [[40, 60, 220], [220, 210, 90]]], np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def png(
    width: int, height: int, *, data: bytes = b"", chunks: Sequence[tuple[bytes, bytes]] = ()
) -> bytes:
    """An RGB PNG that claims a size; its pixels need not be there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    others = b"".join(chunk(*one) for one in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + others + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(tags: dict[int, int], data: bytes = b"", data_tag: int = 273) -> bytes:
    """A little-endian TIFF of LONG tags; `data_tag` points at the data behind them."""
    tags = dict(sorted((tags | {data_tag: 8 + 2 + 12 * (len(tags) + 1) + 4}).items()))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


# What is no picture, or none that is read.


def test_nothing_is_no_picture() -> None:
    with pytest.raises(UnsupportedImage, match="the body is empty"):
        read(b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello, world", "text"),
        ("grüße aus köln".encode(), "text"),
        (b"/9j/4AAQSkZJRgABAQ==", "text"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->\n<SVG/>', "an SVG drawing"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\0\0\0\x20ftypisom" + bytes(64), "a video"),
        (b"\0\0\0\x14ftypqt  " + bytes(64), "a video"),
        (b"\x1a\x45\xdf\xa3" + bytes(64), "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a sound"),
        (b"\0\0\0\x20ftypavif" + bytes(64), "an AVIF picture"),
        (encoded(photo(), "GIF"), "a GIF"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04" + bytes(30), "a ZIP archive"),
        (b"\xff", "ff"),
        (b"\xff\xd8", "ff d8"),
        (b"\x89PNG", "89 50 4e 47"),
        (bytes(100), "00 00 00 00 00 00 00 00"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedImage) as raised:
        read(data)
    assert "expected JPEG, PNG, WebP, TIFF, BMP or HEIC" in raised.value.detail
    assert words in raised.value.detail


# Formats.


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "packbits"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_formats_give_their_exact_pixels(kind: str, options: dict[str, Any]) -> None:
    picture = read(encoded(photo(), kind, **options))
    assert (picture.format, picture.width, picture.height) == (kind, 64, 48)
    assert picture.orientation == 1
    assert (picture.rgb.dtype, picture.rgb.flags.c_contiguous) == (np.uint8, True)
    assert np.array_equal(picture.rgb, np.asarray(photo()))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("WEBP", {"quality": 95}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
    ],
)
def test_lossy_formats_come_close(kind: str, options: dict[str, Any]) -> None:
    picture = read(encoded(photo(), kind, **options))
    assert picture.format == kind
    assert np.abs(picture.rgb.astype(int) - np.asarray(photo())).mean() < 3


def test_heic_is_turned_once_as_its_container_says() -> None:
    picture = read(HEIC)
    assert (picture.format, picture.width, picture.height) == ("HEIF", 48, 64)
    assert (picture.rgb.shape, picture.orientation) == ((64, 48, 3), 6)
    assert picture.rgb[5, 24].tolist() == pytest.approx([220, 30, 30], abs=12)  # left is on top
    assert picture.rgb[58, 24].tolist() == pytest.approx([30, 30, 220], abs=12)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "JPEG", "WEBP"])
def test_one_pixel_is_a_picture(kind: str) -> None:
    picture = read(encoded(np.full((1, 1, 3), 200, np.uint8), kind))
    assert (picture.width, picture.height, picture.rgb.shape) == (1, 1, (1, 1, 3))
    assert picture.rgb.ravel().tolist() == pytest.approx([200] * 3, abs=3)


@pytest.mark.parametrize(("width", "height"), [(20_000, 1), (1, 20_000)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_line_is_a_picture(kind: str, width: int, height: int) -> None:
    data = encoded(np.full((height, width, 3), 90, np.uint8), kind)
    picture = read(data, min_frame=(1280, 1280))
    assert (picture.width, picture.height) == (width, height)


def test_only_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert read(data).rgb[4, 4].tolist() == [255, 0, 0]


# Modes.


def test_grey_palette_and_one_bit_pictures_are_as_they_look() -> None:
    grey = photo().convert("L")
    as_rgb = np.asarray(grey.convert("RGB"))
    assert np.array_equal(read(encoded(grey, "PNG")).rgb, as_rgb)
    assert np.array_equal(read(encoded(grey, "TIFF")).rgb, as_rgb)
    for kind in ("PNG", "BMP", "TIFF"):
        palette = photo().quantize(16)
        assert np.array_equal(read(encoded(palette, kind)).rgb, np.asarray(palette.convert("RGB")))
        one_bit = grey.convert("1")
        assert np.array_equal(read(encoded(one_bit, kind)).rgb, np.asarray(one_bit.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 128, 129, 257], [32768, 65000, 65406, 65535]], np.uint16)
    picture = read(encoded(values, kind))
    assert picture.rgb[..., 0].tolist() == [[0, 0, 1, 1], [128, 253, 254, 255]]
    assert np.ptp(picture.rgb, axis=2).max() == 0


def test_32_bit_grey_is_read_as_far_as_it_holds_16() -> None:
    assert read(encoded(np.array([[0, 65535]], np.int32), "TIFF")).rgb[0, :, 0].tolist() == [0, 255]
    for beyond in (-1, 65536):
        with pytest.raises(Undecodable, match="beyond 16 bits"):
            read(encoded(np.array([[0, beyond]], np.int32), "TIFF"))


def test_floating_point_pixels_have_no_plain_meaning() -> None:
    with pytest.raises(Undecodable, match="kind F are not read; save the picture as 8-bit RGB"):
        read(encoded(np.ones((4, 4), np.float32), "TIFF"))


def test_transparency_lies_on_white() -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0] = [(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)]
    on_white = [[255, 0, 0], WHITE, [127, 127, 127]]
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})):
        assert read(encoded(rgba, kind, **options)).rgb[0].tolist() == on_white
    grey_alpha = Image.merge("LA", [Image.new("L", (1, 1), 10), Image.new("L", (1, 1), 0)])
    assert read(encoded(grey_alpha, "PNG")).rgb[0].tolist() == [WHITE]


def test_a_transparent_colour_or_palette_entry_is_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    assert read(encoded(palette, "PNG", transparency=0)).rgb[0].tolist() == [WHITE, [40, 50, 60]]
    some = read(encoded(palette, "PNG", transparency=bytes([255, 0])))
    assert some.rgb[0].tolist() == [[10, 20, 30], WHITE]
    rgb = np.array([[[1, 2, 3], [9, 9, 9]]], np.uint8)
    assert read(encoded(rgb, "PNG", transparency=(1, 2, 3))).rgb[0].tolist() == [WHITE, [9, 9, 9]]
    grey = np.array([[7, 9]], np.uint8)
    assert read(encoded(grey, "PNG", transparency=7)).rgb[0].tolist() == [WHITE, [9, 9, 9]]
    deep = np.array([[0, 257 * 9]], np.uint16)
    assert read(encoded(deep, "PNG", transparency=0)).rgb[0].tolist() == [WHITE, [9, 9, 9]]
    bit = Image.fromarray(np.array([[False, True]]))
    assert read(encoded(bit, "PNG", transparency=0)).rgb[0].tolist() == [WHITE, WHITE]


def test_a_cmyk_jpeg_is_not_inverted() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    picture = read(encoded(red, "JPEG", quality=95))
    assert picture.rgb[8, 8].tolist() == pytest.approx([255, 0, 0], abs=4)


def test_large_pictures_are_converted_in_bands_without_seams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rgba = np.dstack([np.asarray(photo()), np.arange(48 * 64).reshape(48, 64) % 256]).astype(
        np.uint8
    )
    whole = read(encoded(rgba, "PNG")).rgb
    monkeypatch.setattr(decode, "_BAND_PX", 7 * 64)
    assert np.array_equal(read(encoded(rgba, "PNG")).rgb, whole)


# Orientation.


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_picture_is_turned_upright(kind: str, orientation: int) -> None:
    data = encoded(photo(), kind, exif=exif(orientation))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    picture = read(data)
    assert picture.orientation == orientation
    assert (picture.width, picture.height) == upright.shape[1::-1]
    assert np.array_equal(picture.rgb, upright)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    picture = read(encoded(photo(), "JPEG", exif=exif(orientation)))
    assert (picture.width, picture.height, picture.orientation) == (64, 48, 1)


@pytest.mark.parametrize(
    "broken",
    [
        b"Exif\0\0",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0nonsense",
        b"Exif\0\0II*\0\x08\0\0\0",
    ],
)
def test_broken_exif_spoils_no_pixels(broken: bytes) -> None:
    data = encoded(photo(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(broken)) + broken
    assert read(data[:2] + segment + data[2:]).rgb.shape == (48, 64, 3)
    for kind in ("PNG", "WEBP"):
        assert read(encoded(photo(), kind, exif=broken)).rgb.shape == (48, 64, 3)


# DCT-scaled decoding.


@pytest.mark.parametrize(
    ("size", "frame", "decoded"),
    [
        ((2794, 2793), (1280, 1280), (1397, 1397)),
        ((2560, 2560), (1280, 1280), (1280, 1280)),
        ((2559, 2559), (1280, 1280), (2559, 2559)),
        ((4000, 3000), (1280, 1280), (2000, 1500)),
        ((640, 480), (1280, 1280), (640, 480)),  # never enlarged
        ((1600, 1600), (100, 100), (200, 200)),  # 1/8 is the smallest
        ((1600, 400), (200, 200), (200, 50)),
        ((400, 1600), (200, 200), (50, 200)),
        ((1600, 1600), (800, 200), (200, 200)),  # so large it is when fitted into 800 x 200
        ((3, 1000), (10, 10), (2, 500)),
    ],
)
def test_a_jpeg_is_reduced_as_far_as_it_still_fills_the_frame(
    size: tuple[int, int], frame: tuple[int, int], decoded: tuple[int, int]
) -> None:
    data = encoded(Image.new("L", size, 90), "JPEG")
    picture = read(data, min_frame=frame, max_pixels=12_000_000)
    assert (picture.width, picture.height) == size
    assert picture.rgb.shape == (decoded[1], decoded[0], 3)


def test_a_turned_jpeg_is_reduced_for_its_upright_shape() -> None:
    data = encoded(Image.new("L", (1600, 800), 90), "JPEG", exif=exif(6))
    picture = read(data, min_frame=(200, 400), max_pixels=2_000_000)
    assert (picture.width, picture.height, picture.rgb.shape) == (800, 1600, (400, 200, 3))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 900), st.integers(1, 900), st.tuples(st.integers(1, 300), st.integers(1, 300))
)
def test_a_reduced_jpeg_is_never_too_small(width: int, height: int, frame: tuple[int, int]) -> None:
    data = encoded(Image.new("L", (width, height), 90), "JPEG")
    rgb = read(data, min_frame=frame).rgb
    fitted = min(frame[0] / width, frame[1] / height, 1)
    assert rgb.shape[1] >= width * fitted
    assert rgb.shape[0] >= height * fitted
    assert rgb.shape[0] * 16 > height * min(1, fitted * 8)  # nor left large for nothing


def test_other_formats_are_not_reduced() -> None:
    assert read(encoded(photo(640, 480), "PNG"), min_frame=(10, 10)).rgb.shape == (480, 640, 3)


# Damage.


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_undecodable(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    data = HEIC[:-40] if kind == "HEIF" else encoded(noise, kind)
    with pytest.raises(Undecodable) as raised:
        read(data[: max(16, int(len(data) * share))])
    assert kind in raised.value.detail
    assert "truncated" in raised.value.detail or kind == "HEIF"
    assert "0x" not in raised.value.detail  # no address of an object in memory


def test_a_checksum_that_is_wrong_is_undecodable() -> None:
    data = bytearray(encoded(photo(), "PNG"))
    data[-20] ^= 1
    with pytest.raises(Undecodable):
        read(bytes(data))


def test_a_decoder_that_crashes_does_not_bring_the_function_down() -> None:
    with pytest.raises(Undecodable, match="HEIF picture is damaged: its decoder crashed"):
        read(CRASHING_HEIC)


def test_a_decoder_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heif, "TIMEOUT_S", 0.001)
    with pytest.raises(Undecodable, match="took more than"):
        read(HEIC)


def test_nothing_is_said_to_the_log_and_no_warning_escapes(
    capfd: pytest.CaptureFixture[str],
) -> None:
    tags = exif(1)
    tags[0x010E] = "x" * 50
    odd = encoded(photo(), "JPEG", exif=tags).replace(b"x" * 50, b"\xff" * 50)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(odd)
        read(encoded(photo().quantize(4), "PNG", transparency=b"\0\1\2\3"))
    assert caught == []
    assert capfd.readouterr() == ("", "")


def test_fax_is_not_read_as_its_decoder_floods_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encoded(photo().convert("1"), "TIFF", compression="group4"))
    data[8:40] = bytes(range(100, 132))
    with pytest.raises(Undecodable, match="fax compression"):
        read(bytes(data))
    assert capfd.readouterr().err == ""


def test_the_limits_of_pillow_are_left_as_they_were() -> None:
    before = (Image.MAX_IMAGE_PIXELS, dict(Image.OPEN), list(warnings.filters))
    read(encoded(photo(), "PNG"))
    assert (Image.MAX_IMAGE_PIXELS, dict(Image.OPEN), list(warnings.filters)) == before


# Size.


def test_the_limit_is_the_last_size_accepted() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        data = encoded(photo(), kind)
        assert read(data, max_pixels=64 * 48).rgb.shape == (48, 64, 3)
        with pytest.raises(TooManyPixels, match="64 x 48 px"):
            read(data, max_pixels=64 * 48 - 1)
    with pytest.raises(TooManyPixels, match="48 x 64 px"):
        read(HEIC, max_pixels=64 * 48 - 1)


def huge_jpeg() -> bytes:
    data = bytearray(encoded(photo(), "JPEG", progressive=True))
    at = data.index(b"\xff\xc2")
    data[at + 5 : at + 9] = struct.pack(">HH", 20_000, 20_000)
    return bytes(data)


def huge_heic() -> bytes:
    return HEIC.replace(
        b"ispe" + struct.pack(">III", 0, 64, 64), b"ispe" + struct.pack(">III", 0, 20_000, 20_000)
    ).replace(b"clap", b"free")


ZEROS = zlib.compress(bytes(8_000 * 8_000), 1)
BOMBS = {
    "PNG": (png(20_000, 20_000, data=ZEROS), TooManyPixels),
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


def peak_of(data: bytes, tmp_path: Path, max_pixels: int) -> tuple[str, float]:
    """What decoding comes to in a process of its own, and by how many MB its memory grew."""
    program = """
import re, sys
from pathlib import Path
from handler.images import decode, heif
from PIL import BmpImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000
data, before = Path(sys.argv[1]).read_bytes(), peak()
try:
    outcome = str(decode.decode(data, max_pixels=int(sys.argv[2])).rgb.shape)
except Exception as error:
    outcome = type(error).__name__
print(outcome, peak() - before, sep=";")
"""
    path = tmp_path / "picture"
    path.write_bytes(data)
    command = [sys.executable, "-c", program, str(path), str(max_pixels)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    outcome, grown = ran.stdout.split(";")
    return outcome, float(grown)


on_linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc"
)


@on_linux
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(name: str, tmp_path: Path) -> None:
    data, problem = BOMBS[name]
    outcome, grown_mb = peak_of(data, tmp_path, 1_000_000)
    assert outcome == problem.__name__
    assert grown_mb < 20


@on_linux
@pytest.mark.parametrize(
    ("kind", "options", "bytes_per_px"),
    [
        ("PNG", {}, 9),
        ("JPEG", {"progressive": True, "subsampling": 0}, 12),
        ("JPEG", {"exif": exif(6)}, 10),
        ("TIFF", {"compression": "tiff_lzw"}, 9),
        ("WEBP", {}, 20),
    ],
)
def test_an_accepted_picture_takes_memory_by_its_pixels(
    kind: str, options: dict[str, Any], bytes_per_px: int, tmp_path: Path
) -> None:
    data = encoded(photo(4000, 3000), kind, **options)
    outcome, grown_mb = peak_of(data, tmp_path, 12_000_000)
    assert outcome in ("(3000, 4000, 3)", "(4000, 3000, 3)")
    assert grown_mb < 12 * bytes_per_px + 10


def test_a_tile_may_be_larger_than_its_picture() -> None:
    pixels = zlib.compress(bytes([50]) * 256 * 256)
    tags = {256: 64, 257: 48, 258: 8, 259: 8, 262: 1, 277: 1, 322: 256, 323: 256, 325: len(pixels)}
    assert np.all(read(tiff(tags, pixels, 324)).rgb == np.full((48, 64, 3), 50))
    with pytest.raises(TooManyPixels, match="a tile of the picture is 256 x 256 px"):
        read(tiff(tags, pixels, 324), max_pixels=64 * 48)


@pytest.mark.parametrize(
    "entry",
    [
        struct.pack("<HHII", 322, 16, 1, 8),  # LONG8
        struct.pack("<HHII", 322, 4, 2, 8),
        struct.pack("<HHII", 322, 2, 1, 8),  # text
    ],
)
def test_a_tile_size_of_another_type_is_damage(entry: bytes) -> None:
    data = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(100)
    with pytest.raises(Undecodable, match="damaged in its tag 322"):
        read(data)


def test_tags_are_read_in_either_byte_order_and_the_largest_of_two_counts() -> None:
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
        entries = [(322, 3, 1, 70), (322, 4, 1, 900), (322, 3, 1, 9), (323, 4, 1, 5)]
        packed = b"".join(
            struct.pack(order + ("HHIHxx" if kind == 3 else "HHII"), tag, kind, count, value)
            for tag, kind, count, value in entries
        )
        data = mark + struct.pack(order + "IH", 8, 4) + packed
        assert sniff.tiff_numbers(data, 259, 322, 323) == [0, 900, 5]


def test_a_jpeg_of_many_scans_is_refused_but_not_for_what_hangs_behind_it() -> None:
    data = encoded(photo(), "JPEG", progressive=True)
    assert 2 < sniff.jpeg_scans(data, 0) < 20
    video = b"\xff\xda\0\x02" * 100
    assert read(data + b"\0\2" + video).rgb.shape == (48, 64, 3)
    segment = b"\xff\xe2" + struct.pack(">H", 2 + len(video)) + video
    assert read(data[:2] + segment + data[2:]).rgb.shape == (48, 64, 3)
    at = data.rindex(b"\xff\xda")
    with pytest.raises(Undecodable, match=r"has 1\d\d scans; at most 64"):
        read(data[:-2] + data[at:-2] * 100 + data[-2:])


# Whatever comes.

NOISE = np.random.default_rng(2).integers(0, 256, (24, 32, 3), dtype=np.uint8)
SEEDS = [
    *(encoded(NOISE, kind, exif=exif(6)) for kind in ("JPEG", "PNG", "WEBP", "TIFF")),
    encoded(NOISE, "JPEG", progressive=True),
    encoded(Image.fromarray(NOISE).convert("CMYK"), "JPEG"),
    encoded(Image.fromarray(NOISE).convert("RGBA"), "PNG"),
    encoded(Image.fromarray(NOISE).quantize(16), "PNG", transparency=b"\0\x7f"),
    encoded(NOISE[..., 0].astype(np.uint16) * 200, "PNG"),
    encoded(Image.fromarray(NOISE).convert("RGBA"), "WEBP", lossless=True),
    encoded(NOISE, "BMP"),
    encoded(Image.fromarray(NOISE).quantize(16), "BMP"),
    *(encoded(NOISE, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate")),
]
mutations = st.lists(
    st.tuples(
        st.floats(0, 1),  # where
        st.sampled_from(["set", "cut", "drop", "double"]),
        st.binary(min_size=1, max_size=4) | st.sampled_from([b"\xff" * 4, b"\0" * 4]),
    ),
    min_size=1,
    max_size=4,
)


def mutated(data: bytes, steps: list[tuple[float, str, bytes]]) -> bytes:
    for share, step, value in steps:
        at = int(share**2 * len(data))  # more of them in the headers
        if step == "set":
            data = data[:at] + value + data[at + len(value) :]
        elif step == "cut":
            data = data[:at]
        elif step == "drop":
            data = data[:at] + data[at + len(value) :]
        else:
            data = data[:at] + data[at : at + 16] * 2 + data[at + 16 :]
    return data


def picture_or_problem(data: bytes, min_frame: tuple[int, int] | None = None) -> Picture | Problem:
    try:
        return read(data, min_frame=min_frame)
    except Problem as problem:
        return problem


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(SEEDS), mutations, st.sampled_from([None, (8, 8), (100, 50)]))
def test_a_damaged_picture_is_a_picture_or_a_problem(
    seed: bytes, steps: list[tuple[float, str, bytes]], min_frame: tuple[int, int] | None
) -> None:
    outcome = picture_or_problem(mutated(seed, steps), min_frame)
    if isinstance(outcome, Problem):
        assert outcome.status in (415, 422)
        assert outcome.detail
        json.dumps(outcome.body("id"))
    else:
        assert outcome.rgb.shape[2] == 3
        assert outcome.rgb.dtype == np.uint8
        assert 1 <= outcome.orientation <= 8
        assert outcome.width * outcome.height <= 1_000_000


@settings(deadline=None, max_examples=20)
@given(st.integers(0, len(HEIC) - 1), st.integers(0, 255))
@example(CRASHING_HEIC.index(b"\xdaxif"), 0xDA)
def test_a_damaged_heic_is_a_picture_or_a_problem(at: int, value: int) -> None:
    outcome = picture_or_problem(HEIC[:at] + bytes([value]) + HEIC[at + 1 :])
    assert isinstance(outcome, Problem) or outcome.format == "HEIF"


@settings(max_examples=200)
@given(
    st.binary(max_size=64),
    st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF0000WEBP", b"II*\0", b"BM"]),
)
def test_any_bytes_are_a_problem(tail: bytes, head: bytes) -> None:
    with pytest.raises((UnsupportedImage, Undecodable, TooManyPixels)):
        read(head + tail)
