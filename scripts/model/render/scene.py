"""The field of view of a microscope that everything is drawn into.

Lengths are px of a 2,800 px picture unless said otherwise; `Scene.scale` turns them into px of the
picture being drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

REFERENCE_PX = 2800


@dataclass(frozen=True)
class Scene:
    """What all parts of one picture share.

    Lengths are px of the picture, arrays float32 (S, S). scale: px of the picture by px of a
    2,800 px one. centre, radius: of the round field of view. x, y: coordinates of each px.
    distance: of each px to the centre.
    """

    rng: np.random.Generator
    size: int
    scale: float
    centre: tuple[float, float]
    radius: float
    x: np.ndarray
    y: np.ndarray
    distance: np.ndarray

    def in_field(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Whether a point lies in the field of view, by `margin` px at least."""
        return math.hypot(x - self.centre[0], y - self.centre[1]) < self.radius - margin


def make_scene(rng: np.random.Generator, size: int) -> Scene:
    """A field of view at random in a picture of `size` px square."""
    scale = size / REFERENCE_PX
    centre = (
        size * rng.normal(0.5, 0.006),
        size * float(np.clip(rng.normal(0.53, 0.06), 0.42, 0.66)),
    )
    radius = size * rng.uniform(0.462, 0.505)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    distance = np.hypot(x - centre[0], y - centre[1])
    return Scene(rng, size, scale, centre, radius, x, y, distance)


def smooth_noise(rng: np.random.Generator, size: int, bumps: int) -> np.ndarray:
    """Noise float32 (size, size) of about unit deviation whose bumps are size / bumps px wide."""
    coarse = Image.fromarray(rng.normal(0, 1, (bumps + 3, bumps + 3)).astype(np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def sigmoid(value: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow."""
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


def absorb_light(
    scene: Scene,
    light: np.ndarray,
    x: float,
    y: float,
    reach: float,
    absorption: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """Multiply light by 1 - absorption(u, v) around (x, y), in place.

    u, v: float32 (h, w), offsets from (x, y); they and `reach` are px of a 2,800 px picture. The
    absorption is (h, w) or, by channel, (h, w, 3). Objects that overlap darken each other, as in
    transmission.
    """
    reach_px = int(reach * scene.scale) + 2
    x0, x1 = max(0, int(x) - reach_px), min(scene.size, int(x) + reach_px + 1)
    y0, y1 = max(0, int(y) - reach_px), min(scene.size, int(y) + reach_px + 1)
    if x0 >= x1 or y0 >= y1:
        return
    u = (scene.x[y0:y1, x0:x1] - x) / scene.scale
    v = (scene.y[y0:y1, x0:x1] - y) / scene.scale
    absorbed = absorption(u, v)
    light[y0:y1, x0:x1] *= 1 - (absorbed if absorbed.ndim == 3 else absorbed[..., None])
