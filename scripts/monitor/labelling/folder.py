"""Writes chosen pictures with pre-labels as a folder that labelling tools and `train` read.

Pascal VOC lies as CVAT lays it out (JPEGImages, Annotations, ImageSets), COCO as images and
annotations/instances_default.json; label-studio.json has the same boxes for Label Studio. A picture
is stored as it was sent where every tool shows it as the handler saw it: JPEG, PNG, WebP and BMP
that are upright. Any other is stored as a PNG of the pixels that the handler saw. The folder
appears complete or not at all.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.images.decode import decode
from handler.images.picture import Picture
from scripts.model.dataset import LabelledPicture, to_coco
from scripts.monitor.labelling.corrections import SELECTION_FILE
from scripts.tool import ToolError

Format = Literal["voc", "coco"]
PICTURE_FOLDER: dict[Format, str] = {"voc": "JPEGImages", "coco": "images"}
LABEL_STUDIO_FILE = "label-studio.json"
MAX_PIXELS = 100_000_000
_KEPT_AS_SENT = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}


@dataclass(frozen=True, eq=False)
class ChosenPicture:
    """A picture to label. boxes: (n, 4), xyxy in px of the upright picture, with n labels.
    selection: what selection.csv says of it besides."""

    prediction_id: str
    path: Path
    width: int
    height: int
    boxes: NDArray[np.float64]
    labels: tuple[str, ...]
    selection: dict[str, str]


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out`, which becomes it at the end, and is removed on an error.

    Raises ToolError where `out` has anything in it: labels are work.
    """
    check_is_new(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".partial"))
    try:
        yield partial
        partial.chmod(0o755)
        check_is_new(out)
        partial.replace(out)  # fails where another run has made a full one meanwhile
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_is_new(out: Path) -> None:
    """Raises ToolError where a folder has anything in it, which may be labels."""
    if (
        out.is_symlink()
        or (out.exists() and not out.is_dir())
        or (out.is_dir() and any(out.iterdir()))
    ):
        raise ToolError(f"{out} is there already, and may have labels; choose another --out")


def write_picture(image_bytes: bytes, folder: Path, name: str) -> tuple[Path, Picture]:
    """Store a picture under a name without suffix. Raises Problem for one that cannot be
    decoded."""
    picture = decode(image_bytes, max_pixels=MAX_PIXELS)
    suffix = _KEPT_AS_SENT.get(picture.format)
    folder.mkdir(parents=True, exist_ok=True)
    if suffix and picture.orientation == 1 and not picture.notes:
        path = folder / f"{name}{suffix}"
        path.write_bytes(image_bytes)
    else:
        path = folder / f"{name}.png"
        Image.fromarray(picture.rgb).save(path, compress_level=6)
    return path, picture


def write_labels(
    root: Path, pictures: Sequence[ChosenPicture], classes: Sequence[str], format: Format
) -> None:
    """Write the pre-labels and selection.csv; pictures lie in PICTURE_FOLDER already."""
    if format == "voc":
        _write_voc(root, pictures)
    else:
        _write_coco(root, pictures, classes)
    tasks = [_label_studio_task(each, root) for each in pictures]
    (root / LABEL_STUDIO_FILE).write_text(json.dumps(tasks, indent=1, ensure_ascii=False))
    with (root / SELECTION_FILE).open("w", newline="", encoding="utf-8") as file:
        names = list(dict.fromkeys(name for each in pictures for name in each.selection))
        writer = csv.DictWriter(file, ["picture", "prediction_id", *names], lineterminator="\n")
        writer.writeheader()
        for each in pictures:
            row = {"picture": each.path.name, "prediction_id": each.prediction_id}
            writer.writerow({**row, **each.selection})


def _write_voc(root: Path, pictures: Sequence[ChosenPicture]) -> None:
    annotations, sets = root / "Annotations", root / "ImageSets" / "Main"
    annotations.mkdir()
    sets.mkdir(parents=True)
    for each in pictures:
        tree = ElementTree.ElementTree(_voc_annotation(each))
        ElementTree.indent(tree)
        path = annotations / f"{each.path.stem}.xml"
        tree.write(path, encoding="utf-8")
    names = "".join(f"{each.path.stem}\n" for each in pictures)
    (sets / "default.txt").write_text(names)


def _voc_annotation(picture: ChosenPicture) -> ElementTree.Element:
    root = ElementTree.Element("annotation")

    def add(parent: ElementTree.Element, name: str, text: str | None = None) -> ElementTree.Element:
        element = ElementTree.SubElement(parent, name)
        element.text = text
        return element

    add(root, "folder", PICTURE_FOLDER["voc"])
    add(root, "filename", picture.path.name)
    size = add(root, "size")
    for name, value in (("width", picture.width), ("height", picture.height), ("depth", 3)):
        add(size, name, str(value))
    add(root, "segmented", "0")
    for box, label in zip(picture.boxes.tolist(), picture.labels, strict=True):
        element = add(root, "object")
        add(element, "name", label)
        add(element, "pose", "Unspecified")
        add(element, "truncated", "0")
        add(element, "difficult", "0")
        corners = add(element, "bndbox")
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            add(corners, name, f"{value:g}" if value == int(value) else f"{value:.2f}")
    return root


def _write_coco(root: Path, pictures: Sequence[ChosenPicture], classes: Sequence[str]) -> None:
    labelled = [
        LabelledPicture(each.path, each.boxes, each.labels, each.width, each.height)
        for each in pictures
    ]
    coco = to_coco(labelled, classes)
    for image, each in zip(coco["images"], pictures, strict=True):
        image["file_name"] = each.path.name  # the folder may move
    (root / "annotations").mkdir()
    path = root / "annotations" / "instances_default.json"
    path.write_text(json.dumps(coco, indent=1, ensure_ascii=False), encoding="utf-8")


def _label_studio_task(picture: ChosenPicture, root: Path) -> dict[str, Any]:
    """Boxes in per cent of the picture, as Label Studio's RectangleLabels has them."""
    scale = np.array([100 / picture.width, 100 / picture.height] * 2)
    results = []
    for box, label in zip(picture.boxes * scale, picture.labels, strict=True):
        x0, y0, x1, y1 = box.round(4).tolist()
        results.append(
            {
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": picture.width,
                "original_height": picture.height,
                "image_rotation": 0,
                "value": {
                    "x": x0,
                    "y": y0,
                    "width": round(x1 - x0, 4),
                    "height": round(y1 - y0, 4),
                    "rotation": 0,
                    "rectanglelabels": [label],
                },
            }
        )
    where = picture.path.relative_to(root)
    return {
        "data": {"image": f"/data/local-files/?d={where.as_posix()}"},
        "meta": {"prediction_id": picture.prediction_id},
        "predictions": [{"model_version": "pre-label", "result": results}],
    }
