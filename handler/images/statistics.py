"""Statistics of a picture's pixels, for prediction records and the monitoring baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
