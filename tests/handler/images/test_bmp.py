"""BMPs of all kinds; run lengths take as many steps as they have codes."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest

from handler.images import bmp
from handler.problems import TooManyPixels, Undecodable
from tests.support.image_files import read

PALETTE = [(10 * i, 255 - 10 * i, 3 * i) for i in range(16)]
RLE8, RLE4, BITFIELDS = 1, 2, 3
END_OF_LINE, END_OF_PICTURE = b"\0\0", b"\0\1"


def bmp_file(
    width: int,
    height: int,
    bits: int,
    pixels: bytes,
    *,
    compression: int = 0,
    palette: Iterable[tuple[int, int, int]] = (),
    masks: tuple[int, ...] = (),
    header_bytes: int = 40,
) -> bytes:
    colours = b"".join(bytes((b, g, r, 0)) for r, g, b in palette)
    header = struct.pack(
        "<IiiHHIIiiII", header_bytes, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0
    )
    header += struct.pack(f"<{len(masks)}I", *masks)
    header = header.ljust(header_bytes, b"\0")
    colours = colours.ljust(4 << bits, b"\0") if bits <= 8 else b""
    at = 14 + len(header) + len(colours)
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + header + colours + pixels


ALPHA_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


# The value is what Windows shows: it takes no alpha from a bitmap whose alpha is 0 throughout.
@pytest.mark.parametrize("header_bytes", [56, 108, 124])
@pytest.mark.parametrize("height", [2, -2])
def test_alpha_of_0_throughout_is_opaque(header_bytes: int, height: int) -> None:
    rows = [bytes((3, 2, 1, 0)) * 2, bytes((6, 5, 4, 0)) * 2]  # B, G, R, A
    image_bytes = bmp_file(
        2,
        height,
        32,
        b"".join(rows if height < 0 else rows[::-1]),
        compression=BITFIELDS,
        masks=ALPHA_MASKS,
        header_bytes=header_bytes,
    )
    assert read(image_bytes).rgb.tolist() == [[[1, 2, 3]] * 2, [[4, 5, 6]] * 2]


def test_alpha_that_is_used_lies_on_white() -> None:
    pixels = bytes((3, 2, 1, 0)) + bytes((6, 5, 4, 255))
    image_bytes = bmp_file(
        2, 1, 32, pixels, compression=BITFIELDS, masks=ALPHA_MASKS, header_bytes=124
    )
    assert read(image_bytes).rgb.tolist() == [[[255] * 3, [4, 5, 6]]]


def test_32_bits_without_a_mask_have_no_alpha() -> None:
    for alpha in (0, 9):
        assert read(bmp_file(1, 1, 32, bytes((3, 2, 1, alpha)))).rgb.tolist() == [[[1, 2, 3]]]


def test_16_bit_masks() -> None:
    pixels = struct.pack("<HH", 0xF800, 0x001F)
    image_bytes = bmp_file(
        2, 1, 16, pixels, compression=BITFIELDS, masks=(0xF800, 0x7E0, 0x1F), header_bytes=56
    )
    assert read(image_bytes).rgb.tolist() == [[[255, 0, 0], [0, 0, 255]]]


def indices_of(image_bytes: bytes) -> list[list[int]]:
    """Palette indices of the picture's pixels."""
    return [
        [PALETTE.index(tuple(colour)) for colour in row] for row in read(image_bytes).rgb.tolist()
    ]


def rle8(width: int, height: int, codes: bytes) -> bytes:
    return bmp_file(width, height, 8, codes, compression=RLE8, palette=PALETTE)


def rle4(width: int, height: int, codes: bytes) -> bytes:
    return bmp_file(width, height, 4, codes, compression=RLE4, palette=PALETTE)


