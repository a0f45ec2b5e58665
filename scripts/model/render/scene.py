"""A random generator in; the microscope's field of view, empty and photographed, out.

Lengths are px of a 2,800 px picture unless said otherwise; `Scene.scale` turns them into px of the
picture being drawn. Light is multiplied, so what overlaps darkens as it does in transmission.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

REFERENCE_PX = 2800


@dataclass(frozen=True)
class Scene:
    """What all the parts of one picture share. Arrays are float32 (S, S); lengths are px of the
    picture."""

    rng: np.random.Generator
    size: int
    scale: float
    centre: tuple[float, float]
    radius: float
    x: np.ndarray
    y: np.ndarray
    distance: np.ndarray  # to the centre of the field of view

    def in_field(self, x: float, y: float, margin: float = 0.0) -> bool:
        return math.hypot(x - self.centre[0], y - self.centre[1]) < self.radius - margin


def make_scene(rng: np.random.Generator, size: int) -> Scene:
    scale = size / REFERENCE_PX
    centre = (
        size * rng.normal(0.5, 0.006),
        size * float(np.clip(rng.normal(0.53, 0.06), 0.42, 0.66)),
    )
    radius = size * rng.uniform(0.462, 0.505)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    distance = np.hypot(x - centre[0], y - centre[1])
    return Scene(rng, size, scale, centre, radius, x, y, distance)


def _smooth_noise(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Noise float32 (size, size) of about unit deviation whose bumps are size / cells wide."""
    coarse = Image.fromarray(rng.normal(0, 1, (cells + 3, cells + 3)).astype(np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


def illumination(s: Scene) -> np.ndarray:
    """The empty bright field, float32 (S, S, 3), 0..255, before anything lies in it (no dark
    surround yet)."""
    rng = s.rng
    level = rng.uniform(178, 220)
    neutral = np.array([1.0, 0.99, 0.985])
    tints = (
        [1.08, 0.94, 0.93],
        [0.92, 1.0, 0.97],
        [0.97, 0.98, 1.05],
        [1.03, 0.99, 0.96],
        [0.9, 1.03, 0.99],
    )
    first, second = (
        neutral + rng.uniform(0.1, 0.9) * (np.array(tints[i]) - 1)
        for i in rng.integers(0, len(tints), 2)
    )
    turn = rng.uniform(0, 2 * math.pi)
    along = ((s.x - s.centre[0]) * math.cos(turn) + (s.y - s.centre[1]) * math.sin(turn)) / s.radius
    mix = sigmoid(along * rng.uniform(1, 4) + rng.normal(0, 0.5))[..., None]
    light = level * (mix * first + (1 - mix) * second)
    fall = rng.uniform(0.0, 0.12) * (s.distance / s.radius) ** 2
    mottle = 0.008 * _smooth_noise(rng, s.size, 6) + rng.uniform(0.002, 0.009) * _smooth_noise(
        rng, s.size, 130
    )
    light = light * (1 - fall + mottle)[..., None]
    if rng.random() < 0.45:  # the eyepiece out of line: a purple crescent on one side
        turn = rng.uniform(0, 2 * math.pi)
        reach = rng.uniform(0.08, 0.3) * s.radius
        shift = rng.uniform(0.25, 0.8) * reach
        far = np.hypot(
            s.x - s.centre[0] - shift * math.cos(turn), s.y - s.centre[1] - shift * math.sin(turn)
        )
        depth = np.clip((far - (s.radius - reach * 0.6)) / reach, 0, 1.3)[..., None] ** rng.uniform(
            1.0, 1.8
        )
        light = light * (1 - depth * np.array([0.5, 0.72, 0.33]) * rng.uniform(0.7, 1.15))
    return light.astype(np.float32)


def grid(s: Scene, light: np.ndarray) -> None:
    rng = s.rng
    if rng.random() < 0.12:
        return
    turn = rng.uniform(-0.25, 0.25)
    pitch, contrast = rng.uniform(140, 300), rng.uniform(0.008, 0.05)
    ragged = 1 + 0.5 * _smooth_noise(rng, s.size, 300)
    width = rng.uniform(90, 260)  # px², twice the variance of a line's cross-section
    reach = 1.5 * REFERENCE_PX
    at = np.arange(
        -reach, 2 * reach, 0.5, dtype=np.float32
    )  # the lines' cross-section, looked up below
    for direction in (turn, turn + math.pi / 2):
        start = rng.uniform(0, pitch)
        section = np.zeros_like(at)
        for number in range(-12, 34):
            bundle = 3 if number % 4 == 0 else rng.choice([1, 1, 2])
            for strand in range(bundle):
                offset = at - (number * pitch + strand * rng.uniform(34, 44) - start)
                profile = np.exp(-(offset**2) / width) - 0.3 * np.exp(-(offset**2) / (4 * width))
                section += profile * rng.uniform(0.5, 1.1)
        across = (s.x * math.cos(direction) + s.y * math.sin(direction)) / s.scale
        lines = section[((across + reach) * 2).astype(np.int32)]
        light *= (1 + contrast * lines * ragged)[..., None]


def debris(s: Scene, light: np.ndarray) -> None:
    rng = s.rng
    for _ in range(
        int(rng.choice([15, 60, 160, 420], p=[0.2, 0.35, 0.25, 0.2]) * rng.uniform(0.5, 1.5))
    ):
        x, y = rng.uniform(0, s.size, 2)
        radius, strength = (
            rng.gamma(2.2, 2.0) + 2.5,
            rng.uniform(0.04, 0.26) * rng.choice([1, 1, 1, -0.5]),
        )
        hollow = rng.random() < 0.2
        stamp(
            s,
            light,
            x,
            y,
            radius * 3 + 8,
            lambda u, v, r=radius, a=strength, h=hollow: a * _dot(u, v, r, h),
        )
    for _ in range(
        rng.poisson(7)
    ):  # blurred blobs and smudges, a few of them kidney-shaped and dark
        x, y = rng.uniform(0, s.size, 2)
        long, short = rng.uniform(25, 75), rng.uniform(10, 30)
        bend, turn = rng.uniform(-0.008, 0.008), rng.uniform(0, math.pi)
        strength, soft, waist = rng.uniform(0.08, 0.5), rng.uniform(4, 16), rng.uniform(-0.5, 0.2)

        def smudge(
            u,
            v,
            long=long,
            short=short,
            bend=bend,
            turn=turn,
            strength=strength,
            soft=soft,
            waist=waist,
        ):
            p = u * math.cos(turn) + v * math.sin(turn)
            q = -u * math.sin(turn) + v * math.cos(turn) - bend * p**2
            lumps = 1 + waist * np.cos(p / long * 6.3)
            return (
                strength * lumps * sigmoid((1 - np.hypot(p / long, q / short)) * short / soft * 2)
            )

        stamp(s, light, x, y, long * 1.6 + 30, smudge)
    for _ in range(rng.poisson(6)):  # hairs and scratches
        x, y = rng.uniform(0, s.size, 2)
        turn, long, thick = rng.uniform(0, math.pi), rng.uniform(30, 150), rng.uniform(1.5, 4)
        bend, strength = rng.normal(0, 0.003), rng.uniform(-0.03, 0.07)

        def hair(u, v, turn=turn, long=long, thick=thick, bend=bend, strength=strength):
            p = u * math.cos(turn) + v * math.sin(turn)
            q = -u * math.sin(turn) + v * math.cos(turn) - bend * p**2
            return strength * np.exp(-((q / thick) ** 2)) * sigmoid((long - np.abs(p)) / 8)

        stamp(s, light, x, y, long + 20, hair)


def _dot(u: np.ndarray, v: np.ndarray, radius: float, hollow: bool) -> np.ndarray:
    r = np.hypot(u, v) / radius
    ring = np.exp(-((r - 1) ** 2) * 4)
    return (
        ring - 0.6 * np.exp(-(r**2) * 4)
        if hollow
        else np.exp(-(r**2) * 1.5) - 0.15 * np.exp(-((r - 1.8) ** 2) * 3)
    )


def stamp(s: Scene, light: np.ndarray, x: float, y: float, reach: float, absorb) -> None:
    """Multiply light by 1 - absorb(u, v) around (x, y); u, v and reach in px of a 2,800 px
    picture."""
    reach_px = int(reach * s.scale) + 2
    x0, x1 = max(0, int(x) - reach_px), min(s.size, int(x) + reach_px + 1)
    y0, y1 = max(0, int(y) - reach_px), min(s.size, int(y) + reach_px + 1)
    if x0 >= x1 or y0 >= y1:
        return
    u = (s.x[y0:y1, x0:x1] - x) / s.scale
    v = (s.y[y0:y1, x0:x1] - y) / s.scale
    absorbed = absorb(u, v)
    light[y0:y1, x0:x1] *= 1 - (absorbed if absorbed.ndim == 3 else absorbed[..., None])


def optics(s: Scene, light: np.ndarray) -> np.ndarray:
    """Needle, dark surround, and what the phone does to the light; uint8 (S, S, 3)."""
    rng, k = s.rng, s.scale
    haze = 8 + 70 * rng.random() ** 3
    light = _needle(s, light, haze)
    inside = sigmoid((s.radius - s.distance) / (rng.uniform(2.0, 5.0) * k))[..., None]
    corner = 1 + 0.2 * _smooth_noise(rng, s.size, 3)
    surround = haze * np.clip(corner, 0.5, 1.8)[..., None] * (1 + rng.normal(0, 0.04, 3))
    photo = light * inside + surround.astype(np.float32) * (1 - inside)
    ring = np.exp(-(((s.distance - s.radius + 5 * k) / (rng.uniform(5, 9) * k)) ** 2))[..., None]
    photo += (
        ring
        * (np.array([1.0, 0.62, 0.08]) * rng.uniform(60, 170) - 0.5 * photo)
        * rng.uniform(0.5, 1.0)
    )
    image = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.6) * k))
    image = image.filter(
        ImageFilter.UnsharpMask(rng.uniform(4, 11) * k, int(rng.uniform(20, 110)), 0)
    )
    noisy = np.asarray(image, np.float32) + rng.uniform(0.5, 3.0) * rng.standard_normal(
        (s.size, s.size, 1), np.float32
    )
    noisy += rng.standard_normal(noisy.shape, np.float32)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _needle(s: Scene, light: np.ndarray, haze: float) -> np.ndarray:
    rng, k = s.rng, s.scale
    if rng.random() < 0.05:
        return light
    turn = rng.uniform(0, 2 * math.pi)
    cos, sin = math.cos(turn), math.sin(turn)
    tip = s.centre[0] + rng.normal(0, 60) * k, s.centre[1] + rng.normal(0, 60) * k
    width, taper = rng.uniform(15, 26) * k, rng.uniform(180, 520) * k
    span, side = s.size * 1.5, (-sin, cos)
    outline = []
    for along, half in (
        (0, 1.0 * k),
        (taper * 0.08, width * 0.3),
        (taper * 0.45, width * 0.75),
        (taper, width),
        (span, width * 1.35),
    ):
        outline.append((tip[0] + along * cos, tip[1] + along * sin, half))
    points = [(x + h * side[0], y + h * side[1]) for x, y, h in outline]
    points += [(x - h * side[0], y - h * side[1]) for x, y, h in reversed(outline)]
    mask = Image.new("L", (s.size, s.size))
    ImageDraw.Draw(mask).polygon(points, fill=255)
    mask_soft = (
        np.asarray(mask.filter(ImageFilter.GaussianBlur(rng.uniform(1.2, 3.5) * k)), np.float32)[
            ..., None
        ]
        / 255
    )
    return light * (1 - mask_soft) + haze * mask_soft * np.array([1.0, 0.98, 1.0], np.float32)
