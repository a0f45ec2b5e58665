"""Whether a picture is like those that the model's counts were calibrated on.

An interval learned from pictures holds for pictures like them. What tells is how the picture looks
to the model, and what the model makes of it, all of it at the model's own thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handler.bundle.manifest import DefaultThresholds, PictureRanges
from handler.detection.detections import Detections
from handler.images.statistics import LightSample


@dataclass(frozen=True)
class PictureFeatures:
    """What a count's interval depends on, whichever thresholds the request had.

    count: detections at the model's own thresholds. doubtful: candidates, found or not, that score
    nearer to the threshold than half the way from there to the score floor: near misses, and what
    was nearly missed. near_miss_share: of all above the floor, those up to the
    threshold, 0..1. object_px: median of the detections' sqrt(area) in px of the model's input,
    None without any. brightness, contrast, sharpness: of handler.images.statistics.
    """

    count: int
    doubtful: int
    near_miss_share: float
    object_px: float | None
    brightness: float
    contrast: float
    sharpness: float


# By feature: what is said of a picture below the range, and above; what its number is; how it is
# written.
_WORDS = {
    "brightness": ("the picture is darker", "the picture is brighter", "brightness", "{:.1%}"),
    "contrast": ("the picture has less contrast", "the picture has more contrast", "contrast",
                 "{:.1%}"),
    "sharpness": ("the picture is less sharp", "the picture is sharper or noisier", "sharpness",
                  "{:.2%}"),
    "object_px": ("the objects are smaller", "the objects are larger",
                  "px in the model's input", "{:.1f}"),
    "near_miss_share": ("the picture has fewer near misses", "the picture has more near misses",
                        "their share", "{:.1%}"),
    "count": ("the picture has fewer objects", "the picture has more objects", "count", "{:.0f}"),
}  # fmt: skip


def measure_features(
    candidates: Detections, light: LightSample, own: DefaultThresholds
) -> PictureFeatures:
    """The features of a prediction without tiles.

    candidates: of the DetectorOutput, at the model's own IoU threshold. own: the model's own
    thresholds.
    """
    scores = candidates.scores
    count = min(int(np.count_nonzero(scores > own.score)), own.max_detections)
    near_misses = int(np.count_nonzero((scores > own.score_floor) & (scores <= own.score)))
    reach = max(0.0, own.score - own.score_floor) / 2
    sides = candidates.boxes[:count, 2:].astype(float) - candidates.boxes[:count, :2]
    return PictureFeatures(
        count=count,
        doubtful=int(np.count_nonzero(np.abs(scores - own.score) < reach)),
        near_miss_share=near_misses / max(1, near_misses + count),
        object_px=float(np.median(np.sqrt(sides.prod(1)))) if count else None,
        **light._asdict(),
    )


def find_difference(features: PictureFeatures, ranges: PictureRanges) -> str | None:
    """A phrase on the first feature that lies outside the calibration's range, with both numbers;
    None for a picture like those."""
    if features.object_px is None:
        return "nothing was found, and so nothing tells what may have been missed"
    for name, (below, above, what, written) in _WORDS.items():
        value, (low, high) = getattr(features, name), getattr(ranges, name)
        if not low <= value <= high:
            said, least, most = (written.format(number) for number in (value, low, high))
            return (
                f"{below if value < low else above} than those it was calibrated on "
                f"({what} {said}, there {least} to {most})"
            )
    return None
