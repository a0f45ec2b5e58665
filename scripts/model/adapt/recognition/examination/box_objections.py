"""Whether decoded boxes look like boxes on a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.examination.objection import Objection
from scripts.model.adapt.recognition.examination.trial_decoding import DecodedTrial
from scripts.model.adapt.recognition.observed_model import ObservedModel

# Shares of boxes. A right reading of a trained network has hardly any such box on any picture.
_MAX_NOT_FINITE = 0.01
_MAX_UNORDERED = 0.05
_MAX_OUTSIDE = 0.25
_MAX_HUGE = 0.5
_MIN_SPREAD = 0.3  # of the picture's sides, between the 2nd and the 98th hundredth of the centres
_MIN_DENSE_ROWS = 20  # fewer need not be all over the picture
_MULTIPLE = 4  # px: half of the finest stride
_MAX_MULTIPLES = 0.97


def is_dense(reading: FormatReading) -> bool:
    """Whether the rows are a head's, all over the picture, and not a set of detections."""
    return reading.labels is None and reading.nms != "none"


def list_objections(
    model: ObservedModel, reading: FormatReading, trials: Sequence[DecodedTrial]
) -> Iterator[Objection]:
    boxes = np.concatenate([trial.boxes for trial in trials])
    size = np.array([model.foreign.image.width, model.foreign.image.height])
    finite = np.isfinite(boxes).all(1)
    if (~finite).mean() > _MAX_NOT_FINITE:
        yield Objection("strong", f"{(~finite).mean():.0%} of its boxes are not finite")
        return
    boxes = boxes[finite]
    extents = boxes[:, 2:] - boxes[:, :2]
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    unordered = (extents < -1e-3).any(1).mean()
    if unordered > _MAX_UNORDERED:
        yield Objection(
            "strong", f"{unordered:.0%} of its boxes end left of, or above, where they begin"
        )
        return
    yield from _size_objections(extents, size)
    outside = ((centres < -0.1 * size) | (centres > 1.1 * size)).any(1).mean()
    if outside > _MAX_OUTSIDE:
        yield Objection("strong", f"{outside:.0%} of its boxes lie outside the picture")
    dense_rows = [trial for trial in trials if len(trial.boxes) >= _MIN_DENSE_ROWS]
    if is_dense(reading) and dense_rows:
        yield from _density_objections(boxes, centres, size)


def _size_objections(extents: NDArray[np.float64], size: NDArray[np.int64]) -> Iterator[Objection]:
    if np.median(extents.max(1)) < 1:
        yield Objection("strong", "most of its boxes are smaller than a pixel")
    huge = (extents > 2 * size).any(1).mean()
    if huge > _MAX_HUGE:
        yield Objection(
            "strong", f"{huge:.0%} of its boxes are more than twice as large as the picture"
        )


def _density_objections(
    boxes: NDArray[np.float64], centres: NDArray[np.float64], size: NDArray[np.int64]
) -> Iterator[Objection]:
    low, high = np.quantile(centres, [0.02, 0.98], axis=0)
    if ((high - low) < _MIN_SPREAD * size).all():
        (width, height), (x, y) = high - low, size
        yield Objection(
            "strong",
            f"the centres of its boxes lie within {width:.0f} x {height:.0f} px of the {x} x {y} "
            "px: not decoded, or in other units",
        )
    inner = boxes[((boxes > 0) & (boxes < np.tile(size, 2))).all(1)]
    multiples = np.abs(inner / _MULTIPLE - np.round(inner / _MULTIPLE)) < 1e-4
    if len(inner) >= _MIN_DENSE_ROWS and multiples.mean() > _MAX_MULTIPLES:
        yield Objection(
            "strong",
            "nearly all corners of its boxes are multiples of the stride: cells or priors, without "
            "what the head says",
        )
