"""A folder of labelled pictures in (Pascal VOC or COCO); its pictures with boxes and labels out."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class DatasetError(ValueError):
    """A folder that cannot be read as VOC or COCO; the text says what was found and what is
    expected."""


@dataclass(frozen=True)
class LabelledPicture:
    """One picture: its path, `boxes` float64 (N, 4) xyxy px of the upright picture, and N label
    names."""

    path: Path
    boxes: np.ndarray
    labels: tuple[str, ...]


def read(folder: Path) -> list[LabelledPicture]:
    """The labelled pictures of a folder, in the order of their names.

    VOC: XML files anywhere below, each beside its picture or with pictures in `images` or
    `JPEGImages`. COCO: one JSON file with "images" and "annotations", pictures beside it or in
    `images`.
    Raises DatasetError.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    xml = sorted(folder.rglob("*.xml"))
    if xml:
        return [_voc(path, folder) for path in xml]
    for path in sorted(folder.rglob("*.json")):
        whole = json.loads(path.read_text())
        if isinstance(whole, dict) and {"images", "annotations", "categories"} <= whole.keys():
            return _coco(path, whole, folder)
    raise DatasetError(
        f"{folder}: neither VOC XML files nor a COCO JSON file in it "
        "(with images, annotations, categories)"
    )


def _picture(name: str, beside: Path, folder: Path, label_file: Path) -> Path:
    places = [beside, folder, folder / "images", folder / "JPEGImages", beside.parent / "images"]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise DatasetError(
        f"{label_file}: its picture {name} is in none of {', '.join(map(str, places))}"
    )


def _voc(path: Path, folder: Path) -> LabelledPicture:
    try:
        root = ElementTree.parse(path).getroot()
        name = root.findtext("filename") or ""
        boxes, labels = [], []
        for item in root.iter("object"):
            corners = item.find("bndbox")
            if corners is None:
                raise DatasetError(f"{path}: an <object> without <bndbox>")
            boxes.append(
                [float(corners.findtext(key) or "nan") for key in ("xmin", "ymin", "xmax", "ymax")]
            )
            labels.append(item.findtext("name") or "")
    except (ElementTree.ParseError, ValueError) as error:
        raise DatasetError(f"{path}: not Pascal VOC ({error})") from None
    picture = _picture(Path(name).name, path.parent, folder, path)
    return LabelledPicture(picture, np.array(boxes, np.float64).reshape(-1, 4), tuple(labels))


def _coco(path: Path, whole: dict, folder: Path) -> list[LabelledPicture]:
    names = {category["id"]: category["name"] for category in whole["categories"]}
    by_picture: dict[int, list[dict]] = {item["id"]: [] for item in whole["images"]}
    for annotation in whole["annotations"]:
        by_picture[annotation["image_id"]].append(annotation)
    pictures = []
    for item in sorted(whole["images"], key=lambda item: item["file_name"]):
        found = by_picture[item["id"]]
        corner_size = np.array([annotation["bbox"] for annotation in found], np.float64).reshape(
            -1, 4
        )
        boxes = np.concatenate(
            [corner_size[:, :2], corner_size[:, :2] + corner_size[:, 2:]], axis=1
        )
        labels = tuple(names[annotation["category_id"]] for annotation in found)
        pictures.append(
            LabelledPicture(_picture(item["file_name"], path.parent, folder, path), boxes, labels)
        )
    return pictures
