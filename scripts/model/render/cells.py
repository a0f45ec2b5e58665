"""A scene in; its cells, drawn into the light, and the boxes a person would label, out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scripts.model.render.scene import Scene, sigmoid, stamp

SHARPEST_UNLABELLED = 8.5  # blur sigma from which a cell no longer counts as seen


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


def population(s: Scene) -> list[Cell]:
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


def draw_cells(s: Scene, light: np.ndarray, cells: list[Cell]) -> np.ndarray:
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

        stamp(s, light, cell.x, cell.y, reach, absorb)
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
        end = sigmoid((1 - np.abs(p)) * long / soft * 1.5)
        gap = np.abs(q) - width
        solid = sigmoid(-gap / soft * 1.7) * end
        thin = np.minimum(
            1, (width + 1.5) / (soft * 1.15)
        )  # blur thins what is thinner than itself
        texture = 1 + sum(a * np.exp(-(((p - at) / w) ** 2)) for at, w, a in lumps)
        texture = texture + tips * np.clip(np.abs(p) - 0.6, 0, 0.4) * 2.5
        body = solid * thin * np.clip(texture, 0.4, 1.8)
        edge = 3.0 + 0.8 * soft
        rim = np.exp(-(((gap + 0.4 * edge) / edge) ** 2)) * end * thin * 2.6 / (1 + 0.4 * soft)
        glow = np.exp(-(((gap - 2.1 * edge) / (1.2 * edge)) ** 2)) * sigmoid(
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
    air = (air_around(extent / s.scale) + s.rng.normal(0, 2, 4)) * s.scale
    return np.clip(tight + air * [-1, -1, 1, 1], 0, s.size)


def air_around(extent: np.ndarray) -> np.ndarray:
    """How much room a person leaves beyond a cell of that extent, px at 2,800 a side: more beside a
    thin one."""
    return np.clip(
        15 - 0.075 * extent, 5, 15
    )  # fitted to where six hand-labelled photos have their boxes
