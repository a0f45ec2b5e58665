"""A labelled picture for tests: a blank picture with Pascal VOC labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

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
