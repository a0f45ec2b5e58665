"""Pictures of coloured squares as files, for tests that send them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.support.tiny_bundle import paint

RED = [("red", (80, 80, 160, 160))]
RED_AND_GREEN = [*RED, ("green", (320, 240, 400, 320)), ("green", (400, 480, 480, 560))]


def encoded(
    squares: list[tuple[str, tuple[int, int, int, int]]], kind: str, size: int = 640
) -> bytes:
    """A file of Pillow's format `kind`."""
    stream = io.BytesIO()
    Image.fromarray(paint(size, size, squares)).save(
        stream, kind, **({"quality": 95} if kind == "JPEG" else {})
    )
    return stream.getvalue()


def jpeg(squares: list[tuple[str, tuple[int, int, int, int]]]) -> bytes:
    return encoded(squares, "JPEG")


def png(squares: list[tuple[str, tuple[int, int, int, int]]]) -> bytes:
    return encoded(squares, "PNG")


def pattern(width: int, height: int) -> np.ndarray:
    """A busy picture, uint8 (height, width, 3), that every machine makes alike."""
    y, x, channel = np.mgrid[0:height, 0:width, 0:3]
    return ((y * y * 37 + x * 91 + x * y * 11 + channel * 53) % 256).astype(np.uint8)
