"""What lies in the field of view besides the cells: light, grid lines and debris."""

from __future__ import annotations

import math

import numpy as np

from scripts.model.render.scene import REFERENCE_PX, Scene, absorb_light, sigmoid, smooth_noise


def make_illumination(scene: Scene) -> np.ndarray:
    """The empty bright field, float32 (S, S, 3), 0..255, without the dark surround."""
    rng = scene.rng
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
    direction = rng.uniform(0, 2 * math.pi)
    along = (
        (scene.x - scene.centre[0]) * math.cos(direction)
        + (scene.y - scene.centre[1]) * math.sin(direction)
    ) / scene.radius
    mix = sigmoid(along * rng.uniform(1, 4) + rng.normal(0, 0.5))[..., None]
    light = level * (mix * first + (1 - mix) * second)
    vignette = rng.uniform(0.0, 0.12) * (scene.distance / scene.radius) ** 2
    mottle = 0.008 * smooth_noise(rng, scene.size, 6)
    mottle = mottle + rng.uniform(0.002, 0.009) * smooth_noise(rng, scene.size, 130)
    light = light * (1 - vignette + mottle)[..., None]
    if rng.random() < 0.35:
        light = light * _misaligned_eyepiece(scene)
    return light.astype(np.float32)


def _misaligned_eyepiece(scene: Scene) -> np.ndarray:
    """Factors (S, S, 3) of a purple crescent on one side."""
    rng = scene.rng
    direction = rng.uniform(0, 2 * math.pi)
    reach = rng.uniform(0.08, 0.3) * scene.radius
    shift = rng.uniform(0.25, 0.8) * reach
    distance = np.hypot(
        scene.x - scene.centre[0] - shift * math.cos(direction),
        scene.y - scene.centre[1] - shift * math.sin(direction),
    )
    depth = np.clip((distance - (scene.radius - reach * 0.6)) / reach, 0, 1.3)[..., None]
    depth = depth ** rng.uniform(1.0, 1.8)
    return 1 - depth * np.array([0.5, 0.72, 0.33]) * rng.uniform(0.7, 1.15)


def draw_grid(scene: Scene, light: np.ndarray) -> None:
    """Multiply the lines of a counting chamber into the light, in most pictures."""
    rng = scene.rng
    if rng.random() < 0.12:
        return
    angle = rng.uniform(-0.25, 0.25)
    pitch, contrast = rng.uniform(140, 420), rng.uniform(0.008, 0.05)
    raggedness = 1 + 0.5 * smooth_noise(rng, scene.size, 300)
    width = rng.uniform(90, 420)  # px², twice the variance of a line's cross-section
    reach = 1.5 * REFERENCE_PX
    # The cross-section of all lines of one direction, in steps of half a px, is looked up below.
    positions = np.arange(-reach, 2 * reach, 0.5, dtype=np.float32)
    for direction in (angle, angle + math.pi / 2):
        start = rng.uniform(0, pitch)
        cross_section = np.zeros_like(positions)
        for number in range(-12, 34):
            strands = 3 if number % 4 == 0 else rng.choice([1, 1, 2])
            for strand in range(strands):
                offset = positions - (number * pitch + strand * rng.uniform(34, 44) - start)
                profile = np.exp(-(offset**2) / width) - 0.3 * np.exp(-(offset**2) / (4 * width))
                cross_section += profile * rng.uniform(0.5, 1.1)
        across = (scene.x * math.cos(direction) + scene.y * math.sin(direction)) / scene.scale
        lines = cross_section[((across + reach) * 2).astype(np.int32)]
        light *= (1 + contrast * lines * raggedness)[..., None]


def draw_debris(scene: Scene, light: np.ndarray) -> None:
    """Multiply specks, smudges, hairs and other algae into the light."""
    rng = scene.rng
    specks = rng.choice([15, 60, 160, 420], p=[0.2, 0.35, 0.25, 0.2]) * rng.uniform(0.5, 1.5)
    for _ in range(int(specks)):
        _draw_speck(scene, light)
    for _ in range(rng.poisson(7)):
        _draw_smudge(scene, light)
    for _ in range(rng.poisson(6)):
        _draw_hair(scene, light)
    for _ in range(rng.poisson(1.5)):
        _draw_round_alga(scene, light)
    for _ in range(rng.poisson(0.7)):
        _draw_star(scene, light)


