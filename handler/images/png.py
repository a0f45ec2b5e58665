"""Reduce a PNG to the chunks that its pixels need, in one bounded pass.

Pillow loops in Python over every chunk, unpacks all texts and profiles, and refuses a picture for
the damage of its side chunks (PNG specification, third edition, 5 and 13.2).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from handler.images.orientation import read_orientation
from handler.images.pixel_stream import PixelStream
from handler.problems import Undecodable

MAX_CHUNKS = 100_000  # 0.1 s; 50 MB in chunks of 512 bytes, and encoders write 8 KB or more
MAX_DAMAGED_CHUNKS = 16  # each is a search through the file, 3 ms for 6 MB
MAX_CANDIDATES = 4  # what such a search looks at, each a checksum of up to the file's length
_MAX_TEXT_BYTES = 1 << 20  # of XMP or of EXIF written as text; the orientation comes early
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EXIF_AS_TEXT = b"Raw profile type exif"
_XMP = b"XML:com.adobe.xmp"


def read_pixels(image_bytes: bytes) -> PixelStream:
    """The PNG with IHDR, PLTE, tRNS and IDAT alone, the IDATs joined. Raises Undecodable."""
    chunks: dict[bytes, memoryview] = {}
    texts: dict[bytes, tuple[bytes, bytes]] = {}
    pixels: list[memoryview] = []
    damaged: list[bytes] = []
    last_kind = b""
    for kind, body, is_right in _walk(image_bytes):
        if kind == b"IDAT":  # a damaged one is left to the checksum of the pixels themselves
            if not pixels or last_kind == b"IDAT":
                pixels.append(body)
        elif not is_right and kind in (b"IHDR", b"PLTE"):
            raise Undecodable(f"the PNG picture is damaged in its chunk {kind.decode()}")
        elif not is_right:
            damaged.append(kind)
        elif kind in (b"IHDR", b"PLTE", b"tRNS"):
            if not pixels:
                chunks[kind] = body
        elif kind == b"eXIf":
            chunks[kind] = body
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            key = bytes(body[:80]).partition(b"\0")[0]
            if key in (_EXIF_AS_TEXT, _XMP):
                texts[key] = kind, bytes(body)
        last_kind = kind
    header = chunks.get(b"IHDR")
    if header is None or len(header) < 13 or not pixels:
        raise Undecodable("the PNG picture is truncated: it has no header or no pixels")
    exif = bytes(chunks[b"eXIf"]) if b"eXIf" in chunks else _exif_of_text(texts)
    xmp = _unpack_text(*texts[_XMP]) if _XMP in texts else None
    parts: list[bytes | memoryview] = [_SIGNATURE]
    for kind in (b"IHDR", b"PLTE", b"tRNS"):
        if kind in chunks:
            parts += _chunk(kind, [chunks[kind]])
    parts += [*_chunk(b"IDAT", pixels), *_chunk(b"IEND", [])]
    width, height = struct.unpack_from(">II", header)
    notes: tuple[str, ...] = ()
    if damaged:
        names = ", ".join(sorted({_name(kind) for kind in damaged}))
        notes = (f"side chunks of the PNG are damaged and were left out: {names}",)
    return PixelStream(b"".join(parts), (width, height), read_orientation(exif, xmp), notes)


def _walk(image_bytes: bytes) -> Iterator[tuple[bytes, memoryview, bool]]:
    """Kind, body and whether the checksum is right, of each chunk up to IEND.

    Damage of a side chunk may be in its length, so what follows it is searched for. Raises
    Undecodable for too many chunks, or too many damaged ones.
    """
    whole = memoryview(image_bytes)
    offset, damaged_count = len(_SIGNATURE), 0
    for _ in range(MAX_CHUNKS):
        if offset + 8 > len(image_bytes):
            return
        length, kind = struct.unpack_from(">I4s", image_bytes, offset)
        if kind == b"IEND":
            return
        body = whole[offset + 8 : offset + 8 + length]
        end = offset + 12 + length
        is_right = _is_right(image_bytes, offset)
        yield kind, body, is_right
        if not is_right and kind != b"IDAT":
            damaged_count += 1
            if damaged_count > MAX_DAMAGED_CHUNKS:
                raise Undecodable(f"the PNG has more than {MAX_DAMAGED_CHUNKS} damaged chunks")
            found = _find_chunk(image_bytes, offset + 8)
            if found < end or not _is_header(image_bytes, end):
                end = found
        offset = end
    raise Undecodable(f"the PNG has more than {MAX_CHUNKS:,} chunks")


def _is_right(image_bytes: bytes, offset: int) -> bool:
    """Whether the chunk at this offset is whole and its checksum right."""
    length, kind = struct.unpack_from(">I4s", image_bytes, offset)
    end = offset + 8 + length
    if not kind.isalpha() or end + 4 > len(image_bytes):
        return False
    crc = zlib.crc32(memoryview(image_bytes)[offset + 4 : end])
    return crc == int.from_bytes(image_bytes[end : end + 4], "big")


def _is_header(image_bytes: bytes, offset: int) -> bool:
    """Whether a chunk that fits into the file seems to begin at this offset."""
    if offset + 12 > len(image_bytes):
        return False
    length, kind = struct.unpack_from(">I4s", image_bytes, offset)
    return bool(kind.isalpha()) and offset + 12 + length <= len(image_bytes)


def _find_chunk(image_bytes: bytes, start: int) -> int:
    """The offset of the first chunk from here on that pixels need; the file's end without one."""
    offsets = []
    for kind in (b"PLTE", b"tRNS", b"IDAT"):
        at = start
        for _ in range(MAX_CANDIDATES):
            at = image_bytes.find(kind, at + 4)
            if at < 0:
                break
            if _is_right(image_bytes, at - 4):
                offsets.append(at - 4)
                break
    return min(offsets, default=len(image_bytes))


def _chunk(kind: bytes, bodies: list[memoryview]) -> list[bytes | memoryview]:
    crc = zlib.crc32(kind)
    for body in bodies:
        crc = zlib.crc32(body, crc)
    return [struct.pack(">I", sum(map(len, bodies))), kind, *bodies, struct.pack(">I", crc)]


def _exif_of_text(texts: dict[bytes, tuple[bytes, bytes]]) -> bytes | None:
    """EXIF that ImageMagick writes as lines of hex digits, after three lines of other things."""
    if _EXIF_AS_TEXT not in texts:
        return None
    try:
        text = _unpack_text(*texts[_EXIF_AS_TEXT]).decode("latin-1")
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:  # broken metadata spoils no pixels
        return None


def _unpack_text(kind: bytes, body: bytes) -> bytes:
    """The text of a text chunk, its first megabyte; empty if it is damaged."""
    rest = body.partition(b"\0")[2]
    is_packed = kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        is_packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not is_packed:
        return rest[:_MAX_TEXT_BYTES]
    try:
        return zlib.decompressobj().decompress(rest, _MAX_TEXT_BYTES)
    except zlib.error:
        return b""


def _name(kind: bytes) -> str:
    return kind.decode() if kind.isalpha() else "one without a name"
