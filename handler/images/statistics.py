"""Statistics of a picture's pixels: for prediction records and the monitoring baseline, and of
pictures on which there is nothing to see."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

_FLAT_LEVELS = 16  # of 256; 12-bit values in 16 bits lie below
_MAX_OTHERS = 1e-4  # a share of all values: hot pixels; a sample may have more by chance
_MAX_OTHERS_IN_SAMPLE = 1e-2
_SAMPLES_PER_SIDE = 40


def statistics(content: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Brightness (mean of luma, 0..1), contrast (its standard deviation), and sharpness (the
    standard deviation of its Laplacian).

    content: uint8 (h, w, 3) RGB at the model's scale, without padding, so that large and small
    photos compare.
    """
    luma = (
        content.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
    )
    laplacian = (
        luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    )  # empty if a side is below 3 px
    sharpness = float(laplacian.std()) if laplacian.size else 0.0
    return round(float(luma.mean()), 4), round(float(luma.std()), 4), round(sharpness, 4)


def flat_colour(content: NDArray[np.uint8]) -> Literal["black", "white", "grey", "colour"] | None:
    """Which colour nearly all pixels have; None for a picture with something on it.

    content: uint8 (h, w, 3), at the model's scale. A sample decides first, in 0.06 ms at any size;
    only where that is flat are all pixels compared (0.4 ms for 640 x 640 px).
    """
    height, width = content.shape[:2]
    sample = content[:: -(-height // _SAMPLES_PER_SIDE), :: -(-width // _SAMPLES_PER_SIDE)]
    colour = np.median(sample.reshape(-1, 3), axis=0)
    low, high = colour - _FLAT_LEVELS / 2, colour + _FLAT_LEVELS / 2
    name: Literal["black", "white", "grey", "colour"]
    if colour.max() <= _FLAT_LEVELS:
        name, low, high = "black", np.zeros(3), np.full(3, _FLAT_LEVELS)
    elif colour.min() >= 255 - _FLAT_LEVELS:
        name, low, high = "white", np.full(3, 255 - _FLAT_LEVELS), np.full(3, 255)
    else:
        name = "grey" if np.ptp(colour) <= _FLAT_LEVELS else "colour"
    for values, max_others in ((sample, _MAX_OTHERS_IN_SAMPLE), (content, _MAX_OTHERS)):
        if _count_outside(values, low, high) > max_others * values.size:
            return None
    return name


def _count_outside(
    values: NDArray[np.uint8], low: NDArray[np.float64], high: NDArray[np.float64]
) -> int:
    """How many values (h, w, 3) lie outside their channel's limits, (3,) each."""
    rows = values.reshape(len(values), -1)
    row_low, row_high = (
        np.tile(limit.clip(0, 255).astype(np.uint8), values.shape[1]) for limit in (low, high)
    )
    return int(np.count_nonzero(rows < row_low) + np.count_nonzero(rows > row_high))
