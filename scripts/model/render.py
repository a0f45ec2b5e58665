"""A seed in, a labelled microscope photo of spindle-shaped microalgae out; nobody owns it.

    python -m scripts.model.render --out data/rendered --count 1200

Everything is drawn procedurally, after the look of phone photos taken through a microscope's
eyepiece: a round bright field in a dark surround, a pointer needle, a counting chamber's double
grid lines, debris, and cells in and out of focus. Light is multiplied, so overlapping cells darken
as they do in transmission. Lengths in this file are px of a 2,800 px picture; `scale` turns them
into px of the picture being drawn.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from tqdm import tqdm

REFERENCE_PX = 2800
LABEL = "Microalgae"
SHARPEST_UNLABELLED = 8.5  # blur sigma from which a cell no longer counts as seen


@dataclass(frozen=True)
class Rendered:
    """One photo: `rgb` uint8 (S, S, 3) and `boxes` float64 (N, 4), xyxy px of that picture."""

    rgb: np.ndarray
    boxes: np.ndarray


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


@dataclass(frozen=True)
class Cell:
    """One cell to draw: its middle in px of the picture, length and blur in px of a 2,800 px
    picture."""

    x: float
    y: float
    angle: float  # radians
    length: float
    slimness: float  # length by width
    blur: float  # Gaussian sigma
    contrast: float
    kind: str  # "cell", "beads", "ghost"
    labelled: bool


def render(seed: int, size: int = 1400) -> Rendered:
    """Draw the picture of `seed`, `size` px square; the same seed and size give the same
    picture."""
    rng = np.random.default_rng([seed, 20191210])
    scene = _scene(rng, size)
    light = _illumination(scene)
    _grid(scene, light)
    _debris(scene, light)
    boxes = _draw_cells(scene, light, _population(scene))
    photo = _optics(scene, light)
    return Rendered(photo, boxes)


def _scene(rng: np.random.Generator, size: int) -> Scene:
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


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


def _illumination(s: Scene) -> np.ndarray:
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
    mix = _sigmoid(along * rng.uniform(1, 4) + rng.normal(0, 0.5))[..., None]
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


def _grid(s: Scene, light: np.ndarray) -> None:
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


def _debris(s: Scene, light: np.ndarray) -> None:
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
        _stamp(
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
                strength * lumps * _sigmoid((1 - np.hypot(p / long, q / short)) * short / soft * 2)
            )

        _stamp(s, light, x, y, long * 1.6 + 30, smudge)
    for _ in range(rng.poisson(6)):  # hairs and scratches
        x, y = rng.uniform(0, s.size, 2)
        turn, long, thick = rng.uniform(0, math.pi), rng.uniform(30, 150), rng.uniform(1.5, 4)
        bend, strength = rng.normal(0, 0.003), rng.uniform(-0.03, 0.07)

        def hair(u, v, turn=turn, long=long, thick=thick, bend=bend, strength=strength):
            p = u * math.cos(turn) + v * math.sin(turn)
            q = -u * math.sin(turn) + v * math.cos(turn) - bend * p**2
            return strength * np.exp(-((q / thick) ** 2)) * _sigmoid((long - np.abs(p)) / 8)

        _stamp(s, light, x, y, long + 20, hair)


def _dot(u: np.ndarray, v: np.ndarray, radius: float, hollow: bool) -> np.ndarray:
    r = np.hypot(u, v) / radius
    ring = np.exp(-((r - 1) ** 2) * 4)
    return (
        ring - 0.6 * np.exp(-(r**2) * 4)
        if hollow
        else np.exp(-(r**2) * 1.5) - 0.15 * np.exp(-((r - 1.8) ** 2) * 3)
    )


def _stamp(s: Scene, light: np.ndarray, x: float, y: float, reach: float, absorb) -> None:
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


def _population(s: Scene) -> list[Cell]:
    """Choose the cells of one picture: singles, pairs that touch or cross, rosettes, beads and
    ghosts."""
    rng, k = s.rng, s.scale
    typical = float(np.clip(rng.normal(192, 14), 160, 225))
    blur = rng.uniform(1.8, 5.0)
    faint = rng.uniform(0.65, 1.1)
    wanted = int(
        rng.choice(
            [rng.integers(8, 30), rng.integers(30, 75), rng.integers(75, 125)], p=[0.25, 0.45, 0.3]
        )
    )
    cells: list[Cell] = []

    def add(
        x, y, angle, *, blur_=None, contrast=None, kind="cell", length=None, labelled=None
    ) -> None:
        length = length or float(np.clip(rng.normal(typical, typical * 0.17), 85, 265))
        slim = rng.uniform(7.6, 11.5) if rng.random() > 0.2 else rng.uniform(12, 19)
        blur_ = abs(rng.normal(blur, 1.1)) + 0.4 if blur_ is None else blur_
        contrast = faint * rng.uniform(0.7, 1.15) if contrast is None else contrast
        seen = blur_ < SHARPEST_UNLABELLED and kind == "cell" if labelled is None else labelled
        cells.append(Cell(x, y, angle, length, slim, blur_, contrast, kind, seen))

    def spot(margin: float = -10.0) -> tuple[float, float]:
        while True:
            x = rng.uniform(-20 * k, s.size + 20 * k)
            y = rng.uniform(-20 * k, s.size + 20 * k)
            if s.in_field(x, y, margin * k):
                return x, y

    def crowded(x: float, y: float, gap: float) -> bool:
        return any(math.hypot(x - c.x, y - c.y) < gap * k for c in cells)

    hubs = [spot(150) for _ in range(rng.integers(1, 4))]
    while len(cells) < wanted:
        dice = rng.random()
        x, y = spot()
        if rng.random() < 0.35:  # cells gather
            hub = hubs[rng.integers(len(hubs))]
            x, y = hub[0] + rng.normal(0, 260 * k), hub[1] + rng.normal(0, 260 * k)
        if not s.in_field(x, y, -10 * k):
            continue
        angle = rng.uniform(0, math.pi)
        if dice < 0.66:
            if not crowded(x, y, rng.choice([60, 110, 170])):
                add(x, y, angle)
        elif dice < 0.86:  # pairs
            add(x, y, angle)
            half = typical * k / 2
            form = rng.choice(["parallel", "cross", "touch", "tip"])
            if form == "parallel":
                gap, slide = rng.choice([-1, 1]) * rng.uniform(24, 52) * k, rng.normal(0, 55) * k
                other = angle + rng.normal(0, 0.12)
                add(
                    x - gap * math.sin(angle) + slide * math.cos(angle),
                    y + gap * math.cos(angle) + slide * math.sin(angle),
                    other,
                )
            elif form == "cross":
                other = angle + rng.uniform(0.35, 2.8)
                slide = rng.normal(0, 0.35) * half
                add(x + slide * math.cos(other), y + slide * math.sin(other), other)
            else:  # end at end, or end at flank
                other = angle + (rng.normal(0, 0.5) if form == "tip" else rng.uniform(0.4, 2.7))
                at = half * (rng.choice([-0.95, 0.95]) if form == "tip" else rng.uniform(-0.9, 0.9))
                sign = math.copysign(1, at) if form == "tip" else rng.choice([-1, 1])
                tip = (x + at * math.cos(angle), y + at * math.sin(angle))
                add(
                    tip[0] + sign * half * math.cos(other),
                    tip[1] + sign * half * math.sin(other),
                    other,
                )
        elif dice < 0.885:  # a rosette: cells from one point, some above and some below the focus
            depth = rng.uniform(0.5, 16)
            start = rng.uniform(0, 2 * math.pi)
            count = rng.integers(3, 9)
            for number in range(count):
                spoke = start + (number + rng.normal(0, 0.25)) * 2 * math.pi / count
                out = rng.uniform(0.42, 0.75) * typical * k
                sigma = abs(rng.normal(depth, 2.5)) + 0.5
                if 6.5 < sigma < 10:  # neither seen nor unseen: nobody knows the label
                    sigma = 5.0 if depth < 8 else 11.0
                add(
                    x + out * math.cos(spoke),
                    y + out * math.sin(spoke),
                    spoke,
                    blur_=sigma,
                    contrast=faint,
                )
        elif dice < 0.93:
            add(x, y, angle, kind="beads", labelled=bool(rng.random() < 0.5))
        elif dice < 0.965:  # empty shells, nearly clear: people do not count them
            add(x, y, angle, kind="ghost", contrast=rng.uniform(0.06, 0.2), labelled=False)
        else:  # far out of focus
            sigma = rng.uniform(11, 32)
            add(x, y, angle, blur_=sigma, contrast=faint * rng.uniform(0.7, 1.4), labelled=False)
    return cells


def _draw_cells(s: Scene, light: np.ndarray, cells: list[Cell]) -> np.ndarray:
    """Multiply the cells into light; the boxes float64 (N, 4) of those a person would label."""
    rng = s.rng
    mode = rng.choice(
        ["dark", "bright", "lime"], p=[0.84, 0.08, 0.08]
    )  # which side of the focus the picture lies on
    hue = np.array([1.0, 0.82, 1.1]) + rng.normal(0, 0.07, 3)  # green lets green through
    lime = np.array([0.35, 0.05, 1.5])
    rim_hue = np.array([0.95, 1.0, 1.05]) + rng.normal(0, 0.04, 3)
    fringe = rng.normal(0, 1.6, 2)  # lateral chromatic shift, px at 2,800
    halo = rng.uniform(0.2, 1.2)
    rim_share = rng.uniform(0.02, 0.12)
    boxes = []
    for cell in cells:
        shape = _cell_shape(rng, cell)
        depth = rng.uniform(0.8, 1.15) * cell.contrast
        half = cell.length / 2
        reach = half * 1.1 + 4 * cell.blur + 25

        def absorb(u, v, cell=cell, shape=shape, depth=depth, half=half):
            planes = []
            for channel, shift in enumerate((-1.0, 0.0, 1.0)):
                body, rim, glow, _ = shape(u - shift * fringe[0], v - shift * fringe[1])
                if cell.kind == "ghost":
                    value = depth * (rim * 1.2 - 0.2 * body)
                elif mode == "bright":
                    value = depth * (
                        0.3 * rim * rim_hue[channel] - 0.10 * body - 0.06 * glow * halo
                    )
                elif mode == "lime":
                    value = depth * (0.3 * body * lime[channel] + 0.16 * rim - 0.15 * glow * halo)
                else:
                    value = depth * (
                        0.32 * body * hue[channel]
                        + rim_share * rim * rim_hue[channel]
                        - 0.09 * glow * halo
                    )
                planes.append(np.clip(value, -0.25, 0.75))
            return np.stack(planes, -1)

        _stamp(s, light, cell.x, cell.y, reach, absorb)
        if cell.labelled:
            box = _box(s, cell, shape, reach)
            if box is not None:
                boxes.append(box)
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _cell_shape(rng: np.random.Generator, cell: Cell):
    """A function of (u, v), px at 2,800 from the cell's middle, to body, rim, glow and solid, each
    float (h, w)."""
    long = cell.length / 2
    plump, taper = rng.uniform(1.5, 2.6), rng.uniform(0.75, 1.25)
    lean = rng.normal(0, 0.12)
    bow = rng.normal(0, 0.035) if rng.random() < 0.9 else rng.normal(0, 0.14)
    wave = rng.normal(0, 0.012) if rng.random() < 0.95 else rng.normal(0, 0.07)
    lumps = [
        (rng.uniform(-0.75, 0.75), rng.uniform(0.04, 0.13), rng.normal(0.0, 0.35))
        for _ in range(rng.integers(2, 9))
    ]
    beads = rng.uniform(4, 9), rng.uniform(0, 6)
    tips = rng.uniform(0.0, 0.7)
    cos, sin = math.cos(cell.angle), math.sin(cell.angle)
    soft = math.hypot(cell.blur, 1.6) * 1.1
    wide = long / cell.slimness  # half the width

    def shape(u: np.ndarray, v: np.ndarray):
        p = (u * cos + v * sin) / long
        q = -u * sin + v * cos - long * (bow * (p**2 - 0.4) + wave * np.sin(p * 3.1))
        inside = np.clip(1 - np.abs(p + lean * (1 - p**2)) ** plump, 0, None) ** taper
        width = wide * inside
        if cell.kind == "beads":
            width = width * (0.35 + 0.65 * np.abs(np.sin(p * beads[0] + beads[1])))
        end = _sigmoid((1 - np.abs(p)) * long / soft * 1.5)
        gap = np.abs(q) - width
        solid = _sigmoid(-gap / soft * 1.7) * end
        thin = np.minimum(
            1, (width + 1.5) / (soft * 1.15)
        )  # blur thins what is thinner than itself
        texture = 1 + sum(a * np.exp(-(((p - at) / w) ** 2)) for at, w, a in lumps)
        texture = texture + tips * np.clip(np.abs(p) - 0.6, 0, 0.4) * 2.5
        body = solid * thin * np.clip(texture, 0.4, 1.8)
        edge = 3.0 + 0.8 * soft
        rim = np.exp(-(((gap + 0.4 * edge) / edge) ** 2)) * end * thin * 2.6 / (1 + 0.4 * soft)
        glow = np.exp(-(((gap - 2.1 * edge) / (1.2 * edge)) ** 2)) * _sigmoid(
            (1.06 - np.abs(p)) * long / soft
        )
        return body, rim, glow, solid

    return shape


def _box(s: Scene, cell: Cell, shape, reach: float) -> np.ndarray | None:
    """The box a person would draw, xyxy px, or None where too little of the cell lies in the
    picture's field."""
    reach_px = int(reach * s.scale) + 2
    ys, xs = np.mgrid[-reach_px : reach_px + 1, -reach_px : reach_px + 1].astype(np.float32)
    solid = shape(xs / s.scale, ys / s.scale)[3] > 0.42
    xs, ys = xs[solid] + cell.x, ys[solid] + cell.y
    if not len(xs):
        return None
    seen = (
        (np.hypot(xs - s.centre[0], ys - s.centre[1]) < s.radius - 4 * s.scale)
        & (xs >= 0)
        & (ys >= 0)
    )
    seen &= (xs < s.size) & (ys < s.size)
    if seen.mean() < 0.3 or seen.sum() < 500 * s.scale**2:
        return None
    xs, ys = xs[seen], ys[seen]
    tight = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    extent = np.tile(tight[2:] - tight[:2], 2)
    air = (_air(extent / s.scale) + s.rng.normal(0, 2, 4)) * s.scale
    return np.clip(tight + air * [-1, -1, 1, 1], 0, s.size)


