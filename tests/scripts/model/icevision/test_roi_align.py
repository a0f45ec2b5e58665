"""RoIAlign against a plain reading of Mask R-CNN (He et al. 2017), a point at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.support.training import Training, needs_training

pytestmark = needs_training

SCALE, SIDE, SAMPLES = 0.25, 3, 2


def interpolate(plane: np.ndarray, y: float, x: float) -> float:
    """Bilinear; beside the plane its edge, and nothing further than a pixel away."""
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = plane[top, left] * (1 - (x - left)) + plane[top, right] * (x - left)
    lower = plane[bottom, left] * (1 - (x - left)) + plane[bottom, right] * (x - left)
    return float(upper * (1 - (y - top)) + lower * (y - top))


def pool(feature: np.ndarray, rois: np.ndarray, *, aligned: bool) -> np.ndarray:
    pooled = np.zeros((len(rois), feature.shape[1], SIDE, SIDE))
    for at, (number, *corners) in enumerate(rois):
        x0, y0, x1, y1 = (corner * SCALE - (0.5 if aligned else 0.0) for corner in corners)
        width, height = x1 - x0, y1 - y0
        if not aligned:  # the first release let no region be smaller than a pixel
            width, height = max(width, 1.0), max(height, 1.0)
        for channel, row, column in np.ndindex(feature.shape[1], SIDE, SIDE):
            points = [
                interpolate(
                    feature[int(number), channel],
                    y0 + (row + (down + 0.5) / SAMPLES) * height / SIDE,
                    x0 + (column + (along + 0.5) / SAMPLES) * width / SIDE,
                )
                for down in range(SAMPLES)
                for along in range(SAMPLES)
            ]
            pooled[at, channel, row, column] = np.mean(points)
    return pooled


@pytest.mark.parametrize("aligned", [False, True])
def test_regions_are_pooled_as_the_paper_says(training: Training, *, aligned: bool) -> None:
    rng = np.random.default_rng(7)
    feature = rng.normal(size=(2, 2, 6, 9))
    first = rng.uniform(-6, 30, (8, 2))  # some reach over the edges of 24 x 36 px
    rois = np.concatenate(
        [rng.integers(0, 2, (8, 1)), first, first + rng.uniform(1, 25, (8, 2))], 1
    )
    given = {"feature": feature.tolist(), "rois": rois.tolist(), "scale": SCALE, "side": SIDE,
             "samples": SAMPLES, "aligned": aligned}  # fmt: skip
    ran = training.run("tests.scripts.model.icevision.pooled_regions", json.dumps(given))
    assert ran.code == 0, ran.error
    answer = json.loads(ran.out)
    expected = pool(feature, rois, aligned=aligned)
    # torch's operator reckons places in float32.
    assert np.allclose(answer["pooled"], expected, atol=1e-5)
    # The gradient of the sum of squares, by a difference at one pixel.
    step = np.zeros_like(feature)
    step[1, 0, 2, 4] = 1e-4
    more, less = (np.square(pool(feature + s, rois, aligned=aligned)).sum() for s in (step, -step))
    gradient = np.array(answer["gradient"])[1, 0, 2, 4]
    assert gradient == pytest.approx((more - less) / 2e-4, rel=1e-4)
