"""Decode run-length-encoded BMPs in bounded time.

Pillow fills lines and skips byte by byte, so that a kilobyte takes seconds. Here each code is one
step, whatever it fills (Microsoft, "Bitmap Compression").
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.problems import Undecodable

MAX_RLE_CODES = 2_500_000  # 1.7 s at worst; 5 MB of the shortest codes
_RLE8, _RLE4 = 1, 2
_PAIRS = [bytes((value >> 4, value & 15)) for value in range(256)]  # indices of a byte in RLE4


def is_run_length_encoded(image_bytes: bytes) -> bool:
    header_bytes, compression = _u32(image_bytes, 14), _u32(image_bytes, 30)
    return header_bytes >= 40 and compression in (_RLE8, _RLE4)


def decode_runs(image_bytes: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture, as palette indices; a line that is not filled is truncation.

    size: (width, height) in px, already checked. Raises Undecodable.
    """
    width, height = size
    header_bytes, pixels_at = _u32(image_bytes, 14), _u32(image_bytes, 10)
    (bits,) = struct.unpack_from("<H", image_bytes, 28)
    is_rle4 = _u32(image_bytes, 30) == _RLE4
    if bits != (4 if is_rle4 else 8):
        raise Undecodable("the BMP picture is damaged: its depth does not fit its compression")
    colour_count = min(_u32(image_bytes, 46) or 1 << bits, 1 << bits)
    palette = np.zeros((256, 3), np.uint8)
    entries = image_bytes[14 + header_bytes : 14 + header_bytes + 4 * colour_count]
    colours = np.frombuffer(entries[: len(entries) // 4 * 4], np.uint8).reshape(-1, 4)
    palette[: len(colours)] = colours[:, 2::-1]
    indices = _decode_indices(image_bytes, pixels_at, width, height, is_rle4)
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    return image


def _decode_indices(
    image_bytes: bytes, offset: int, width: int, height: int, is_rle4: bool
) -> NDArray[np.uint8]:
    """Palette indices, uint8 (height, width), the top row first. Raises Undecodable."""
    pixels = bytearray(width * height)
    file_bytes = len(image_bytes)
    x = y = 0  # y counts from the bottom
    for _ in range(MAX_RLE_CODES):
        if y >= height or offset + 2 > file_bytes:
            break
        count, value = image_bytes[offset], image_bytes[offset + 1]
        offset += 2
        if count:  # a run of one index, or of two in turn
            count = min(count, width - x)
            start = y * width + x
            run = _PAIRS[value] * 128 if is_rle4 else bytes((value,)) * count
            pixels[start : start + count] = run[:count]
            x += count
        elif value == 0:  # end of line
            x, y = 0, y + 1
        elif value == 1:  # end of picture
            break
        elif value == 2:  # skip to the right and upwards
            if offset + 2 > file_bytes:
                break
            x = min(width, x + image_bytes[offset])
            y += image_bytes[offset + 1]
            offset += 2
        else:  # so many indices as they are, padded to 16 bits
            used = (value + 1) // 2 if is_rle4 else value
            indices = image_bytes[offset : offset + used]
            if len(indices) < used:
                break
            if is_rle4:
                indices = b"".join(map(_PAIRS.__getitem__, indices))
            count = min(value, width - x)
            start = y * width + x
            pixels[start : start + count] = indices[:count]
            x += count
            offset += used + used % 2
    else:
        raise Undecodable(f"the BMP picture has more than {MAX_RLE_CODES:,} run-length codes")
    if y * width + x < width * height:
        raise Undecodable("the BMP picture is truncated: its run-length codes end too early")
    return np.frombuffer(pixels, np.uint8).reshape(height, width)[::-1]


def _u32(image_bytes: bytes, offset: int) -> int:
    return int.from_bytes(image_bytes[offset : offset + 4], "little")
