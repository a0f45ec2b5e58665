"""Reads Pascal VOC: one XML file a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.model.dataset.boxes import label_picture
from scripts.model.dataset.labelled import DatasetError, LabelledDataset, LabelledPicture
from scripts.model.dataset.pictures import find_picture, list_pictures


def list_voc_files(folder: Path) -> list[Path]:
    """Every XML file anywhere below a folder that is not hidden."""
    return sorted(path for path in folder.rglob("*.xml") if not path.name.startswith("."))


def read_voc(label_paths: Sequence[Path], folder: Path) -> LabelledDataset:
    """The pictures of these XML files, in their order. Raises DatasetError."""
    corrections: Counter[str] = Counter()
    pictures: list[LabelledPicture] = []
    label_path_of: dict[Path, Path] = {}
    for label_path in label_paths:
        picture = _read_voc_file(label_path, folder, corrections)
        if picture.path in label_path_of:
            raise DatasetError(
                f"{label_path}: labels {picture.path}, which {label_path_of[picture.path]} labels, "
                "too; keep one of the two"
            )
        label_path_of[picture.path] = label_path
        pictures.append(picture)
    unlabelled = {path for path in list_pictures(folder) if path not in label_path_of}
    if unlabelled:
        corrections["pictures without a label file, left out"] = len(unlabelled)
    return LabelledDataset(tuple(pictures), dict(corrections))


def _read_voc_file(label_path: Path, folder: Path, corrections: Counter[str]) -> LabelledPicture:
    try:
        xml = label_path.read_bytes()
        # Entities can grow without bound when expanded; VOC has no use for them.
        if b"<!DOCTYPE" in xml.replace(b"\0", b"") or b"<!ENTITY" in xml.replace(b"\0", b""):
            raise DatasetError(
                f"{label_path}: declares a document type or entities, which VOC never has"
            )
        root = ElementTree.fromstring(xml)
        name = (root.findtext("filename") or "").strip()
        objects = []
        for element in root.iter("object"):
            corners = element.find("bndbox")
            if corners is None:
                raise DatasetError(f"{label_path}: an <object> without <bndbox>")
            texts = [corners.findtext(key) for key in ("xmin", "ymin", "xmax", "ymax")]
            box = [float(text or "nan") for text in texts]
            objects.append((box, (element.findtext("name") or "").strip()))
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise DatasetError(f"{label_path}: not Pascal VOC ({error})") from None
    image_path = find_picture(name, label_path, folder, stem=label_path.stem)
    return label_picture(image_path, objects, label_path, corrections)
