"""Pictures as files of every format, some of them broken on purpose."""

from __future__ import annotations

import base64
import functools
import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from handler.images import decode
from handler.images.picture import Picture
from handler.problems import Problem

# 64 x 48 px, left half red, right half blue, to be turned by EXIF orientation 6, as its container
# says too. Made with pillow-heif 1.8.1; the handler's pi-heif only reads.
HEIC = base64.b64decode("""
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA
AAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAAFAAAgAAAAACPAABAAAAAAAAACQAAAA4aWluZgAAAAAA
AgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADm
aXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAq
QgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQAN
AAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBp
eGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEA
AQAAAHxtZGF0AAAATCgBrxOA+BDhp//7QKP/4BM8Pye9Jif/4UcEf1C8P/yavDu724Iw2Odqg8D72Q5sFrPcJlNzLuZg
Q94nsb48Udt6v1rrT+ZKCzzkU4AAAAAGRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAA=
""")
CRASHING_HEIC = HEIC.replace(b"Exif", b"\xdaxif", 1)  # kills pi-heif 1.4.0 with SIGSEGV


def read(image_bytes: bytes, **options: Any) -> Picture:
    """Decode with a limit of 1 megapixel, unless the options say otherwise."""
    return decode.decode(image_bytes, **{"max_pixels": 1_000_000, **options})


def encode(picture: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@functools.cache
def photo(width: int = 64, height: int = 48) -> Image.Image:
    """A smooth picture, with no two corners alike."""
    corners = np.array([[[230, 40, 30], [30, 200, 60]], [[40, 60, 220], [220, 210, 90]]], np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def png(
    width: int, height: int, *, pixels: bytes = b"", chunks: Sequence[tuple[bytes, bytes]] = ()
) -> bytes:
    """An RGB PNG that claims a size; its pixels need not be there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    others = b"".join(chunk(*one) for one in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + others + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def tiff(tags: dict[int, int], pixels: bytes = b"", data_tag: int = 273) -> bytes:
    """A little-endian TIFF of LONG tags; `data_tag` points at the pixels behind them."""
    tags = dict(sorted((tags | {data_tag: 8 + 2 + 12 * (len(tags) + 1) + 4}).items()))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + pixels


def picture_or_problem(
    image_bytes: bytes, min_frame: tuple[int, int] | None = None
) -> Picture | Problem:
    try:
        return read(image_bytes, min_frame=min_frame)
    except Problem as problem:
        return problem
