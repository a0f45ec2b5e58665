"""What happens to the light on its way into the photo: needle, dark surround, and the phone."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from scripts.model.render.scene import Scene, sigmoid, smooth_noise


def photograph(scene: Scene, light: np.ndarray, needle: np.ndarray) -> np.ndarray:
    """The photo, uint8 (S, S, 3): needle and dark surround, then a phone's blur, sharpening and
    noise. needle: its opacity, from make_needle."""
    rng, scale = scene.rng, scene.scale
    haze = 8 + 70 * rng.random() ** 3
    opacity = needle[..., None]
    light = light * (1 - opacity) + haze * opacity * np.array([1.0, 0.98, 1.0], np.float32)
    inside = sigmoid((scene.radius - scene.distance) / (rng.uniform(2.0, 5.0) * scale))[..., None]
    corner = 1 + 0.2 * smooth_noise(rng, scene.size, 3)
    surround = haze * np.clip(corner, 0.5, 1.8)[..., None] * (1 + rng.normal(0, 0.04, 3))
    photo = light * inside + surround.astype(np.float32) * (1 - inside)
    from_edge = scene.distance - scene.radius + 5 * scale
    ring = np.exp(-((from_edge / (rng.uniform(5, 9) * scale)) ** 2))[..., None]
    photo += (
        ring
        * (np.array([1.0, 0.62, 0.08]) * rng.uniform(60, 170) - 0.5 * photo)
        * rng.uniform(0.5, 1.0)
    )
    image = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.6) * scale))
    image = image.filter(
        ImageFilter.UnsharpMask(rng.uniform(4, 11) * scale, int(rng.uniform(20, 110)), 0)
    )
    noisy = np.asarray(image, np.float32) + rng.uniform(0.5, 3.0) * rng.standard_normal(
        (scene.size, scene.size, 1), np.float32
    )
    noisy += rng.standard_normal(noisy.shape, np.float32)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def make_needle(scene: Scene) -> np.ndarray:
    """The opacity of a pointer needle, float32 (S, S), 0..1; a few pictures have none."""
    rng, scale = scene.rng, scene.scale
    if rng.random() < 0.05:
        return np.zeros((scene.size, scene.size), np.float32)
    angle = rng.uniform(0, 2 * math.pi)
    cos, sin = math.cos(angle), math.sin(angle)
    tip = scene.centre[0] + rng.normal(0, 60) * scale, scene.centre[1] + rng.normal(0, 60) * scale
    width, taper = rng.uniform(15, 26) * scale, rng.uniform(180, 520) * scale
    length, normal = scene.size * 1.5, (-sin, cos)
    outline = []
    for along, half_width in (
        (0, 1.0 * scale),
        (taper * 0.08, width * 0.3),
        (taper * 0.45, width * 0.75),
        (taper, width),
        (length, width * 1.35),
    ):
        outline.append((tip[0] + along * cos, tip[1] + along * sin, half_width))
    points = [(x + h * normal[0], y + h * normal[1]) for x, y, h in outline]
    points += [(x - h * normal[0], y - h * normal[1]) for x, y, h in reversed(outline)]
    mask = Image.new("L", (scene.size, scene.size))
    ImageDraw.Draw(mask).polygon(points, fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(rng.uniform(1.2, 3.5) * scale))
    return np.asarray(mask, np.float32) / 255
