"""Takes a picture's file apart into the pieces of its format: segments, chunks, boxes, entries."""

from __future__ import annotations

import zlib
from typing import Literal

MAX_PIECES = 4000


def split(image_bytes: bytes) -> list[bytes]:
    """The pieces of a file, which joined are the file again. One piece where it is of no format."""
    if image_bytes.startswith(b"\xff\xd8"):
        ends = _jpeg_ends(image_bytes)
    elif image_bytes.startswith(b"\x89PNG"):
        ends = _chunk_ends(image_bytes, 8, "big", 12, 0, 1)
    elif image_bytes.startswith(b"RIFF"):
        ends = _chunk_ends(image_bytes, 12, "little", 8, 4, 2)
    elif image_bytes[4:8] == b"ftyp":
        ends = _box_ends(image_bytes)
    elif image_bytes[:2] in (b"II", b"MM"):
        ends = _tiff_ends(image_bytes)
    elif image_bytes.startswith(b"BM"):
        ends = [2, 14, 18, 26, 30, 34, 54, int.from_bytes(image_bytes[10:14], "little")]
    else:
        ends = []
    size = len(image_bytes)
    ends = sorted({end for end in ends if 0 < end < size})[:MAX_PIECES] + [size]
    return [image_bytes[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def repair(image_bytes: bytes) -> bytes:
    """The file with a PNG's checksums and a RIFF's length set right, so that decoders read on."""
    if image_bytes.startswith(b"RIFF"):
        return b"RIFF" + max(0, len(image_bytes) - 8).to_bytes(4, "little") + image_bytes[8:]
    if not image_bytes.startswith(b"\x89PNG"):
        return image_bytes
    pieces = split(image_bytes)
    for i, piece in enumerate(pieces[1:], 1):
        if len(piece) >= 12:
            pieces[i] = piece[:-4] + zlib.crc32(piece[4:-4]).to_bytes(4, "big")
    return b"".join(pieces)


def _jpeg_ends(image_bytes: bytes) -> list[int]:
    ends, at = [2], 2
    while at + 4 <= len(image_bytes) and len(ends) < MAX_PIECES:
        if image_bytes[at] != 0xFF:  # entropy-coded: up to the next marker
            at = image_bytes.find(b"\xff", at, len(image_bytes) - 1)  # the last byte is no marker
            if at < 0:
                break
        marker = image_bytes[at + 1]
        if marker in (0x00, 0xFF):
            at += 1 if marker == 0xFF else 2
            continue
        ends.append(at)
        is_bare = marker == 0x01 or 0xD0 <= marker <= 0xD9
        at += 2 if is_bare else 2 + int.from_bytes(image_bytes[at + 2 : at + 4], "big")
        ends.append(at)
    return ends


def _chunk_ends(
    image_bytes: bytes,
    at: int,
    byte_order: Literal["big", "little"],
    around: int,
    length_at: int,
    align: int,
) -> list[int]:
    """around: bytes of a chunk beside its body. length_at: where in the chunk its length is."""
    ends = [at]
    while at + 8 <= len(image_bytes) and len(ends) < MAX_PIECES:
        where = at + length_at
        length = int.from_bytes(image_bytes[where : where + 4], byte_order)
        at += around + length + length % align
        ends.append(at)
    return ends


def _box_ends(image_bytes: bytes) -> list[int]:
    """Boxes of ISO BMFF, those within others, too, at their kinds' beginnings."""
    kinds = (
        b"ftyp", b"meta", b"hdlr", b"pitm", b"iinf", b"infe", b"iprp", b"ipco", b"ispe", b"ipma",
        b"iloc", b"iref", b"hvcC", b"colr", b"irot", b"clap", b"mdat", b"pixi",
    )  # fmt: skip
    found = [image_bytes.find(kind) - 4 for kind in kinds]
    return [at for at in found if at > 0]


def _tiff_ends(image_bytes: bytes) -> list[int]:
    byte_order: Literal["big", "little"] = "little" if image_bytes[:2] == b"II" else "big"
    start = int.from_bytes(image_bytes[4:8], byte_order)
    count = int.from_bytes(image_bytes[start : start + 2], byte_order)
    return [4, 8, start, *(start + 2 + 12 * i for i in range(min(count, 200) + 1))]
