"""Read the orientation out of EXIF or XMP, in one bounded pass.

Pillow reads every tag first: 65,535 tags that name the same megabytes cost minutes and gigabytes.
"""

from __future__ import annotations

import re
from typing import Literal

ORIENTATION_TAG = 0x0112
_PREFIX = b"Exif\0\0"
_TYPE_BYTES = {3: 2, 4: 4, 8: 2, 9: 4}  # SHORT, LONG and their signed kin
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def read_orientation(exif: bytes | None, xmp: bytes | None) -> int:
    """The orientation, 1..8; 1 if it is missing, unreadable or does not exist.

    exif: a TIFF directory, with or without the prefix that JPEG puts before it. xmp: its XML, which
    counts where EXIF has no orientation.
    """
    orientation = _read_exif(exif) if exif else None
    if orientation is None and xmp and (match := _XMP.search(xmp)):
        orientation = int(match[1])
    return orientation if orientation and orientation in range(1, 9) else 1


def _read_exif(exif: bytes) -> int | None:
    """The value of the tag in the first directory; None where there is none."""
    start = next((n for n in (12, 6) if exif.startswith(_PREFIX * (n // 6))), 0)
    order: Literal["little", "big"] = "little" if exif[start : start + 2] == b"II" else "big"
    if exif[start : start + 4] not in (b"II*\0", b"MM\0*"):
        return None

    def number(offset: int, size: int) -> int:
        return int.from_bytes(exif[offset : offset + size], order)

    orientation = None
    first = start + number(start + 4, 4) + 2
    last = min(first + 12 * number(first - 2, 2), len(exif) - 11)
    for entry in range(first, last, 12):
        if number(entry, 2) == ORIENTATION_TAG and number(entry + 4, 4) == 1:
            size = _TYPE_BYTES.get(number(entry + 2, 2), 0)
            orientation = number(entry + 8, size)
    return orientation