def _air(extent: np.ndarray) -> np.ndarray:
    """How much room a person leaves beyond a cell of that extent, px at 2,800 a side: more beside a
    thin one."""
    return np.clip(
        15 - 0.075 * extent, 5, 15
    )  # fitted to where six hand-labelled photos have their boxes


def _optics(s: Scene, light: np.ndarray) -> np.ndarray:
    """Needle, dark surround, and what the phone does to the light; uint8 (S, S, 3)."""
    rng, k = s.rng, s.scale
    haze = 8 + 70 * rng.random() ** 3
    light = _needle(s, light, haze)
    inside = _sigmoid((s.radius - s.distance) / (rng.uniform(2.0, 5.0) * k))[..., None]
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


def voc_xml(name: str, rendered: Rendered) -> str:
    """The picture's labels as Pascal VOC XML."""
    height, width = rendered.rgb.shape[:2]
    objects = "".join(
        f"\t<object>\n\t\t<name>{LABEL}</name>\n\t\t<difficult>0</difficult>\n\t\t<bndbox><xmin>{x0:.1f}</xmin><ymin>{y0:.1f}</ymin>"
        f"<xmax>{x1:.1f}</xmax><ymax>{y1:.1f}</ymax></bndbox>\n\t</object>\n"
        for x0, y0, x1, y1 in rendered.boxes
    )
    return (
        f"<annotation>\n\t<filename>{escape(name)}</filename>\n\t<size><width>{width}</width><height>{height}</height>"
        f"<depth>3</depth></size>\n{objects}</annotation>\n"
    )


