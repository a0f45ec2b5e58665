"""A PNG is reduced to what its pixels need; damage of its side chunks spoils no pixels."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from handler.images import png
from handler.problems import Undecodable
from tests.support.image_files import encode, exif, photo, read
from tests.support.paths import SHARED_DATA

PIXELS = np.asarray(photo())
PHOTO = encode(photo(), "PNG")
AT = 33  # behind the signature and IHDR
END = len(PHOTO) - 12  # before IEND
SIDE_KINDS = [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"pHYs", b"tIME", b"eXIf", b"acTL"]


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(chunks: bytes, at: int = AT) -> bytes:
    return PHOTO[:at] + chunks + PHOTO[at:]


def kinds(image_bytes: bytes) -> list[bytes]:
    found, at = [], 8
    while at < len(image_bytes):
        length, kind = struct.unpack_from(">I4s", image_bytes, at)
        found.append(kind)
        at += 12 + length
    return found


# libpng's manual, png_set_crc_action: by default a side chunk whose checksum is wrong is left out
# with a warning, and any other is an error.
@pytest.mark.parametrize("kind", SIDE_KINDS)
@pytest.mark.parametrize("at", [AT, END], ids=["before", "after"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda made: made[:-1] + bytes([made[-1] ^ 1]),  # checksum
        lambda made: struct.pack(">I", 9_000_000) + made[4:],  # length beyond the file
        lambda made: struct.pack(">I", 3) + made[4:],  # too short
        lambda made: struct.pack(">I", 60) + made[4:],  # into the next chunk
        lambda made: struct.pack(">I", 0xFFFFFFFF) + made[4:],
        lambda made: made[:4] + b"a\0\xff1" + made[8:],  # no name of a chunk
    ],
    ids=["crc", "long", "short", "into the next", "endless", "nameless"],
)
def test_a_damaged_side_chunk_spoils_no_pixels(kind: bytes, at: int, damage: object) -> None:
    broken = damage(chunk(kind, b"Comment\0\0somewhat long text"))  # type: ignore[operator]
    picture = read(with_chunks(broken, at))
    assert np.array_equal(picture.rgb, PIXELS)
    assert "side chunks of the PNG are damaged and were left out" in picture.notes[0]


@pytest.mark.parametrize(
    "cut",
    [
        lambda whole: whole[:END],  # IEND is missing
        lambda whole: whole[: END - 2],  # in the checksum of the pixels
        lambda whole: whole[:END] + chunk(b"tEXt", bytes(99))[:40],  # in a side chunk behind them
    ],
)
def test_what_is_missing_behind_the_pixels_is_not_missed(cut: object) -> None:
    assert np.array_equal(read(cut(PHOTO)).rgb, PIXELS)  # type: ignore[operator]


@pytest.mark.parametrize("kept", range(60, END - 8, 37))
def test_what_is_missing_of_the_pixels_is_a_refusal(kept: int) -> None:
    with pytest.raises(Undecodable, match="truncated"):
        read(PHOTO[:kept])


@pytest.mark.parametrize("at", [16, 29])
def test_a_damaged_header_is_a_refusal(at: int) -> None:
    with pytest.raises(Undecodable, match="damaged in its chunk IHDR"):
        read(PHOTO[:at] + bytes([PHOTO[at] ^ 1]) + PHOTO[at + 1 :])


def test_a_damaged_palette_is_a_refusal() -> None:
    palette = bytearray(encode(photo().quantize(8), "PNG"))
    palette[palette.index(b"PLTE") + 5] ^= 1
    with pytest.raises(Undecodable, match="damaged in its chunk PLTE"):
        read(bytes(palette))


@pytest.mark.parametrize(
    "big",
    [
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"tEXt", b"a\0" + b"x" * (3 << 20)),
        chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"iCCP", b"a\0\7damaged"),
    ],
)
def test_texts_and_profiles_of_megabytes_spoil_no_pixels(big: bytes) -> None:
    picture = read(with_chunks(big))
    assert np.array_equal(picture.rgb, PIXELS)
    assert picture.notes == ()


@pytest.mark.needs_shared_data
def test_the_file_with_a_text_of_over_a_megabyte_shows_what_its_truth_shows() -> None:
    folder = SHARED_DATA / "odd_inputs"
    picture = read((folder / "png_text_over_1mb.png").read_bytes())
    assert np.array_equal(picture.rgb, np.asarray(Image.open(folder / "truth_rgb.png")))


def test_the_decoder_sees_the_pixels_alone() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 99)
    palette = encode(photo().quantize(16), "PNG", transparency=b"\0\x7f", pnginfo=text, dpi=(9, 9))
    assert kinds(png.read_pixels(palette).image_bytes) == [
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"IDAT",
        b"IEND",
    ]
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "red")]
    animation = encode(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert kinds(png.read_pixels(animation).image_bytes) == [b"IHDR", b"IDAT", b"IEND"]


def test_pixels_in_thousands_of_pieces_are_joined() -> None:
    at = PHOTO.index(b"IDAT")
    packed = PHOTO[at + 4 : at + 4 + int.from_bytes(PHOTO[at - 4 : at], "big")]
    pieces = b"".join(
        chunk(b"IDAT", packed[i : i + 1]) + chunk(b"IDAT") for i in range(len(packed))
    )
    many = PHOTO[:AT] + pieces + PHOTO[END:]
    assert np.array_equal(read(many).rgb, PIXELS)
    assert kinds(png.read_pixels(many).image_bytes) == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize("at", [AT, END])
@pytest.mark.parametrize("kind", [b"IDAT", b"gAMA", b"fdAT", b"zTXt"])
def test_too_many_chunks_are_a_refusal(kind: bytes, at: int) -> None:
    with pytest.raises(Undecodable, match="more than 100,000 chunks"):
        read(with_chunks(chunk(kind) * png.MAX_CHUNKS, at))


def test_too_many_damaged_chunks_are_a_refusal() -> None:
    with pytest.raises(Undecodable, match="more than 16 damaged chunks"):
        read(with_chunks((chunk(b"gAMA")[:-1] + b"!") * 17))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_in_xmp_and_in_exif_written_as_text(orientation: int) -> None:
    xmp = f'<x tiff:Orientation="{orientation}"/>'.encode()
    hexed = exif(orientation).tobytes().hex().encode()
    for body in (
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 9\n" + hexed)),
    ):
        for at in (AT, END):
            assert read(with_chunks(body, at)).orientation == orientation
