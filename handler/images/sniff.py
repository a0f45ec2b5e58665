"""Recognise the format of untrusted bytes, and read what must be known before they are decoded."""

from __future__ import annotations

import codecs

from handler.problems import Undecodable, UnsupportedImage

_REPLACEMENT = "\ufffd".encode()  # what decoders put in place of bytes that are no UTF-8
_SIGNATURES_AS_TEXT = (
    "ÿØÿ".encode(), "\x89PNG\r\n".encode(),  # JPEG and PNG read as Latin-1
    b"????\0\x10JFIF", b"?PNG\r\n",  # read with ? for what is no ASCII
    b"\0\x10JFIF", b"PNG\r\n",  # read without it
)  # fmt: skip
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_OTHER_SIGNATURES = (
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


def picture_format(image_bytes: bytes) -> str:
    """JPEG, PNG, WEBP, TIFF, BMP or HEIF.

    Raises UnsupportedImage for anything else, which says what it looks like.
    """
    if was_read_as_text(image_bytes):
        raise UnsupportedImage(
            "this was a picture until a gateway or a client turned it into text (ef bf bd or ? "
            "stands where its bytes were), and they are lost; send JSON "
            '{"image": "<base64>"}, or have the gateway pass pictures as binary '
            "(BinaryMediaTypes of a REST API)"
        )
    head = image_bytes[:12]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):  # the latter: BigTIFF
        return "TIFF"
    if head[:2] == b"BM":
        return "BMP"
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS:
        return "HEIF"
    raise UnsupportedImage(
        f"expected JPEG, PNG, WebP, TIFF, BMP or HEIC; {_describe_content(image_bytes)}"
    )


def was_read_as_text(image_bytes: bytes) -> bool:
    """Whether bytes were decoded as text and encoded as UTF-8 again.

    By UTF-8, U+FFFD stands for what is none, or ?, or nothing; by Latin-1 every byte above 7f
    became two. Signatures of ASCII, such as TIFF's, survive that; the text is valid UTF-8 all along
    then, which no picture is.
    """
    head = image_bytes[:4096]
    if head.startswith(_SIGNATURES_AS_TEXT) or (head[:4] == b"????" and head[6:10] == b"Exif"):
        return True
    if head.count(_REPLACEMENT) < 2:
        return False
    if head.startswith((_REPLACEMENT * 3, _REPLACEMENT + b"PNG")):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(image_bytes)  # its end may be cut off
    except UnicodeDecodeError:
        return False
    return head.startswith((b"II*\0", b"MM\0*", b"BM", b"RIFF")) or head[4:8] == b"ftyp"


def _describe_content(body: bytes) -> str:
    """What bytes that are no supported picture look like, in words."""
    if not body:
        return "the body is empty"
    head = body[:1024]
    for signature, name in _OTHER_SIGNATURES:
        if head.startswith(signature):
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
    text = head.decode(errors="replace").rstrip("\ufffd")  # the last character may be cut
    if text and "\ufffd" not in text and all(c.isprintable() or c.isspace() for c in text):
        return "this looks like text"
    return f"these bytes start with {body[:8].hex(' ')}"


def webp_size(image_bytes: bytes) -> tuple[int, int]:
    """Canvas width and height in px, of a WebP's first chunk (RFC 9649). Raises Undecodable."""
    chunk, header = image_bytes[12:16], image_bytes[20:30]
    if len(header) == 10 and chunk == b"VP8X":
        return 1 + int.from_bytes(header[4:7], "little"), 1 + int.from_bytes(header[7:], "little")
    if len(header) == 10 and chunk == b"VP8L":
        bits = int.from_bytes(header[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if len(header) == 10 and chunk == b"VP8 ":
        bits = int.from_bytes(header[6:10], "little")
        return bits & 0x3FFF, bits >> 16 & 0x3FFF
    raise Undecodable("the WEBP picture is truncated, or damaged in its first chunk")
