"""The pictures of a dataset with most misses and false detections, drawn for report.html."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.matching import match_to_ground_truth

MAX_PICTURES = 6  # of each dataset
MAX_SIDE_PX = 900
TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = "#1b9e3f", "#e4261d", "#ffd400"


@dataclass(frozen=True)
class MatchedPicture:
    """A picture with the predictions above the threshold; matches: int64 (N,), the index of the
    ground truth box that each matches, -1 for none."""

    picture: EvaluatedPicture
    boxes: np.ndarray
    matches: np.ndarray

    @property
    def true_positives(self) -> int:
        return int((self.matches >= 0).sum())

    @property
    def false_positives(self) -> int:
        return int((self.matches < 0).sum())

    @property
    def false_negatives(self) -> int:
        return self.picture.true_count - self.true_positives

    @property
    def error(self) -> float:
        """Wrong and missed boxes by labelled ones."""
        return (self.false_positives + self.false_negatives) / max(self.picture.true_count, 1)


def format_worst_pictures(
    pictures: Sequence[EvaluatedPicture], classes: Sequence[str], score_threshold: float
) -> str:
    """HTML of the worst pictures, worst first, with a key of the colours."""
    ranked = [_match(picture, classes, score_threshold) for picture in pictures]
    ranked.sort(key=lambda each: -each.error)
    worst = [each for each in ranked[:MAX_PICTURES] if each.error]
    if not worst:
        return "<p>No picture has a miss or a false box.</p>"
    key = (
        f'<p class="key"><span style="border-color:{TRUE_POSITIVE}">right</span>'
        f'<span style="border-color:{FALSE_POSITIVE}">found, not labelled</span>'
        f'<span style="border-color:{FALSE_NEGATIVE};border-style:dashed">missed</span></p>'
    )
    drawn = "".join(_format_picture(each) for each in worst)
    return f'<h3>The worst pictures</h3>{key}<div class="pair">{drawn}</div>'


def _match(
    picture: EvaluatedPicture, classes: Sequence[str], score_threshold: float
) -> MatchedPicture:
    predictions = picture.predictions_above(score_threshold)
    matches = match_to_ground_truth(predictions, picture.ground_truth, classes)
    return MatchedPicture(picture, predictions.boxes, matches)


def _format_picture(matched: MatchedPicture) -> str:
    caption = (
        f"{html.escape(matched.picture.ground_truth.path.name)}: {len(matched.boxes)} found, "
        f"{matched.picture.true_count} labelled; {matched.true_positives} right, "
        f"{matched.false_positives} wrong, {matched.false_negatives} missed"
    )
    jpeg = base64.b64encode(_draw_jpeg(matched)).decode()
    return (
        f'<figure><img alt="{caption}" src="data:image/jpeg;base64,{jpeg}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _draw_jpeg(matched: MatchedPicture) -> bytes:
    """JPEG of the picture with its boxes, dashed where a labelled one was missed."""
    with Image.open(matched.picture.ground_truth.path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    scale = min(1.0, MAX_SIDE_PX / max(image.size))
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size])
    canvas = ImageDraw.Draw(image)
    line_px = max(2, round(max(image.size) / 300))
    for box, match in zip(matched.boxes, matched.matches, strict=True):
        colour = TRUE_POSITIVE if match >= 0 else FALSE_POSITIVE
        canvas.rectangle([float(value) * scale for value in box], outline=colour, width=line_px)
    for index, box in enumerate(matched.picture.ground_truth.boxes):
        if index not in matched.matches:
            _draw_dashed(canvas, [float(value) * scale for value in box], line_px)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=80)
    return jpeg.getvalue()


def _draw_dashed(canvas: ImageDraw.ImageDraw, box: Sequence[float], line_px: int) -> None:
    x0, y0, x1, y1 = box
    corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        steps = max(1, round(max(abs(bx - ax), abs(by - ay)) / (4 * line_px)))
        for step in range(0, steps, 2):
            start, end = step / steps, min(1.0, (step + 1) / steps)
            canvas.line(
                [ax + (bx - ax) * start, ay + (by - ay) * start,
                 ax + (bx - ax) * end, ay + (by - ay) * end],
                fill=FALSE_NEGATIVE, width=line_px,
            )  # fmt: skip
