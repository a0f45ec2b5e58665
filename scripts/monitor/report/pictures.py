"""Draws kept pictures small, with their detections, for report.html."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from handler.detection.annotate import draw
from handler.detection.detections import Detections
from handler.images.decode import decode
from handler.problems import Problem
from handler.records.record import PredictionRecord
from scripts.monitor.words import format_count

MAX_SIDE = 460  # px
MAX_BYTES = 60_000  # of one JPEG
MAX_PIXELS = 50_000_000
MAX_BOXES = 1000
_QUALITIES = (80, 60, 40, 25)


@dataclass(frozen=True)
class DrawnPicture:
    """A JPEG of at most MAX_BYTES. caption: what the model saw. width, height: px."""

    jpeg: bytes
    width: int
    height: int
    caption: str


def draw_picture(record: PredictionRecord, image_bytes: bytes) -> DrawnPicture | None:
    """The picture with the boxes of its record; None where it cannot be decoded or drawn."""
    try:
        picture = decode(image_bytes, max_pixels=MAX_PIXELS, min_frame=(MAX_SIDE, MAX_SIDE))
    except Problem:
        return None
    shown = record.detections[:MAX_BOXES]
    try:
        classes = tuple(dict.fromkeys(str(each["label"]) for each in shown))
        detections = Detections(
            np.array(
                [[each["box"][side] for side in _SIDES] for each in shown], np.float32
            ).reshape(-1, 4),
            np.array([each["score"] for each in shown], np.float32),
            np.array([classes.index(str(each["label"])) for each in shown], np.int64),
        )
    except (KeyError, TypeError, ValueError):
        return None
    image = draw(
        picture.pixels,
        detections,
        (picture.width, picture.height),
        classes,
        max_side=MAX_SIDE,
        line_px=2,
    )
    for quality in _QUALITIES:
        jpeg = io.BytesIO()
        image.convert("RGB").save(jpeg, "JPEG", quality=quality, optimize=True)
        if len(jpeg.getvalue()) <= MAX_BYTES:
            caption = f"{format_count(len(record.detections), 'object')} found"
            return DrawnPicture(jpeg.getvalue(), image.width, image.height, caption)
    return None


_SIDES = ("xmin", "ymin", "xmax", "ymax")
