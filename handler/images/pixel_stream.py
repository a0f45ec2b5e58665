"""What the formats' readers hand to a decoder."""

from __future__ import annotations

from typing import NamedTuple


class PixelStream(NamedTuple):
    """A picture's file, reduced to what its pixels need.

    image_bytes: of the same format, without texts, profiles and further frames. size: (width,
    height) in px, as the file says it. orientation: of its EXIF or XMP, 1..8. notes: what was
    repaired. lacks_end: the JPEG's end marker is missing, so that its pixels may be, too.
    scan_count: of a JPEG. jpeg_quality: 1..100, as `handler.images.jpeg_quality` says.
    """

    image_bytes: bytes
    size: tuple[int, int]
    orientation: int = 1
    notes: tuple[str, ...] = ()
    lacks_end: bool = False
    scan_count: int = 1
    jpeg_quality: int | None = None
