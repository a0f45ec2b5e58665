"""Pictures for the page: squares of several strengths, so that a threshold tells them apart."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.support.tiny_bundle import paint

# Red excess over green and blue is the tiny bundle's score: 1.0, 0.8, 0.35 of these.
SQUARES = {
    (80, 80, 160, 160): (255, 0, 0),
    (320, 240, 400, 320): (255, 51, 51),
    (80, 400, 160, 480): (255, 166, 166),
    (400, 480, 480, 560): (0, 255, 0),
}
STRONG, ALL = 3, 4  # above the model's 0.5; above its floor
RED, STRONG_RED = 3, 2


def squares(kind: str = "PNG", orientation: int = 1, **options: object) -> bytes:
    """640 x 640 px, or as a JPEG of an EXIF orientation."""
    picture = paint(640, 640, [])
    for (x0, y0, x1, y1), colour in SQUARES.items():
        picture[y0:y1, x0:x1] = colour
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
        options["exif"] = exif
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind, **options)
    return stream.getvalue()


def photo(width: int, height: int, *, quality: int = 92) -> bytes:
    """A JPEG as large as a phone's: noise in every px, and coarse shapes."""
    dice = np.random.default_rng(7)
    coarse = dice.integers(60, 200, (height // 100, width // 100, 3), np.uint8)
    shapes = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    grain = dice.normal(0, 14, (height, width, 1)).astype(np.int16)
    stream = io.BytesIO()
    Image.fromarray(np.clip(shapes + grain, 0, 255).astype(np.uint8)).save(
        stream, "JPEG", quality=quality
    )
    return stream.getvalue()
