"""Renders labelled microscope photos of spindle-shaped microalgae, which nobody owns.

Everything is drawn procedurally, after the look of phone photos taken through a microscope's
eyepiece: a round bright field in a dark surround, a pointer needle, a counting chamber's double
grid lines, debris, and cells in and out of focus.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from scripts.model.render.background import draw_debris, draw_grid, make_illumination
from scripts.model.render.cells import draw_cells
from scripts.model.render.optics import make_needle, photograph
from scripts.model.render.population import AS_PHOTOS, Crowding, choose_cells
from scripts.model.render.scene import make_scene

LABEL = "Microalgae"


@dataclass(frozen=True)
class RenderedPhoto:
    """One photo: `rgb` uint8 (S, S, 3) and `boxes` float64 (N, 4), xyxy px of that photo."""

    rgb: np.ndarray
    boxes: np.ndarray


def render_photo(seed: int, size: int = 1400, crowding: Crowding = AS_PHOTOS) -> RenderedPhoto:
    """Draw the photo of `seed`, `size` px square; the same arguments give the same photo."""
    rng = np.random.default_rng([seed, 20191210])
    scene = make_scene(rng, size)
    light = make_illumination(scene)
    draw_grid(scene, light)
    draw_debris(scene, light)
    needle = make_needle(scene)
    boxes = draw_cells(scene, light, choose_cells(scene, crowding), hidden=needle > 0.5)
    return RenderedPhoto(photograph(scene, light, needle), boxes)


def photo_path(folder: Path, seed: int) -> Path:
    """Where the photo of a seed is written."""
    return folder / f"render-{seed:05d}.jpg"


def write_photo(folder: Path, seed: int, size: int, crowding: Crowding = AS_PHOTOS) -> Path:
    """Render one photo into a folder as render-SEED.jpg, with its labels as .xml beside it."""
    photo = render_photo(seed, size, crowding)
    path = photo_path(folder, seed)
    quality = int(np.random.default_rng([seed, 7]).integers(82, 96))
    path.with_suffix(".xml").write_text(format_voc(path.name, photo))
    Image.fromarray(photo.rgb).save(path, quality=quality)
    return path


def write_photos(
    folder: Path,
    seeds: Iterable[int],
    size: int,
    crowding: Crowding = AS_PHOTOS,
    workers: int | None = None,
) -> Iterator[Path]:
    """`write_photo` for every seed, in several processes; yields the paths as they are written."""
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(
            partial(write_photo, folder, size=size, crowding=crowding), seeds, chunksize=4
        )


def format_voc(name: str, photo: RenderedPhoto) -> str:
    """The photo's labels as Pascal VOC XML."""
    height, width = photo.rgb.shape[:2]
    objects = "".join(
        f"\t<object>\n\t\t<name>{LABEL}</name>\n\t\t<difficult>0</difficult>\n"
        f"\t\t<bndbox><xmin>{x0:.1f}</xmin><ymin>{y0:.1f}</ymin>"
        f"<xmax>{x1:.1f}</xmax><ymax>{y1:.1f}</ymax></bndbox>\n\t</object>\n"
        for x0, y0, x1, y1 in photo.boxes
    )
    return (
        f"<annotation>\n\t<filename>{escape(name)}</filename>\n"
        f"\t<size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
        f"{objects}</annotation>\n"
    )
