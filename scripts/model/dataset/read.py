"""Reads a labelled folder, whichever of the two formats it is in."""

from __future__ import annotations

from pathlib import Path

from scripts.model.dataset.coco import load_coco_files, load_json, read_coco
from scripts.model.dataset.labelled import DatasetError, LabelledDataset, LabelledPicture
from scripts.model.dataset.voc import list_voc_files, read_voc


def read_dataset(path: Path) -> LabelledDataset:
    """The labelled pictures of a folder, or of one COCO JSON file, and what was corrected.

    VOC: XML files anywhere below the folder. COCO: one JSON file in it. Raises DatasetError.
    """
    if path.is_file() and path.suffix == ".json":
        return read_coco(path, load_json(path), path.parent)
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder")
    voc_paths = list_voc_files(path)
    if voc_paths:
        return read_voc(voc_paths, path)
    coco_files = load_coco_files(path)
    if len(coco_files) > 1:
        names = ", ".join(map(str, coco_files))
        raise DatasetError(f"{path}: several COCO files ({names}); give one of them instead")
    if coco_files:
        return read_coco(*coco_files.popitem(), path)
    raise DatasetError(
        f"{path}: neither VOC XML files nor a COCO JSON file in it "
        "(with images, annotations, categories)"
    )


def read_labelled_pictures(path: Path) -> list[LabelledPicture]:
    """The pictures of `read_dataset` alone. Raises DatasetError."""
    return list(read_dataset(path).pictures)
