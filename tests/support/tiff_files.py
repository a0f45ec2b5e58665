"""TIFFs written tag by tag, for what no library writes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

_TYPES = {"B": 1, "H": 3, "I": 4}
_FORMATS = {258: "H", 262: "H", 320: "H", 338: "H", 339: "H", 281: "H"}


def write_tiff(
    tags: Mapping[int, int | Sequence[int] | bytes],
    pieces: Sequence[bytes],
    byte_order: str = "<",
) -> bytes:
    """A page of these tags and strips (or tiles, if the tags say so); bytes are a text."""
    offsets = np.cumsum([8] + [len(piece) for piece in pieces])[:-1].tolist()
    is_tiled = 322 in tags
    values: dict[int, int | Sequence[int] | bytes] = {
        259: 1,
        277: 1,
        (324 if is_tiled else 273): offsets,
        (325 if is_tiled else 279): [len(piece) for piece in pieces],
        **tags,
    }
    body = b"".join(pieces)
    body += bytes(len(body) & 1)
    entries = b""
    for tag, value in sorted(values.items()):
        if isinstance(value, bytes):
            kind, count, packed = 2, len(value), value
        else:
            numbers = [value] if isinstance(value, int) else list(value)
            letter = _FORMATS.get(tag, "I")
            kind, count = _TYPES[letter], len(numbers)
            packed = struct.pack(f"{byte_order}{count}{letter}", *numbers)
        if len(packed) > 4:
            where = struct.pack(byte_order + "I", 8 + len(body))
            body += packed + bytes(len(packed) & 1)
        else:
            where = packed.ljust(4, b"\0")
        entries += struct.pack(byte_order + "HHI", tag, kind, count) + where
    head = (b"II" if byte_order == "<" else b"MM") + struct.pack(byte_order + "H", 42)
    directory = struct.pack(byte_order + "H", len(values)) + entries + bytes(4)
    return head + struct.pack(byte_order + "I", 8 + len(body)) + body + directory


def pack_bits(samples: np.ndarray, bits: int) -> bytes:
    """Rows (h, values) of so many bits each, most significant first; rows end at a byte."""
    shifts = np.arange(bits - 1, -1, -1)
    single = (samples[..., None].astype(np.int64) >> shifts & 1).astype(np.uint8)
    return np.packbits(single.reshape(len(samples), -1), axis=1).tobytes()
