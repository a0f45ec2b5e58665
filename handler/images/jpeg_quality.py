"""The quality that a JPEG was saved with, by its quantisation table of luma.

libjpeg's quality is a factor on the example table of ITU-T T.81, annex K.1. Of a table that another
encoder made, it is the quality whose table has the nearest sum.
"""

from __future__ import annotations

import bisect
from functools import cache

# Sorted, since only sums are compared.
_EXAMPLE_TABLE = (
    10, 11, 12, 12, 13, 14, 14, 14, 16, 16, 16, 17, 18, 19, 22, 22,
    24, 24, 24, 26, 29, 35, 37, 40, 40, 49, 51, 51, 55, 55, 56, 56,
    57, 58, 60, 61, 62, 64, 64, 68, 69, 72, 77, 78, 80, 81, 87, 87,
    92, 92, 95, 98, 99, 100, 101, 103, 103, 103, 104, 109, 112, 113, 120, 121,
)  # fmt: skip
_QUALITIES = range(1, 101)


def estimate_quality(table: bytes) -> int | None:
    """1..100; None for what is no table.

    table: 64 values of 8 bits, or of 16 (big endian).
    """
    if len(table) == 64:
        total, limit = sum(table), 255
    elif len(table) == 128:
        total, limit = sum(table[::2]) * 256 + sum(table[1::2]), 32767
    else:
        return None
    # Sums fall as the quality rises.
    found = bisect.bisect_left(_QUALITIES, -total, key=lambda quality: -_sum(quality, limit))
    neighbours = _QUALITIES[max(found - 1, 0) : found + 1]
    return min(neighbours, key=lambda quality: abs(_sum(quality, limit) - total))


@cache
def _sum(quality: int, limit: int) -> int:
    """Of libjpeg's table for a quality."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(max((value * scale + 50) // 100, 1), limit) for value in _EXAMPLE_TABLE)
