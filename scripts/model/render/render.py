"""A seed in, a labelled microscope photo of spindle-shaped microalgae out; nobody owns it.

    python -m scripts.model.render --out data/rendered --count 1200

Everything is drawn procedurally, after the look of phone photos taken through a microscope's
eyepiece: a round bright field in a dark surround, a pointer needle, a counting chamber's double
grid lines, debris, and cells in and out of focus. Light is multiplied, so overlapping cells darken
as they do in transmission.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image
from tqdm import tqdm

from scripts.model.render.cells import draw_cells, population
from scripts.model.render.scene import debris, grid, illumination, make_scene, optics

LABEL = "Microalgae"


@dataclass(frozen=True)
class Rendered:
    """One photo: `rgb` uint8 (S, S, 3) and `boxes` float64 (N, 4), xyxy px of that picture."""

    rgb: np.ndarray
    boxes: np.ndarray


def render(seed: int, size: int = 1400) -> Rendered:
    """Draw the picture of `seed`, `size` px square; the same seed and size give the same
    picture."""
    rng = np.random.default_rng([seed, 20191210])
    scene = make_scene(rng, size)
    light = illumination(scene)
    grid(scene, light)
    debris(scene, light)
    boxes = draw_cells(scene, light, population(scene))
    photo = optics(scene, light)
    return Rendered(photo, boxes)


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
