"""Draws cells into the light, and gives the boxes that a person would label."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from scripts.model.render.population import Cell
from scripts.model.render.scene import Scene, absorb_light, sigmoid

MIN_VISIBLE_FRACTION = 0.3  # of a cell, for a person to label it
MIN_VISIBLE_AREA = 500  # px² of a 2,800 px picture
SOLID = 0.42  # from which a px counts as part of the cell


class CellLayers(NamedTuple):
    """Parts of a cell at each px, float (h, w), about 0 to 1. relief: -1 to 1, how far a px is from
    the cell's axis to either side. solid: the body without texture."""

    body: np.ndarray
    rim: np.ndarray
    glow: np.ndarray
    relief: np.ndarray
    solid: np.ndarray


# Of offsets (u, v) from the cell's middle, px of a 2,800 px picture.
CellShape = Callable[[np.ndarray, np.ndarray], CellLayers]


class CellAppearance:
    """Colours that the cells of one picture share; they depend on which side of the focus it
    lies."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._mode = rng.choice(["dark", "bright", "lime"], p=[0.84, 0.08, 0.08])
        # From grey over green, which lets green through, to yellow.
        yellow = rng.uniform(0, 1)
        self._hue = np.array([1.05 - 0.2 * yellow, 0.95 - 0.3 * yellow, 1.0 + 0.5 * yellow])
        self._hue += rng.normal(0, 0.06, 3)
        self._lime_hue = np.array([0.35, 0.05, 1.5])
        self._rim_hue = np.array([0.95, 1.0, 1.05]) + rng.normal(0, 0.04, 3)
        self._fringe = rng.normal(0, 2.0, 2)  # lateral chromatic shift, px of a 2,800 px picture
        self._halo = rng.uniform(0.2, 1.2)
        self._rim_strength = rng.uniform(0.02, 0.12)
        # Light from one side makes one flank of a cell dark and the other bright.
        slant = rng.uniform(0, 2 * math.pi)
        self._slant = np.array([math.cos(slant), math.sin(slant)]) * rng.uniform(0, 0.9)

    def absorption(
        self, cell: Cell, shape: CellShape, depth: float, u: np.ndarray, v: np.ndarray
    ) -> np.ndarray:
        """How much light a cell takes, float (h, w, 3); negative where it adds some."""
        planes = []
        flank = math.cos(cell.angle) * self._slant[1] - math.sin(cell.angle) * self._slant[0]
        for channel, shift in enumerate((-1.0, 0.0, 1.0)):
            body, rim, glow, relief, _ = shape(
                u - shift * self._fringe[0], v - shift * self._fringe[1]
            )
            rim_hue = self._rim_hue[channel]
            if cell.kind == "ghost":
                value = rim * 1.2 - 0.2 * body
            elif self._mode == "bright":
                value = 0.3 * rim * rim_hue - 0.10 * body - 0.06 * glow * self._halo
            elif self._mode == "lime":
                body_hue = self._lime_hue[channel]
                value = 0.3 * body * body_hue + 0.16 * rim - 0.15 * glow * self._halo
            else:
                value = (
                    0.32 * body * self._hue[channel]
                    + self._rim_strength * rim * rim_hue
                    - 0.09 * glow * self._halo
                    + 0.2 * flank * relief
                )
            planes.append(np.clip(depth * value, -0.25, 0.75))
        return np.stack(planes, -1)


def draw_cells(
    scene: Scene, light: np.ndarray, cells: Sequence[Cell], *, hidden: np.ndarray
) -> np.ndarray:
    """Multiply the cells into the light; returns the boxes, float64 (N, 4) xyxy px, of those that
    a person would label. hidden: bool (S, S), where the needle lies over them."""
    rng = scene.rng
    appearance = CellAppearance(rng)
    boxes = []
    for cell in cells:
        shape = _make_shape(rng, cell)
        depth = rng.uniform(0.8, 1.15) * cell.contrast
        reach = cell.length / 2 * 1.1 + 4 * cell.blur + 25

        def absorption(
            u: np.ndarray,
            v: np.ndarray,
            cell: Cell = cell,
            shape: CellShape = shape,
            depth: float = depth,
        ) -> np.ndarray:
            return appearance.absorption(cell, shape, depth, u, v)

        absorb_light(scene, light, cell.x, cell.y, reach, absorption)
        if cell.labelled:
            box = _label_box(scene, cell, shape, reach, hidden)
            if box is not None:
                boxes.append(box)
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _make_shape(rng: np.random.Generator, cell: Cell) -> CellShape:
    """A spindle at random: bent, leaning to one end, with lumps."""
    half_length = cell.length / 2
    plumpness, taper = rng.uniform(1.5, 4.0), rng.uniform(0.6, 1.25)
    lean = rng.normal(0, 0.12)
    bow = rng.normal(0, 0.035) if rng.random() < 0.9 else rng.normal(0, 0.14)
    wave = rng.normal(0, 0.012) if rng.random() < 0.95 else rng.normal(0, 0.07)
    kink = rng.normal(0, 0.45) if rng.random() < 0.025 else 0.0  # broken, or dividing
    joint = rng.uniform(-0.4, 0.4)
    lumps = [
        (rng.uniform(-0.75, 0.75), rng.uniform(0.04, 0.13), rng.normal(0.0, 0.35))
        for _ in range(rng.integers(2, 9))
    ]
    beads = rng.uniform(4, 9), rng.uniform(0, 6)
    tips = rng.uniform(0.0, 0.7)
    cos, sin = math.cos(cell.angle), math.sin(cell.angle)
    softness = math.hypot(cell.blur, 1.6) * 1.1
    half_width = half_length / cell.slimness

    def shape(u: np.ndarray, v: np.ndarray) -> CellLayers:
        along = (u * cos + v * sin) / half_length  # -1 to 1 from end to end
        bend = bow * (along**2 - 0.4) + wave * np.sin(along * 3.1)
        bend = bend + kink * (np.abs(along - joint) - 0.5)
        across = -u * sin + v * cos - half_length * bend
        profile = 1 - np.abs(along + lean * (1 - along**2)) ** plumpness
        width = half_width * np.clip(profile, 0, None) ** taper
        if cell.kind == "beads":
            width = width * (0.35 + 0.65 * np.abs(np.sin(along * beads[0] + beads[1])))
        end = sigmoid((1 - np.abs(along)) * half_length / softness * 1.5)
        gap = np.abs(across) - width
        solid = sigmoid(-gap / softness * 1.7) * end
        # Blur makes fainter what is thinner than itself.
        thinness = np.minimum(1, (width + 1.5) / (softness * 1.15))
        texture = 1 + sum(
            strength * np.exp(-(((along - position) / extent) ** 2))
            for position, extent, strength in lumps
        )
        texture = texture + tips * np.clip(np.abs(along) - 0.6, 0, 0.4) * 2.5
        body = solid * thinness * np.clip(texture, 0.4, 1.8)
        edge = 3.0 + 0.8 * softness
        rim = np.exp(-(((gap + 0.4 * edge) / edge) ** 2)) * end * thinness * 2.6
        rim = rim / (1 + 0.4 * softness)
        glow = np.exp(-(((gap - 2.1 * edge) / (1.2 * edge)) ** 2))
        glow = glow * sigmoid((1.06 - np.abs(along)) * half_length / softness)
        sided = np.clip(across / (width + softness), -1.3, 1.3)
        relief = sided * np.exp(-(np.clip(gap, 0, None) ** 2) / (1.5 * edge) ** 2) * end * thinness
        return CellLayers(body, rim, glow, relief, solid)

    return shape


def _label_box(
    scene: Scene, cell: Cell, shape: CellShape, reach: float, hidden: np.ndarray
) -> np.ndarray | None:
    """The box that a person would draw, xyxy px; None where too little of the cell is visible."""
    reach_px = int(reach * scene.scale) + 2
    ys, xs = np.mgrid[-reach_px : reach_px + 1, -reach_px : reach_px + 1].astype(np.float32)
    solid = shape(xs / scene.scale, ys / scene.scale).solid > SOLID
    xs, ys = xs[solid] + cell.x, ys[solid] + cell.y
    if not len(xs):
        return None
    distance = np.hypot(xs - scene.centre[0], ys - scene.centre[1])
    visible = distance < scene.radius - 4 * scene.scale
    visible &= (xs >= 0) & (ys >= 0) & (xs < scene.size) & (ys < scene.size)
    columns, rows = (np.clip(each, 0, scene.size - 1).astype(int) for each in (xs, ys))
    visible &= ~hidden[rows, columns]
    if visible.mean() < MIN_VISIBLE_FRACTION or visible.sum() < MIN_VISIBLE_AREA * scene.scale**2:
        return None
    xs, ys = xs[visible], ys[visible]
    tight = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    extent = np.tile(tight[2:] - tight[:2], 2)
    margin = (label_margin(extent / scene.scale) + scene.rng.normal(0, 2, 4)) * scene.scale
    return np.clip(tight + margin * [-1, -1, 1, 1], 0, scene.size)


def label_margin(extent: np.ndarray) -> np.ndarray:
    """How much room a person leaves beyond a cell of that extent, more beside a thin one.

    Both are px of a 2,800 px picture, after the boxes of six hand-labelled photos. Beside a thin
    cell people leave from 3 to 25; it is on the tight side of their middle, since an IoU of 0.5
    forgives a box that is too tight as much as one that is too loose, by ratio.
    """
    return np.clip(11.5 - 0.05 * extent, 5, 11.5)