def _draw_speck(scene: Scene, light: np.ndarray) -> None:
    rng = scene.rng
    x, y = rng.uniform(0, scene.size, 2)
    radius = rng.gamma(2.2, 2.0) + 2.5
    strength = rng.uniform(0.04, 0.26) * rng.choice([1, 1, 1, -0.5])
    hollow = rng.random() < 0.2

    def absorption(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        r = np.hypot(u, v) / radius
        if hollow:
            return strength * (np.exp(-((r - 1) ** 2) * 4) - 0.6 * np.exp(-(r**2) * 4))
        return strength * (np.exp(-(r**2) * 1.5) - 0.15 * np.exp(-((r - 1.8) ** 2) * 3))

    absorb_light(scene, light, x, y, radius * 3 + 8, absorption)


def _draw_smudge(scene: Scene, light: np.ndarray) -> None:
    """A blurred blob; a few are kidney-shaped and dark."""
    rng = scene.rng
    x, y = rng.uniform(0, scene.size, 2)
    length, width = rng.uniform(25, 75), rng.uniform(10, 30)
    bend, angle = rng.uniform(-0.008, 0.008), rng.uniform(0, math.pi)
    strength, blur, waist = rng.uniform(0.08, 0.5), rng.uniform(4, 16), rng.uniform(-0.5, 0.2)

    def absorption(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        along, across = _bent_axes(u, v, angle, bend)
        lumps = 1 + waist * np.cos(along / length * 6.3)
        inside = 1 - np.hypot(along / length, across / width)
        return strength * lumps * sigmoid(inside * width / blur * 2)

    absorb_light(scene, light, x, y, length * 1.6 + 30, absorption)


def _draw_hair(scene: Scene, light: np.ndarray) -> None:
    """A hair or a scratch."""
    rng = scene.rng
    x, y = rng.uniform(0, scene.size, 2)
    angle, length, width = rng.uniform(0, math.pi), rng.uniform(30, 150), rng.uniform(1.5, 4)
    bend, strength = rng.normal(0, 0.003), rng.uniform(-0.03, 0.07)

    def absorption(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        along, across = _bent_axes(u, v, angle, bend)
        return strength * np.exp(-((across / width) ** 2)) * sigmoid((length - np.abs(along)) / 8)

    absorb_light(scene, light, x, y, length + 20, absorption)


def _draw_round_alga(scene: Scene, light: np.ndarray) -> None:
    """A green cell of another kind, round or oval, alone or as two that just divided."""
    rng = scene.rng
    x, y = rng.uniform(0, scene.size, 2)
    length, angle = rng.uniform(14, 34), rng.uniform(0, math.pi)
    width, softness = length * rng.uniform(0.55, 1), rng.uniform(2, 9)
    apart = rng.choice([0, 1]) * length * 1.05
    strength = rng.uniform(0.15, 0.5) * np.array([1.0, 0.7, 1.3])

    def absorption(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        along, across = _bent_axes(u, v, angle, 0.0)
        inside = 1 - np.hypot((np.abs(along) - apart) / length, across / width)
        body = sigmoid(inside * width / softness * 2)
        rim = np.exp(-((inside * width / (softness + 2)) ** 2))
        return (0.7 * body + 0.5 * rim)[..., None] * strength

    absorb_light(scene, light, x, y, length * 2.2 + 4 * softness, absorption)


def _draw_star(scene: Scene, light: np.ndarray) -> None:
    """A crystal or a diatom of thin arms that cross in one point."""
    rng = scene.rng
    x, y = rng.uniform(0, scene.size, 2)
    length, width, strength = rng.uniform(30, 85), rng.uniform(3, 8), rng.uniform(0.08, 0.3)
    start, arms = rng.uniform(0, math.pi), int(rng.integers(2, 4))

    def absorption(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        total = np.zeros_like(u)
        for arm in range(arms):
            along, across = _bent_axes(u, v, start + arm * math.pi / arms, 0.0)
            thin = width * np.clip(1 - np.abs(along) / length, 0.05, 1)
            total += np.exp(-((across / thin) ** 2)) * sigmoid((length - np.abs(along)) / 6)
        return strength * np.clip(total, 0, 1.5)

    absorb_light(scene, light, x, y, length + 20, absorption)


def _bent_axes(
    u: np.ndarray, v: np.ndarray, angle: float, bend: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along and across an axis at an angle that is bent to a parabola."""
    along = u * math.cos(angle) + v * math.sin(angle)
    across = -u * math.sin(angle) + v * math.cos(angle) - bend * along**2
    return along, across
