"""Chooses the cells of a picture: singles, pairs that touch or cross, chains, rosettes, beads,
ghosts."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scripts.model.render.scene import Scene

MAX_LABELLED_BLUR = 8.5  # Gaussian sigma; people do not label a cell that is blurred more


@dataclass(frozen=True)
class Cell:
    """One cell to draw.

    x, y: its middle, px of the picture. angle: radians. length, blur (Gaussian sigma): px of a
    2,800 px picture. slimness: length by width. A ghost is an empty shell.
    """

    x: float
    y: float
    angle: float
    length: float
    slimness: float
    blur: float
    contrast: float
    kind: Literal["cell", "beads", "ghost"]
    labelled: bool


@dataclass(frozen=True)
class Crowding:
    """How cells lie to each other.

    gathered: the share of arrangements that gather around a few points, `spread` px around them.
    gaps: how near to others a single cell may lie; one of them is chosen each time. Lengths are px
    of a 2,800 px picture. singles … clumps: shares of arrangements, 0.89 in all; the rest are
    beads, ghosts and cells far out of focus.
    """

    gathered: float
    spread: float
    gaps: tuple[float, ...]
    singles: float
    pairs: float
    chains: float
    rosettes: float
    clumps: float


# 72 % of the labelled boxes overlap no other, as do 71 % on six hand-labelled photos.
AS_PHOTOS = Crowding(0.2, 330, (110, 160, 210), 0.775, 0.09, 0.01, 0.01, 0.005)
# 54 %: to learn from, since cells that lie close together are the hard ones.
CROWDED = Crowding(0.35, 260, (60, 110, 170), 0.60, 0.20, 0.05, 0.035, 0.005)


def choose_cells(scene: Scene, crowding: Crowding = AS_PHOTOS) -> list[Cell]:
    """The cells of one picture, at random."""
    rng, scale = scene.rng, scene.scale
    single, pair, chain, rosette, clump = itertools.accumulate(
        (crowding.singles, crowding.pairs, crowding.chains, crowding.rosettes, crowding.clumps)
    )
    population = _Population(scene)
    target_count = int(
        rng.choice(
            [rng.integers(8, 30), rng.integers(30, 75), rng.integers(75, 125)], p=[0.25, 0.45, 0.3]
        )
    )
    hubs = [population.random_point(150) for _ in range(rng.integers(1, 4))]
    while len(population.cells) < target_count:
        arrangement = rng.random()
        x, y = population.random_point()
        if rng.random() < crowding.gathered:
            hub, spread = hubs[rng.integers(len(hubs))], crowding.spread * scale
            x, y = hub[0] + rng.normal(0, spread), hub[1] + rng.normal(0, spread)
        if not scene.in_field(x, y, -10 * scale):
            continue
        angle = rng.uniform(0, math.pi)
        if arrangement < single:
            if not population.is_crowded(x, y, rng.choice(crowding.gaps)):
                population.add(x, y, angle)
        elif arrangement < pair:
            population.add_pair(x, y, angle)
        elif arrangement < chain:
            population.add_chain(x, y, angle)
        elif arrangement < rosette:
            population.add_rosette(x, y)
        elif arrangement < clump:
            population.add_blurred_clump(x, y)
        elif arrangement < 0.93:
            population.add(x, y, angle, kind="beads", labelled=bool(rng.random() < 0.5))
        elif arrangement < 0.965:  # nearly clear: people do not count them
            contrast = rng.uniform(0.06, 0.2)
            population.add(x, y, angle, kind="ghost", contrast=contrast, labelled=False)
        else:  # far out of focus
            blur = rng.uniform(11, 32)
            contrast = population.contrast * rng.uniform(0.7, 1.4)
            population.add(x, y, angle, blur=blur, contrast=contrast, labelled=False)
    return population.cells


class _Population:
    """The cells chosen so far, and what the cells of the picture have in common."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        rng = scene.rng
        self.length = float(np.clip(rng.normal(192, 14), 160, 225))
        self.blur = rng.uniform(1.8, 5.0)
        self.contrast = rng.uniform(0.65, 1.1)
        self.cells: list[Cell] = []

    def add(
        self,
        x: float,
        y: float,
        angle: float,
        *,
        blur: float | None = None,
        contrast: float | None = None,
        kind: Literal["cell", "beads", "ghost"] = "cell",
        labelled: bool | None = None,
    ) -> None:
        """Add a cell; what is None is like the others'."""
        rng = self._scene.rng
        length = float(np.clip(rng.normal(self.length, self.length * 0.17), 85, 265))
        slimness = rng.uniform(8.5, 13.5) if rng.random() > 0.3 else rng.uniform(13, 20)
        if blur is None:
            blur = abs(rng.normal(self.blur, 1.1)) + 0.4
        if contrast is None:
            contrast = self.contrast * rng.uniform(0.7, 1.15)
        if labelled is None:
            labelled = blur < MAX_LABELLED_BLUR and kind == "cell"
        self.cells.append(Cell(x, y, angle, length, slimness, blur, contrast, kind, labelled))

    def random_point(self, margin: float = -10.0) -> tuple[float, float]:
        """A point of the field of view, `margin` px of a 2,800 px picture from its edge."""
        scene, scale = self._scene, self._scene.scale
        while True:
            x = scene.rng.uniform(-20 * scale, scene.size + 20 * scale)
            y = scene.rng.uniform(-20 * scale, scene.size + 20 * scale)
            if scene.in_field(x, y, margin * scale):
                return x, y

    def is_crowded(self, x: float, y: float, gap: float) -> bool:
        """Whether a cell's middle is nearer than `gap` px of a 2,800 px picture."""
        gap_px = gap * self._scene.scale
        return any(math.hypot(x - cell.x, y - cell.y) < gap_px for cell in self.cells)

    def add_pair(self, x: float, y: float, angle: float) -> None:
        """Two cells side by side, across each other, end at end, or end at flank."""
        rng, scale = self._scene.rng, self._scene.scale
        self.add(x, y, angle)
        half_length = self.length * scale / 2
        form = rng.choice(["parallel", "cross", "touch", "tip"])
        if form == "parallel":
            gap = rng.choice([-1, 1]) * rng.uniform(24, 52) * scale
            slide = rng.normal(0, 55) * scale
            other_angle = angle + rng.normal(0, 0.12)
            self.add(
                x - gap * math.sin(angle) + slide * math.cos(angle),
                y + gap * math.cos(angle) + slide * math.sin(angle),
                other_angle,
            )
            return
        if form == "cross":
            other_angle = angle + rng.uniform(0.35, 2.8)
            slide = rng.normal(0, 0.35) * half_length
            self.add(
                x + slide * math.cos(other_angle), y + slide * math.sin(other_angle), other_angle
            )
            return
        if form == "tip":
            other_angle = angle + rng.normal(0, 0.5)
            offset = half_length * rng.choice([-0.95, 0.95])
            sign = math.copysign(1, offset)
        else:
            other_angle = angle + rng.uniform(0.4, 2.7)
            offset = half_length * rng.uniform(-0.9, 0.9)
            sign = rng.choice([-1, 1])
        contact = (x + offset * math.cos(angle), y + offset * math.sin(angle))
        self.add(
            contact[0] + sign * half_length * math.cos(other_angle),
            contact[1] + sign * half_length * math.sin(other_angle),
            other_angle,
        )

    def add_chain(self, x: float, y: float, angle: float) -> None:
        """Cells joined at their tips in a zigzag, nearer to the focus at one end."""
        rng, scale = self._scene.rng, self._scene.scale
        blur, drift = abs(rng.normal(self.blur, 1.1)) + 0.4, rng.normal(0, 0.7)
        step = self.length * scale * 0.93
        for _ in range(rng.integers(3, 7)):
            self.add(
                x + step / 2 * math.cos(angle),
                y + step / 2 * math.sin(angle),
                angle,
                blur=_decided_blur(max(0.5, blur)),
            )
            x, y = x + step * math.cos(angle), y + step * math.sin(angle)
            angle += rng.choice([-1, 1]) * rng.uniform(0.2, 2.4)
            blur += drift

    def add_blurred_clump(self, x: float, y: float) -> None:
        """Cells far out of focus that lie over each other; people do not label them."""
        rng, scale = self._scene.rng, self._scene.scale
        for _ in range(rng.integers(4, 16)):
            self.add(
                x + rng.normal(0, 110) * scale,
                y + rng.normal(0, 110) * scale,
                rng.uniform(0, math.pi),
                blur=rng.uniform(11, 32),
                labelled=False,
            )

    def add_rosette(self, x: float, y: float) -> None:
        """Cells that radiate from one point, some above and some below the focus."""
        rng, scale = self._scene.rng, self._scene.scale
        depth = rng.uniform(0.5, 16)
        start = rng.uniform(0, 2 * math.pi)
        count = rng.integers(3, 9)
        for number in range(count):
            angle = start + (number + rng.normal(0, 0.25)) * 2 * math.pi / count
            distance = rng.uniform(0.42, 0.75) * self.length * scale
            blur = _decided_blur(abs(rng.normal(depth, 2.5)) + 0.5)
            self.add(
                x + distance * math.cos(angle),
                y + distance * math.sin(angle),
                angle,
                blur=blur,
                contrast=self.contrast,
            )


def _decided_blur(blur: float) -> float:
    """A blur at which people agree whether to label a cell, near to the given one."""
    if 6.5 < blur < MAX_LABELLED_BLUR:
        return 6.5
    return 11.0 if MAX_LABELLED_BLUR <= blur < 11 else blur
