"""A JPEG is reduced to what its pixels need; its end marker may be missing, its pixels may not."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
from PIL import Image

from handler.images import jpeg
from handler.problems import Undecodable
from tests.support.image_files import encode, exif, photo, read
from tests.support.paths import SHARED_DATA

NOISE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (96, 128, 3), dtype=np.uint8))
WHOLE = {
    "sequential": encode(NOISE, "JPEG", quality=90),
    "progressive": encode(NOISE, "JPEG", quality=90, progressive=True),
    "restarts": encode(NOISE, "JPEG", quality=90, restart_marker_blocks=4),
    "optimised": encode(NOISE, "JPEG", optimize=True),
    "grey": encode(NOISE.convert("L"), "JPEG"),
    "4:4:4": encode(NOISE, "JPEG", subsampling=0),
    "CMYK": encode(NOISE.convert("CMYK"), "JPEG"),
    "flat": encode(Image.new("RGB", (320, 240)), "JPEG", optimize=True),
    "smooth": encode(photo(320, 240), "JPEG"),
    "turned": encode(NOISE, "JPEG", exif=exif(6)),
}
# How phones' trailers begin, as exiftool describes them, and some that nobody describes.
TRAILERS = {
    "none": b"",
    "a video": b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + b"\0\0\x40\0mdat" + NOISE.tobytes()[:9000],
    "Samsung's": b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data"
    + bytes(200)
    + b"SEFHk\0\0\0\1\0\0\0SEFT",
    "text": b"Image_UTC_Data1620000000000" + b"camera=wide;zoom=1;" * 20,
    "another JPEG": encode(photo(), "JPEG"),
    "zeros": bytes(5000),
    "half a marker": b"\xff",
}


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("min_frame", [None, (30, 30)])
def test_only_the_end_marker_is_missing(
    kind: str, trailer: str, min_frame: tuple[int, int] | None
) -> None:
    whole = WHOLE[kind]
    picture = read(whole[:-2] + TRAILERS[trailer], min_frame=min_frame)
    assert np.array_equal(picture.rgb, read(whole, min_frame=min_frame).rgb)
    assert picture.notes == ("the JPEG's end marker is missing; its pixels are all there",)


@pytest.mark.needs_shared_data
def test_the_file_without_its_end_is_read() -> None:
    picture = read((SHARED_DATA / "odd_inputs" / "jpeg_no_eoi.jpg").read_bytes())
    assert "end marker is missing" in picture.notes[0]


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("kind", [kind for kind in WHOLE if kind != "flat"])
@pytest.mark.parametrize("share", [0.5, 0.75, 0.9, 0.98])
def test_missing_pixels_are_a_refusal_whatever_follows(
    kind: str, trailer: str, share: float
) -> None:
    whole = WHOLE[kind]
    start = whole.index(b"\xff\xda")
    cut = start + int((len(whole) - 2 - start) * share)
    with pytest.raises(Undecodable, match="truncated"):
        read(whole[:cut] + TRAILERS[trailer])


@pytest.mark.parametrize("missing", [8, 16, 40])
@pytest.mark.parametrize("kind", ["sequential", "progressive", "restarts", "4:4:4"])
def test_a_few_missing_bytes_are_missed(kind: str, missing: int) -> None:
    with pytest.raises(Undecodable, match="truncated"):
        read(WHOLE[kind][: -2 - missing])


def test_a_cut_at_the_end_of_a_restart_interval_is_a_refusal() -> None:
    """libjpeg waits there for the next restart marker, and takes no other byte."""
    whole = WHOLE["restarts"]
    scans = whole.index(b"\xff\xda")
    markers = [at.start() for at in re.finditer(rb"\xff[\xd0-\xd7]", whole) if at.start() > scans]
    assert len(markers) > 8
    for at in (*markers[:2], *markers[-9:]):
        for cut in (at, at + 2):
            with pytest.raises(Undecodable, match="truncated"):
                read(whole[:cut])


def test_every_cut_is_a_refusal_or_gives_all_pixels() -> None:
    """4:1:1: neither of two endings alone finds its cut of four bytes."""
    for whole in (encode(photo(67, 50), "JPEG", subsampling="4:1:1"), WHOLE["restarts"]):
        rgb = read(whole).rgb
        for cut in range(1, 40):
            try:
                picture = read(whole[:-cut])
            except Undecodable:
                continue
            assert np.array_equal(picture.rgb, rgb), cut


def test_missing_scans_are_a_refusal() -> None:
    whole = WHOLE["progressive"]
    ends = [at for at in range(len(whole) - 1) if whole[at : at + 2] == b"\xff\xda"][1:]
    assert len(ends) > 5
    for end in ends:
        before_tables = whole.rfind(b"\xff\xc4", 0, end)
        with pytest.raises(Undecodable, match="truncated"):
            read(whole[:before_tables])


def test_a_trailer_behind_the_end_marker_is_no_repair() -> None:
    for trailer in TRAILERS.values():
        assert read(WHOLE["sequential"] + trailer).notes == ()


def segment(code: int, body: bytes = b"") -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", 2 + len(body)) + body


def behind_start(inserted: bytes, whole: bytes = WHOLE["sequential"]) -> bytes:
    return whole[:2] + inserted + whole[2:]


def codes(image_bytes: bytes) -> list[int]:
    """Of all segments up to the first scan."""
    found, at = [], 2
    while image_bytes[at + 1] != 0xDA:
        found.append(image_bytes[at + 1])
        at += 2 + int.from_bytes(image_bytes[at + 2 : at + 4], "big")
    return found


def test_the_decoder_sees_tables_frame_and_scans_alone() -> None:
    tags = exif(6)
    tags[0x010E] = "described"
    full = encode(
        NOISE, "JPEG", exif=tags, icc_profile=bytes(99_000), comment="so it is", dpi=(9, 9)
    )
    with_xmp = behind_start(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), full)
    stream = jpeg.read_pixels(with_xmp + TRAILERS["a video"])
    assert stream.orientation == 6
    assert set(codes(stream.image_bytes)) <= {0xE0, 0xDB, 0xC0, 0xC4}
    assert stream.image_bytes.endswith(full[full.index(b"\xff\xda") :])
    assert 0xEE in codes(
        jpeg.read_pixels(WHOLE["CMYK"]).image_bytes
    )  # Adobe's says how colours are


@pytest.mark.parametrize(
    "flood",
    [segment(0xE3), segment(0xFE), segment(0xC4), b"\xff\xd0", b"\xff\x01", segment(0xDB)],
    ids=["APP", "comment", "DHT", "restart", "TEM", "DQT"],
)
def test_too_many_markers_are_a_refusal(flood: bytes) -> None:
    with pytest.raises(Undecodable, match="more than 4096 markers"):
        read(behind_start(flood * jpeg.MAX_MARKERS))
    whole = WHOLE["progressive"]
    at = whole.rindex(b"\xff\xda")
    if flood[1] not in (0xD0, 0x01):  # restart markers in a scan are the decoder's
        with pytest.raises(Undecodable, match="more than 4096 markers"):
            read(whole[:at] + flood * jpeg.MAX_MARKERS + whole[at:])


def test_padding_is_read_up_to_a_limit() -> None:
    plain = read(WHOLE["sequential"]).rgb
    for padding in (b"\xff", b"\xff\0"):
        assert np.array_equal(read(behind_start(padding * 1000)).rgb, plain)
        with pytest.raises(Undecodable, match="more than 65536 bytes between its markers"):
            read(behind_start(padding * 70_000))


def test_tables_are_read_up_to_a_limit() -> None:
    tables = segment(0xDB, (b"\0" + bytes([1]) * 64) * 1000)
    with pytest.raises(Undecodable, match="more than 65536 bytes of quantisation tables"):
        read(behind_start(tables * 2))


def test_exif_of_many_megabytes_spoils_no_pixels() -> None:
    stream = jpeg.read_pixels(behind_start(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 100))
    assert stream.image_bytes == jpeg.read_pixels(WHOLE["sequential"]).image_bytes


def test_the_more_pixels_the_fewer_scans() -> None:
    whole = encode(Image.new("L", (8000, 8000)), "JPEG", progressive=True)
    at = whole.rindex(b"\xff\xda")
    scans = whole.count(b"\xff\xda")
    more = whole[:-2] + whole[at:-2] * (26 - scans) + whole[-2:]
    with pytest.raises(Undecodable, match="has 26 scans of 8000 x 8000 px"):
        read(more, max_pixels=64_000_000)
    assert jpeg.read_pixels(whole).scan_count == scans


def test_a_height_that_comes_after_the_pixels_is_a_refusal_in_words() -> None:
    image_bytes = bytearray(WHOLE["sequential"])
    at = image_bytes.index(b"\xff\xc0")
    image_bytes[at + 5 : at + 7] = b"\0\0"
    with pytest.raises(Undecodable) as raised:
        read(bytes(image_bytes))
    assert "division" not in raised.value.detail


@pytest.mark.parametrize("code", [0x02, 0xBF, 0xC8, 0xF0, 0xFD, 0xD8, 0xD9])
def test_markers_that_have_no_place_before_the_pixels_are_a_refusal(code: int) -> None:
    with pytest.raises(Undecodable, match="JPEG"):
        read(behind_start(segment(code)))
