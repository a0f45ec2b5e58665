"""A WebP is reduced to its canvas and first frame."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from handler.images import decode, webp
from handler.problems import TooManyPixels, Undecodable
from tests.support.image_files import encode, exif, photo, read

STILL = encode(photo(), "WEBP", lossless=True)
EXTENDED = encode(photo(), "WEBP", lossless=True, exif=exif(6), icc_profile=bytes(200))
TRANSPARENT = encode(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "WEBP")


def animation() -> bytes:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return stream.getvalue()


def with_chunks(image_bytes: bytes, chunks: bytes) -> bytes:
    length = struct.pack("<I", len(image_bytes) + len(chunks) - 8)
    return image_bytes[:4] + length + image_bytes[8:] + chunks


def kinds(image_bytes: bytes) -> list[bytes]:
    found, at = [], 12
    while at < len(image_bytes):
        kind, length = struct.unpack_from("<4sI", image_bytes, at)
        found.append(kind)
        at += 8 + length + length % 2
    return found


def test_the_decoder_sees_the_first_frame_alone() -> None:
    assert kinds(webp.read_pixels(animation()).image_bytes) == [b"VP8X", b"ANIM", b"ANMF"]
    assert kinds(webp.read_pixels(EXTENDED).image_bytes) == [b"VP8X", b"VP8L"]
    assert kinds(webp.read_pixels(STILL).image_bytes) == [b"VP8L"]
    assert kinds(webp.read_pixels(TRANSPARENT).image_bytes) == [b"VP8X", b"ALPH", b"VP8 "]


def test_frames_and_profiles_left_out_change_no_pixel() -> None:
    for image_bytes in (animation(), STILL, EXTENDED, TRANSPARENT):
        truth = Image.open(io.BytesIO(image_bytes)).convert("RGBA")
        white = Image.new("RGB", truth.size, (255, 255, 255))
        white.paste(truth, mask=truth.getchannel("A"))
        shown = read(image_bytes).rgb
        if image_bytes is EXTENDED:
            shown = np.rot90(shown)  # orientation 6 was turned to the right
        assert np.array_equal(shown, np.asarray(white))


def test_exif_is_found_behind_many_chunks() -> None:
    tail = b"JUNK\0\0\0\0" * 1000
    at = EXTENDED.index(b"EXIF")
    many = with_chunks(EXTENDED[:at], tail + EXTENDED[at:])
    assert read(many).orientation == 6


def test_too_many_chunks_are_a_refusal() -> None:
    with pytest.raises(Undecodable, match="more than 65536 chunks"):
        read(with_chunks(STILL, b"JUNK\0\0\0\0" * webp.MAX_CHUNKS))


def test_a_canvas_that_lies_about_its_frame_is_a_refusal() -> None:
    for canvas in (b"\0\0\0\0\0\0", b"\x10\0\0\x10\0\0"):
        at = EXTENDED.index(b"VP8X") + 12
        with pytest.raises(Undecodable, match="WEBP"):
            read(EXTENDED[:at] + canvas + EXTENDED[at + 6 :])


def test_webp_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_WEBP_PIXELS", 64 * 48)
    assert read(STILL).rgb.shape == (48, 64, 3)
    monkeypatch.setattr(decode, "MAX_WEBP_PIXELS", 64 * 48 - 1)
    with pytest.raises(TooManyPixels, match="the WebP picture is 64 x 48 px"):
        read(STILL)
