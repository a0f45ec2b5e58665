"""Untrusted bytes in; the picture format they are of, and what their headers claim, out.

Only what must be known before a decoder may be trusted with the bytes.
"""

from __future__ import annotations

from typing import Literal

from handler.problems import Undecodable, UnsupportedImage

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_OTHERS = (
    (b"GIF8", "a GIF"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"\0\0\x01\xba", "a video"),
    (b"FLV\x01", "a video"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"8BPS", "a Photoshop file"),
)


def picture_format(data: bytes) -> str:
    """JPEG, PNG, WEBP, TIFF, BMP or HEIF. Raises UnsupportedImage, naming what it looks like."""
    head = data[:12]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF"
    if head[:2] == b"BM":
        return "BMP"
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS:
        return "HEIF"
    raise UnsupportedImage(f"expected JPEG, PNG, WebP, TIFF, BMP or HEIC; {_looks_like(data)}")


def _looks_like(data: bytes) -> str:
    if not data:
        return "the body is empty"
    head = data[:1024]
    for mark, name in _OTHERS:
        if head.startswith(mark):
            return f"this looks like {name}"
    if head[4:8] == b"ftyp":
        return "this looks like " + ("an AVIF picture" if head[8:11] == b"avi" else "a video")
    if head[:4] == b"RIFF":
        return "this looks like " + ("a video" if head[8:11] == b"AVI" else "a sound")
    lower = head.lower()
    if b"<svg" in lower:
        return "this looks like an SVG drawing"
    if lower.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<!doctype html", b"<html")):
        return "this looks like an HTML page"
    text = head.decode(errors="replace").rstrip("\ufffd")  # the cut may go through a character
    if text and "\ufffd" not in text and all(c.isprintable() or c.isspace() for c in text):
        return "this looks like text"
    return f"these bytes start with {data[:8].hex(' ')}"


def webp_size(data: bytes) -> tuple[int, int]:
    """Canvas width and height, px, from a WebP's first chunk (RFC 9649). Raises Undecodable."""
    chunk, body = data[12:16], data[20:30]
    if len(body) == 10 and chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if len(body) == 10 and chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if len(body) == 10 and chunk == b"VP8 ":
        bits = int.from_bytes(body[6:10], "little")
        return bits & 0x3FFF, bits >> 16 & 0x3FFF
    raise Undecodable("the WEBP picture is truncated, or damaged in its first chunk")


def tiff_numbers(data: bytes, *tags: int) -> list[int]:
    """The largest value of each of these tags in a TIFF's first directory, 0 where it is missing.

    Read here, as Pillow and its C library do not agree on damaged directories: a tag must be one
    number, of type SHORT or LONG. Raises Undecodable.
    """
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    found = dict.fromkeys(tags, 0)
    start = number(4, 4) + 2
    for entry in range(start, start + 12 * number(start - 2, 2), 12):
        if (tag := number(entry, 2)) in found:
            kind, count = number(entry + 2, 2), number(entry + 4, 4)
            if kind not in (3, 4) or count != 1:
                raise Undecodable(f"the TIFF picture is damaged in its tag {tag}")
            found[tag] = max(found[tag], number(entry + 8, 2 if kind == 3 else 4))
    return list(found.values())


def jpeg_scans(data: bytes, enough: int) -> int:
    """How many scans a JPEG has; where it cannot have more than `enough`, any number up to that."""
    if (marks := data.count(b"\xff\xda")) <= enough:
        return marks
    # Thumbnails in front of the scans and a phone's video behind them hold such bytes too.
    scans, at = 0, 2
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 3:
        marker = data[at + 1]
        if marker == 0xD9:
            break
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # these have no length
            at += 1 if marker == 0xFF else 2
            continue
        scans += marker == 0xDA
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return scans
