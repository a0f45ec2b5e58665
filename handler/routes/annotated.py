"""A Prediction and what of it is shown in; the annotated picture, small enough to answer, out."""

from __future__ import annotations

from typing import Literal

from handler.detection.detections import Detections
from handler.detection.prediction import Prediction

# Of the annotated picture: the first whose file fits into the answer; even noise does at the last.
SIDES_PX = (1280, 960, 640, 480)


def annotated(
    prediction: Prediction,
    shown: Detections,
    kind: Literal["JPEG", "PNG"],
    room_bytes: int,
    *,
    boxes: bool = True,
    labels: bool = False,
    line_px: int | None = None,
) -> bytes:
    """A file of at most room_bytes; boxes, labels, line_px: as annotate.draw has them."""
    from handler.detection import annotate  # fonts and drawing: only where a picture is asked for

    size = (prediction.picture.width, prediction.picture.height)
    body = b""
    for side in SIDES_PX:
        drawn = annotate.draw(
            prediction.picture.rgb,
            shown,
            size,
            prediction.classes,
            max_side=side,
            boxes=boxes,
            labels=labels,
            line_px=line_px,
        )
        body = annotate.encode(drawn, kind)
        if len(body) <= room_bytes:
            break
    return body
