"""Pictures that a foreign graph is tried on: noise, drawings, and the user's own.

A graph says what its outputs are only where it finds something, and noise alone is nothing to many
detectors. Which scale of pixels it wants is not known either, so each picture comes in three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.model.adapt.loading.image_input import ImageInput

# Pixels as bytes, 0..255; in 0..1; and normalised, about -2..2.
InputScale = Literal["bytes", "unit", "normalised"]
MAX_USER_PICTURES = 8
_FILL = 114


class TrialKind(NamedTuple):
    """scene: what the picture shows."""

    scene: str
    scale: InputScale


class TrialPicture(NamedTuple):
    """values: the graph's input."""

    kind: TrialKind
    values: NDArray[np.generic]


def trial_pictures(
    image: ImageInput, pictures: Sequence[NDArray[np.uint8]] = ()
) -> list[TrialPicture]:
    """Noise, drawings and the user's pictures (RGB [h, w, 3]) in every scale, noise first."""
    width, height = image.width, image.height
    scenes = {
        "noise": _noise(width, height),
        "shapes": _shapes(width, height),
        "street": _street(width, height),
        "bright page": _bright_page(width, height),
    }
    for number, rgb in enumerate(pictures[:MAX_USER_PICTURES], 1):
        scenes[f"picture {number}"] = _placed(rgb, width, height)
    scales = ("bytes",) if image.dtype == "uint8" else get_args(InputScale)
    return [
        TrialPicture(TrialKind(scene, scale), _to_input(rgb, scale, image))
        for scene, rgb in scenes.items()
        for scale in scales
    ]


def _to_input(
    rgb: NDArray[np.float32], scale: InputScale, image: ImageInput
) -> NDArray[np.generic]:
    values = {"bytes": rgb, "unit": rgb / 255, "normalised": rgb / 64 - 2}[scale]
    if image.layout == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values.reshape(image.shape).astype(image.dtype))


def _noise(width: int, height: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3))
    smooth = coarse.repeat(16, 0).repeat(16, 1)[:height, :width]
    grain = rng.integers(-20, 20, smooth.shape)
    return np.clip(smooth + grain, 0, 255).astype(np.float32)


def _shapes(width: int, height: int) -> NDArray[np.float32]:
    """Discs and boxes of several sizes on a gradient."""
    x, y = _coordinates(width, height)
    rgb = np.stack([90 + 60 * x, 100 + 50 * y, 140 - 40 * x], 2)
    rng = np.random.default_rng(1)
    for number in range(14):
        centre_x, centre_y = rng.uniform(0.08, 0.92, 2)
        half_width, half_height = rng.uniform(0.02, 0.14, 2)
        dx, dy = (x - centre_x) / half_width, (y - centre_y) / half_height
        inside = dx**2 + dy**2 < 1 if number % 2 else np.maximum(abs(dx), abs(dy)) < 1
        rgb[inside] = rng.integers(0, 256, 3)
    return rgb.astype(np.float32)


def _street(width: int, height: int) -> NDArray[np.float32]:
    """Sky, ground, houses, a car and people in silhouette, with light and grain of a photo."""
    x, y = _coordinates(width, height)
    rgb = np.stack([150 - 60 * y, 180 - 50 * y, 220 - 60 * y], 2)
    ground = y > 0.6
    rgb[ground] = (np.array([110, 105, 95]) + 40 * (y - 0.6)[..., np.newaxis])[ground]

    def box(x0: float, y0: float, x1: float, y1: float, colour: tuple[int, int, int]) -> None:
        rgb[(x >= x0) & (x < x1) & (y >= y0) & (y < y1)] = colour

    def disc(cx: float, cy: float, rx: float, ry: float, colour: tuple[int, int, int]) -> None:
        rgb[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1] = colour

    box(0.02, 0.25, 0.3, 0.65, (150, 90, 70))
    for column in range(3):
        box(0.06 + 0.08 * column, 0.32, 0.1 + 0.08 * column, 0.42, (60, 70, 90))
    disc(0.88, 0.3, 0.1, 0.16, (50, 100, 45))
    box(0.86, 0.42, 0.9, 0.66, (80, 60, 40))
    box(0.36, 0.66, 0.66, 0.8, (170, 30, 30))
    box(0.42, 0.58, 0.6, 0.67, (120, 160, 180))
    disc(0.42, 0.81, 0.035, 0.045, (25, 25, 25))
    disc(0.6, 0.81, 0.035, 0.045, (25, 25, 25))
    for person, shirt in ((0.74, (40, 60, 150)), (0.2, (220, 200, 60))):
        disc(person, 0.5, 0.022, 0.035, (215, 170, 140))
        box(person - 0.03, 0.54, person + 0.03, 0.7, shirt)
        box(person - 0.025, 0.7, person - 0.003, 0.86, (40, 40, 60))
        box(person + 0.003, 0.7, person + 0.025, 0.86, (40, 40, 60))
    grain = np.random.default_rng(2).normal(0, 6, rgb.shape)
    light = 1 - 0.25 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    return np.clip(rgb * light[..., np.newaxis] + grain, 0, 255).astype(np.float32)


def _bright_page(width: int, height: int) -> NDArray[np.float32]:
    """Pale things on white, as through a microscope or on paper: no pixel is dark."""
    x, y = _coordinates(width, height)
    rgb = np.full((height, width, 3), 246.0)
    rng = np.random.default_rng(3)
    for _ in range(10):
        centre_x, centre_y = rng.uniform(0.1, 0.9, 2)
        radius_x, radius_y = rng.uniform(0.02, 0.1, 2)
        inside = ((x - centre_x) / radius_x) ** 2 + ((y - centre_y) / radius_y) ** 2 < 1
        rgb[inside] = rng.integers(210, 235, 3)
    return rgb.astype(np.float32)


def _placed(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
    """A picture at the top left of the input, in its own proportions."""
    gain = min(width / rgb.shape[1], height / rgb.shape[0])
    new_size = max(round(rgb.shape[1] * gain), 1), max(round(rgb.shape[0] * gain), 1)
    resized = Image.fromarray(rgb).resize(new_size, Image.Resampling.BILINEAR)
    placed = np.full((height, width, 3), _FILL, np.float32)
    placed[: new_size[1], : new_size[0]] = np.asarray(resized)
    return placed


def _coordinates(width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of every pixel, in 0..1."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return x, y
