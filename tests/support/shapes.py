"""A labelled set of three classes that a small detector learns in minutes: discs, squares and
triangles of any colour on soft noise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

CLASSES = ("disc", "square", "triangle")
WIDTH, HEIGHT = 160, 120

Labels = list[tuple[str, tuple[int, int, int, int]]]


def draw(seed: int) -> tuple[Image.Image, Labels]:
    rng = np.random.default_rng(seed)
    noise = rng.normal(120, 25, (HEIGHT // 4, WIDTH // 4, 3)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    picture = picture.filter(ImageFilter.GaussianBlur(1))
    canvas, labels = ImageDraw.Draw(picture), []
    for _ in range(rng.integers(1, 5)):
        side = int(rng.integers(20, 45))
        x, y = int(rng.integers(0, WIDTH - side)), int(rng.integers(0, HEIGHT - side))
        if any(x < b[2] and b[0] < x + side and y < b[3] and b[1] < y + side for _, b in labels):
            continue
        kind = CLASSES[rng.integers(3)]
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        if kind == "disc":
            canvas.ellipse([x, y, x + side, y + side], fill=colour)
        elif kind == "square":
            canvas.rectangle([x, y, x + side, y + side], fill=colour)
        else:
            canvas.polygon([(x + side / 2, y), (x + side, y + side), (x, y + side)], fill=colour)
        labels.append((kind, (x, y, x + side, y + side)))
    return picture, labels


def write_voc(folder: Path, count: int, seed: int = 0) -> Path:
    """Pictures with a Pascal VOC file beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture, labels = draw(seed + number)
        picture.save(folder / f"{number:04}.png")
        rows = "".join(
            f"<object><name>{kind}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
            f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
            for kind, box in labels
        )
        (folder / f"{number:04}.xml").write_text(
            f"<annotation><filename>{number:04}.png</filename>{rows}</annotation>"
        )
    return folder


def write_coco(folder: Path, count: int, seed: int = 0) -> Path:
    """The same pictures with one COCO file, whose ids are neither ordered nor from 1."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number in range(count):
        picture, labels = draw(seed + number)
        name = f"{number:04}.png"
        picture.save(folder / "images" / name)
        images.append({"id": 900 - number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for kind, (x0, y0, x1, y1) in labels:
            annotations.append(
                {
                    "id": 7 + len(annotations),
                    "image_id": 900 - number,
                    "category_id": 10 * (1 + CLASSES.index(kind)),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": 10 * (1 + at), "name": name} for at, name in enumerate(CLASSES)]
    (folder / "labels.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return folder
