"""Draws the pictures of synthetic records: slim cells where the boxes are, in the light, colour and
focus that the record says."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from scripts.monitor.synthesize.pictures import Picture

MAX_SIDE_PX = 640
_SHARP = 0.03  # a sharpness from which pictures are not blurred
_QUALITY = 82


def draw_picture(picture: Picture, max_boxes: int = 300) -> bytes:
    """The picture as a JPEG of its own size, drawn at up to MAX_SIDE_PX and then enlarged."""
    image = picture.image
    width, height = int(image["width"]), int(image["height"])
    scale = min(1.0, MAX_SIDE_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    rng = np.random.default_rng(zlib.crc32(image["sha256"].encode()))
    ground, ink = _colours(image)
    canvas = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(canvas)
    count = picture.count_above(picture.threshold)
    for box in picture.boxes[: min(count, max_boxes)] * scale:
        _draw_cell(draw, [float(value) for value in box], ink, is_rising=bool(rng.integers(2)))
    blur = _SHARP / max(float(image["sharpness"] or _SHARP), 1e-3)
    if blur > 1:
        canvas = canvas.filter(ImageFilter.GaussianBlur(min(6.0, 2.5 * (blur - 1))))
    grain = 255 * float(image["noise"] or 0.01)
    pixels = np.asarray(canvas) + rng.normal(0, grain, (size[1], size[0], 1))
    drawn = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    jpeg = io.BytesIO()
    drawn.resize((width, height), Image.Resampling.BILINEAR).save(jpeg, "JPEG", quality=_QUALITY)
    return jpeg.getvalue()


def _colours(image: dict[str, object]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Of the ground and of the cells' outlines."""
    brightness = _number(image["brightness"], 0.55)
    ratios = [_number(image["red_to_green"], 0.0), 0.0, _number(image["blue_to_green"], 0.0)]
    ground = [255 * brightness * float(np.exp(ratio)) for ratio in ratios]
    ink = [value * 0.45 for value in ground]
    return _rgb(ground), _rgb(ink)


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def _rgb(values: list[float]) -> tuple[int, int, int]:
    red, green, blue = (int(min(255, max(0, value))) for value in values)
    return red, green, blue


def _draw_cell(
    draw: ImageDraw.ImageDraw, box: list[float], ink: tuple[int, int, int], *, is_rising: bool
) -> None:
    """A rod with round ends along one of the box's diagonals."""
    left, top, right, bottom = box
    thick = max(2.0, 0.22 * min(right - left, bottom - top))
    inner = thick / 2
    ends = [(left + inner, top + inner), (right - inner, bottom - inner)]
    if is_rising:
        ends = [(left + inner, bottom - inner), (right - inner, top + inner)]
    draw.line(ends, fill=ink, width=round(thick))
    for x, y in ends:
        draw.ellipse((x - inner, y - inner, x + inner, y + inner), fill=ink)