# The examples of Microsoft's "Bitmap Compression" and what it says that they expand to; here
# their last lines are full, since pixels that are missing are refused.
MICROSOFT_8 = bytes.fromhex("0304 0506 0003 455667 00 0278 0002 0501 0278 0000 141e 0001")
MICROSOFT_8_ROWS = [
    [0x04] * 3 + [0x06] * 5 + [0x45, 0x56, 0x67] + [0x78] * 2 + [0] * 7,
    [0] * 18 + [0x78] * 2,
    [0x1E] * 20,
]


def test_the_example_of_the_8_bit_specification() -> None:
    palette = [(i, i, i ^ 1) for i in range(256)]
    image_bytes = bmp_file(20, 3, 8, MICROSOFT_8, compression=RLE8, palette=palette)
    assert read(image_bytes).rgb[::-1, :, 0].tolist() == MICROSOFT_8_ROWS


def test_the_example_of_the_4_bit_specification() -> None:
    codes = bytes.fromhex("0304 0506 0006 455667 00 0478 0002 0501 0478 0000 1b1e 0001")
    rows = [
        [0, 4, 0, 0, 6, 0, 6, 0, 4, 5, 5, 6, 6, 7, 7, 8, 7, 8] + [0] * 9,
        [0] * 23 + [7, 8, 7, 8],
        [1, 14] * 13 + [1],
    ]
    assert indices_of(rle4(27, 3, codes))[::-1] == rows


@pytest.mark.parametrize(
    ("codes", "rows"),
    [
        (b"\4\1\0\0\4\2", [[2] * 4, [1] * 4]),
        (b"\4\1\0\0\4\2\0\1", [[2] * 4, [1] * 4]),
        (b"\4\1\0\0\4\2\0\0\0\1", [[2] * 4, [1] * 4]),
        (b"\0\0\4\2", [[2] * 4, [0] * 4]),  # an empty line is left out, and stays 0
        (b"\xff\1\0\0\xff\2", [[2] * 4, [1] * 4]),  # runs end with their line
        (b"\0\2\2\1\2\3", [[0, 0, 3, 3], [0] * 4]),  # skipped: 0
        (b"\1\5\0\3\1\2\3\0\0\0\4\2", [[2] * 4, [5, 1, 2, 3]]),
    ],
)
def test_codes_of_8_bits(codes: bytes, rows: list[list[int]]) -> None:
    assert indices_of(rle8(4, 2, codes)) == rows


@pytest.mark.parametrize("codes", [b"", b"\4\1", b"\4\1\0\0\3\2", b"\4\1\0\1", b"\4\1\0\0\0\4\1"])
def test_pixels_that_are_missing_are_a_refusal(codes: bytes) -> None:
    with pytest.raises(Undecodable, match="truncated"):
        read(rle8(4, 2, codes))


@pytest.mark.parametrize("flood", [b"\0\2\0\0", b"\1\5", b"\0\3\1\2\3\0"])
@pytest.mark.parametrize("kind", [rle8, rle4])
def test_too_many_codes_are_a_refusal(
    flood: bytes, kind: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bmp, "MAX_RLE_CODES", 1000)
    with pytest.raises(Undecodable, match="more than 1,000 run-length codes"):
        read(kind(1000, 1000, flood * 1001))  # type: ignore[operator]


def test_lines_that_end_at_once_are_a_step_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow fills them byte by byte: a kilobyte takes seconds."""
    monkeypatch.setattr(bmp, "MAX_RLE_CODES", 17)
    picture = read(rle8(60_000, 16, END_OF_LINE * 2000))
    assert picture.rgb.shape == (16, 60_000, 3)
    with pytest.raises(TooManyPixels, match="at most 65535"):
        read(rle8(65_536, 16, END_OF_LINE * 2000), max_pixels=64_000_000)


@pytest.mark.parametrize(("bits", "compression"), [(4, RLE8), (8, RLE4), (24, RLE8)])
def test_a_depth_that_does_not_fit_is_a_refusal(bits: int, compression: int) -> None:
    with pytest.raises(Undecodable, match="BMP"):
        read(bmp_file(4, 4, bits, bytes(99), compression=compression, palette=PALETTE))
