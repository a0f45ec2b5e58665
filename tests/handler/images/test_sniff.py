"""Formats are told by content, and headers are read before a decoder is trusted with them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.images import jpeg
from handler.problems import TooManyPixels, Undecodable, UnsupportedImage
from tests.support.image_files import encode, photo, read


def test_nothing_is_no_picture() -> None:
    with pytest.raises(UnsupportedImage, match="the body is empty"):
        read(b"")


@pytest.mark.parametrize(
    ("image_bytes", "words"),
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
        (encode(photo(), "GIF"), "a GIF"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04" + bytes(30), "a ZIP archive"),
        (b"\xff", "ff"),
        (b"\xff\xd8", "ff d8"),
        (b"\x89PNG", "89 50 4e 47"),
        (bytes(100), "00 00 00 00 00 00 00 00"),
    ],
)
def test_what_is_no_picture_is_named(image_bytes: bytes, words: str) -> None:
    with pytest.raises(UnsupportedImage) as raised:
        read(image_bytes)
    assert "expected JPEG, PNG, WebP, TIFF, BMP or HEIC" in raised.value.detail
    assert words in raised.value.detail


def test_a_jpeg_of_many_scans_is_refused_but_not_for_what_hangs_behind_it() -> None:
    image_bytes = encode(photo(), "JPEG", progressive=True)
    assert 2 < jpeg.read_pixels(image_bytes).scan_count < 20
    video = b"\xff\xda\0\x02" * 100
    assert read(image_bytes + b"\0\2" + video).rgb.shape == (48, 64, 3)
    segment = b"\xff\xe2" + struct.pack(">H", 2 + len(video)) + video
    assert read(image_bytes[:2] + segment + image_bytes[2:]).rgb.shape == (48, 64, 3)
    at = image_bytes.rindex(b"\xff\xda")
    with pytest.raises(Undecodable, match=r"has 1\d\d scans; at most 64"):
        read(image_bytes[:-2] + image_bytes[at:-2] * 100 + image_bytes[-2:])


@settings(max_examples=200)
@given(
    st.binary(max_size=64),
    st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF0000WEBP", b"II*\0", b"BM"]),
)
def test_any_bytes_are_a_problem(tail: bytes, head: bytes) -> None:
    with pytest.raises((UnsupportedImage, Undecodable, TooManyPixels)):
        read(head + tail)
