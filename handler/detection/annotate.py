"""A picture and its detections in, the picture with the boxes drawn on it out."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from handler.detection.detections import Detections

MAX_SIDE = 1280  # px; a larger PNG may pass Lambda's response limit once it is base64
# Distinct on bright and on dark fields, and to colour-blind eyes (after Okabe and Ito, 2008).
COLOURS = (
    (213, 94, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
)


def draw(
    rgb: NDArray[np.uint8],
    detections: Detections,
    size: tuple[int, int],
    classes: tuple[str, ...],
    *,
    max_side: int = MAX_SIDE,
    boxes: bool = True,
    labels: bool = False,
    line_px: int | None = None,
) -> Image.Image:
    """Draw boxes, a colour a class, and the count of each class in a corner.

    rgb: uint8 (h, w, 3), the upright picture at any scale. size: (width, height) of the original in
    px, in which the boxes are. The result's longer side is at most `max_side` px and never larger
    than rgb's. boxes: whether they are drawn. labels: whether class and score stand at each.
    line_px: width of the lines, by default one that suits the size.
    """
    picture = Image.fromarray(rgb)
    picture.thumbnail((max_side, max_side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    scale = np.array([picture.width / size[0], picture.height / size[1]] * 2)
    pen = ImageDraw.Draw(picture)
    width = line_px or max(1, round(max(picture.size) / 500))
    places = (detections.boxes * scale).tolist()
    for (x0, y0, x1, y1), class_id in zip(places, detections.class_ids, strict=True):
        if boxes:
            pen.rectangle(
                (x0, y0, max(x0, x1), max(y0, y1)),
                outline=COLOURS[class_id % len(COLOURS)],
                width=width,
            )
    if labels:
        _labels(picture, pen, detections, places, classes)
    _legend(picture, pen, detections, classes)
    return picture


def _labels(
    picture: Image.Image,
    pen: ImageDraw.ImageDraw,
    detections: Detections,
    places: list[list[float]],
    classes: tuple[str, ...],
) -> None:
    """Class and score above each box's left corner, inside the picture; the best on top."""
    font = ImageFont.load_default(max(10, max(picture.size) // 70))
    for i in reversed(range(len(detections))):
        class_id = int(detections.class_ids[i])
        text = f"{classes[class_id]} {detections.scores[i]:.2f}"
        left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
        x = max(0.0, min(places[i][0], picture.width - (right - left)))
        y = max(0.0, places[i][1] - (bottom - top) - 2)
        pen.rectangle(
            (x, y, x + right - left + 2, y + bottom - top + 2),
            fill=COLOURS[class_id % len(COLOURS)],
        )
        pen.text((x + 1 - left, y + 1 - top), text, font=font, fill=(255, 255, 255))


def _legend(
    picture: Image.Image, pen: ImageDraw.ImageDraw, detections: Detections, classes: tuple[str, ...]
) -> None:
    if min(picture.size) < 64:
        return
    font = ImageFont.load_default(max(10, max(picture.size) // 45))
    seen = [
        class_id for class_id in range(len(classes)) if np.any(detections.class_ids == class_id)
    ]
    lines = [f"{classes[i]}  {int(np.sum(detections.class_ids == i))}" for i in seen[:12]] or [
        "nothing found"
    ]
    _, top, right, bottom = pen.multiline_textbbox((0, 0), "\n".join(lines), font=font)
    margin = (bottom - top) / len(lines) / 2
    pen.rectangle((0, 0, right + 3 * margin, bottom + 2 * margin), fill=(255, 255, 255))
    line_height = bottom / len(lines)
    for row, line in enumerate(lines):
        colour = COLOURS[seen[row] % len(COLOURS)] if seen else (0, 0, 0)
        pen.text((1.5 * margin, margin + row * line_height), line, font=font, fill=colour)


def encode(picture: Image.Image, kind: Literal["JPEG", "PNG"]) -> bytes:
    """The picture as a file: JPEG of quality 85, or PNG at the fastest compression."""
    stream = io.BytesIO()
    if kind == "JPEG":
        picture.save(stream, "JPEG", quality=85)
    else:
        picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
