"""Reduce a WebP to its canvas and its first frame (RFC 9649), in one bounded pass.

Its decoder notes every chunk and frame of a file before the first is decoded.
"""

from __future__ import annotations

import struct

from handler.images.orientation import read_orientation
from handler.images.pixel_stream import PixelStream
from handler.images.sniff import webp_size
from handler.problems import Undecodable

MAX_CHUNKS = 65_536  # 30 ms; an hour at 18 frames a second
_ONLY_PIXELS = 0x12  # flags of the canvas: alpha and animation; no profile, EXIF or XMP follows


def read_pixels(image_bytes: bytes) -> PixelStream:
    """The WebP with its first frame alone. Raises Undecodable."""
    size = webp_size(image_bytes)
    exif = xmp = None
    parts: list[bytes] = []
    has_pixels = False
    offset = 12
    for _ in range(MAX_CHUNKS):
        if offset + 8 > len(image_bytes):
            break
        kind, length = struct.unpack_from("<4sI", image_bytes, offset)
        end = offset + 8 + length + length % 2
        if kind == b"EXIF" and exif is None:
            exif = image_bytes[offset + 8 : offset + 8 + length]
        elif kind == b"XMP " and xmp is None:
            xmp = image_bytes[offset + 8 : offset + 8 + length]
        elif kind == b"VP8X" and not parts and length >= 10:
            flags = image_bytes[offset + 8] & _ONLY_PIXELS
            parts.append(image_bytes[offset : offset + 8] + bytes([flags]))
            parts.append(image_bytes[offset + 9 : end])
        elif kind in (b"ANIM", b"ALPH") and not has_pixels:
            parts.append(image_bytes[offset:end])
        elif kind in (b"ANMF", b"VP8 ", b"VP8L") and not has_pixels:
            parts.append(image_bytes[offset:end])
            has_pixels = True
        offset = end
    else:
        raise Undecodable(f"the WEBP picture has more than {MAX_CHUNKS} chunks")
    if not has_pixels:
        raise Undecodable("the WEBP picture is truncated: it has no pixels")
    length = 4 + sum(map(len, parts))
    head = b"RIFF" + struct.pack("<I", length) + b"WEBP"
    return PixelStream(b"".join([head, *parts]), size, read_orientation(exif, xmp))
