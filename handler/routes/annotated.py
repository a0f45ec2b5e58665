"""Encodes a prediction's annotated picture, reduced until its file fits into the response."""

from __future__ import annotations

from typing import Literal

from handler.detection.detections import Detections
from handler.detection.prediction import Prediction
from handler.images.decode import decode
from handler.images.picture import Pixels

# The longer side of the annotated picture: the first whose file fits. Even noise fits at the last.
SIDES_PX = (1280, 960, 640, 480)


def annotated(
    prediction: Prediction,
    shown: Detections,
    kind: Literal["JPEG", "PNG"],
    max_bytes: int,
    *,
    boxes: bool = True,
    labels: bool = False,
    line_px: int | None = None,
) -> bytes:
    """A file of at most max_bytes; boxes, labels, line_px: as annotate.draw takes them."""
    from handler.detection import annotate  # fonts and drawing: only where a picture is asked for

    size = (prediction.picture.width, prediction.picture.height)
    pixels = _pixels_to_draw_on(prediction)
    image_bytes = b""
    for side_px in SIDES_PX:
        drawn = annotate.draw(
            pixels,
            shown,
            size,
            prediction.classes,
            max_side=side_px,
            boxes=boxes,
            labels=labels,
            line_px=line_px,
        )
        image_bytes = annotate.encode(drawn, kind)
        if len(image_bytes) <= max_bytes:
            break
    return image_bytes


def _pixels_to_draw_on(prediction: Prediction) -> Pixels:
    """The picture at a scale to look at: a JPEG that was reduced to little more than the model's
    input is decoded again."""
    picture = prediction.picture
    if not picture.is_reduced:
        return picture.pixels
    return decode(
        prediction.request.image_bytes,
        max_pixels=picture.width * picture.height,
        min_frame=(SIDES_PX[0], SIDES_PX[0]),
    ).pixels
