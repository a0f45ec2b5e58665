"""A labelled picture for tests: a blank picture with Pascal VOC labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.tiny_bundle import paint

VOC = """<annotation><filename>{name}</filename>{objects}</annotation>"""
VOC_OBJECT = (
    "<object><name>{label}</name><bndbox><xmin>{0}</xmin><ymin>{1}</ymin>"
    "<xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"
)


def write_labelled_picture(
    folder: Path,
    name: str,
    objects: Sequence[tuple[str, tuple[float, ...]]],
    picture_folder: str = ".",
) -> None:
    """Write a black picture of 40 x 30 px, and its objects (label, xyxy px) as XML in `folder`."""
    (folder / picture_folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30)).save(folder / picture_folder / name)
    elements = "".join(VOC_OBJECT.format(*box, label=label) for label, box in objects)
    (folder / name).with_suffix(".xml").write_text(VOC.format(name=name, objects=elements))


def write_small_squares(folder: Path, count: int, *, seed: int = 5) -> Path:
    """Labelled JPEGs of 96 x 96 px with one to four squares that the tiny bundle finds, on grounds
    of many greys with some noise; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        places = rng.choice(9, size=1 + number % 4, replace=False)
        colours = rng.choice(["red", "green"], size=len(places))
        squares = []
        for place, colour in zip(places.tolist(), colours.tolist(), strict=True):
            x, y = 6 + place % 3 * 30, 6 + place // 3 * 30
            squares.append((colour, (x, y, x + 24, y + 24)))
        name = f"{number:03}.jpg"
        write_labelled_picture(folder, name, squares)
        ground = paint(96, 96, squares, background=int(rng.integers(100, 200)))
        noisy = np.clip(ground + rng.normal(0, 4, ground.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / name, quality=int(rng.integers(85, 96)))
    return folder