def write(folder: Path, seed: int, size: int) -> Path:
    """Render one picture into folder as render-SEED.jpg and .xml; the picture's path."""
    rendered = render(seed, size)
    path = folder / f"render-{seed:05d}.jpg"
    quality = int(np.random.default_rng([seed, 7]).integers(82, 96))
    path.with_suffix(".xml").write_text(voc_xml(path.name, rendered))
    Image.fromarray(rendered.rgb).save(path, quality=quality)
    return path


def _write_one(job: tuple[Path, int, int]) -> Path:
    return write(*job)


def _jobs(out: Path, seeds: range, size: int) -> Iterator[tuple[Path, int, int]]:
    return ((out, seed, size) for seed in seeds if not (out / f"render-{seed:05d}.jpg").exists())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.model.render", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--out", type=Path, default=Path("data/rendered"), help="folder for pictures and VOC XML"
    )
    parser.add_argument("--count", type=int, default=1200, help="pictures (default: %(default)s)")
    parser.add_argument(
        "--first-seed", type=int, default=0, help="seed of the first picture; one seed a picture"
    )
    parser.add_argument("--size", type=int, default=1400, help="side in px (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = list(
        _jobs(
            options.out, range(options.first_seed, options.first_seed + options.count), options.size
        )
    )
    with ProcessPoolExecutor(options.workers) as pool:
        for _ in tqdm(
            pool.map(_write_one, jobs, chunksize=4),
            total=len(jobs),
            unit="picture",
            desc="rendering",
        ):
            pass


if __name__ == "__main__":
    main()
