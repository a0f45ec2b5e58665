"""Trials made by hand: what a reading is said to have found on some pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from handler.detection.detections import Detections
from scripts.model.adapt.check.trial import PictureTrial, VariantTrial
from scripts.model.adapt.check.variants import ReadingVariant, make_variant
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.preprocessing import STRETCHED_UNIT
from scripts.model.adapt.reading import FormatReading, OutputSlice

IMAGE = ImageInput("images", "nchw", "float32", 4, 128, 96)
READING = FormatReading(
    "boxes-scores",
    (),
    STRETCHED_UNIT,
    OutputSlice(("boxes",), 4),
    "xyxy",
    OutputSlice(("scores",), 2),
    0.3,
    0.5,
)
SIDE = 1000  # px of a picture


def variant(**options: Any) -> ReadingVariant:
    return make_variant(READING, AdaptOptions(**options), IMAGE)


def detections(boxes: Sequence[Sequence[float]], scores: Sequence[float]) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.zeros(len(scores), np.int64),
    )


def picture(
    scores: Sequence[float], *, is_found_again: bool = True, first: int = 0, side: float = 60
) -> PictureTrial:
    """Boxes apart from each other, from the `first` of ten columns on."""
    boxes = [
        (100 * ((first + i) % 10), 100 * ((first + i) // 10), 0, 0) for i in range(len(scores))
    ]
    corners = [(x, y, x + side, y + side) for x, y, _, _ in boxes]
    found = detections(corners, scores)
    mirrored = found if is_found_again else detections([], [])
    return PictureTrial(SIDE, SIDE, found, found, mirrored)


def trial(
    pictures: Sequence[PictureTrial], ap50: float | None = None, **options: Any
) -> VariantTrial:
    return VariantTrial(variant(**options), tuple(pictures), ("ant", "bee", "cat"), 300, ap50)
