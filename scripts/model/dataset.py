"""A folder of labelled pictures in (Pascal VOC or COCO); its pictures with boxes and labels out.

Boxes are of the upright picture, as a viewer shows it: a photo's EXIF rotation is applied first,
as IceVision and the handler do. Labelling tools show photos upright, too.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".heic", ".gif")
PICTURE_FOLDERS = ("images", "JPEGImages", "Images", "img")
SLACK = 2.0  # px that a box may lie outside before it is counted as repaired
SMALLEST = 1.0  # px a box must have each way to be kept
ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 swap width and height


class DatasetError(ValueError):
    """A folder that cannot be read as VOC or COCO; the text says what was found and what is
    expected."""


@dataclass(frozen=True)
class LabelledPicture:
    """One picture: its path, `boxes` float64 (N, 4) xyxy px of the upright picture, and N label
    names; its upright size in px."""

    path: Path
    boxes: np.ndarray
    labels: tuple[str, ...]
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Reading:
    """What a folder holds: its pictures, and how many boxes or files were changed or left out, by
    reason."""

    pictures: tuple[LabelledPicture, ...]
    notes: Mapping[str, int]


def read(folder: Path) -> list[LabelledPicture]:
    """The labelled pictures of `folder`, in the order of their label files. See `survey`; raises
    DatasetError."""
    return list(survey(folder).pictures)


def survey(folder: Path) -> Reading:
    """The labelled pictures of a folder, or of one COCO JSON file, and what was mended.

    VOC: XML files anywhere below; a picture is looked for by its name, then by the XML file's,
    beside the XML, and in images or JPEGImages. COCO: one JSON file with images, annotations and
    categories. Boxes with swapped corners are turned, those that stick out are cut to the picture,
    empty ones, crowds and exact repeats are left out; each is counted in `notes`.
    Raises DatasetError.
    """
    if folder.is_file() and folder.suffix == ".json":
        return _coco(folder, _json(folder), folder.parent)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    xml = sorted(path for path in folder.rglob("*.xml") if not path.name.startswith("."))
    if xml:
        return _voc_folder(xml, folder)
    found = []
    for path in sorted(folder.rglob("*.json")):
        whole = _json(path)
        if isinstance(whole, dict) and {"images", "annotations", "categories"} <= whole.keys():
            found.append((path, whole))
    if len(found) > 1:
        names = ", ".join(str(path) for path, _ in found)
        raise DatasetError(f"{folder}: several COCO files ({names}); give one of them instead")
    if found:
        return _coco(*found[0], folder)
    raise DatasetError(
        f"{folder}: neither VOC XML files nor a COCO JSON file in it "
        "(with images, annotations, categories)"
    )


def as_coco(pictures: Iterable[LabelledPicture], names: Sequence[str]) -> dict[str, list]:
    """COCO's images, annotations and categories; ids are places in `pictures` and `names`, from 1.
    Raises ValueError for a label that is none of `names`."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, picture in enumerate(pictures, 1):
        images.append(
            {
                "id": number,
                "file_name": str(picture.path.resolve()),
                "width": picture.width,
                "height": picture.height,
            }
        )
        for box, label in zip(picture.boxes.tolist(), picture.labels, strict=True):
            x0, y0, x1, y1 = box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": names.index(label) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
            )
    categories: list[dict[str, object]] = [
        {"id": number, "name": name} for number, name in enumerate(names, 1)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """One COCO file that `read` gives the same pictures back from, wherever they lie."""
    names = sorted({label for picture in pictures for label in picture.labels})
    path.write_text(json.dumps(as_coco(pictures, names), indent=1))


def pictures_in(folder: Path) -> list[Path]:
    """Every picture below a folder, labelled or not, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def size(path: Path) -> tuple[int, int]:
    """Width and height of the upright picture, from its header. Raises DatasetError."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(
            f"{path}: not a picture that can be opened ({error}); mend or remove it"
        ) from None
    return (height, width) if turned else (width, height)


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, OSError) as error:
        raise DatasetError(f"{path}: not JSON ({error}); mend or remove it") from None


def _labelled(
    path: Path, found: Iterable[tuple[list[float], str]], label_file: Path, notes: Counter[str]
) -> LabelledPicture:
    """The picture with its boxes, (xyxy, label), brought into order."""
    width, height = size(path)
    kept: list[tuple[tuple[float, ...], str]] = []
    seen = set()
    for box, label in found:
        if not label:
            raise DatasetError(f"{label_file}: a box without a class name; give it one")
        corners = np.array(box, np.float64)
        if not np.isfinite(corners).all():
            raise DatasetError(f"{label_file}: a box of {label} with missing or infinite corners")
        ordered = np.concatenate([np.minimum(*corners.reshape(2, 2)), [0, 0]])
        ordered[2:] = np.maximum(*corners.reshape(2, 2))
        if not np.array_equal(ordered, corners):
            notes["boxes with swapped corners, turned"] += 1
        inside = ordered.clip(0, [width, height, width, height])
        if np.abs(inside - ordered).max() > SLACK:
            notes["boxes that stick out of their picture, cut"] += 1
        if (inside[2:] - inside[:2]).min() < SMALLEST:
            notes["boxes under one pixel or outside, left out"] += 1
            continue
        entry = (tuple(map(float, inside)), label)
        if entry in seen:
            notes["boxes given twice, left out"] += 1
            continue
        seen.add(entry)
        kept.append(entry)
    boxes = np.array([box for box, _ in kept], np.float64).reshape(-1, 4)
    return LabelledPicture(path, boxes, tuple(label for _, label in kept), width, height)


def _picture(name: str, label_file: Path, folder: Path, *, stem: str | None = None) -> Path:
    """The file that `name` means: itself, or with another ending, or named as `stem`."""
    whole = Path(name)
    if whole.is_absolute() and whole.is_file() and whole.suffix.lower() in SUFFIXES:
        return whole
    relative = PurePosixPath(re.sub(r"^[A-Za-z]:", "", name.replace("\\", "/")).lstrip("/"))
    beside = label_file.parent
    roots = [beside, folder, *(root / sub for root in (folder, beside.parent, beside)
                               for sub in PICTURE_FOLDERS)]  # fmt: skip
    roots = list(dict.fromkeys(roots))
    names = [] if ".." in relative.parts else [str(relative)]
    names = [each for each in dict.fromkeys([*names, relative.name]) if each and each != "."]
    for root in roots:
        for each in names:
            if (root / each).is_file() and Path(each).suffix.lower() in SUFFIXES:
                return root / each
    # A name without an ending, or with a wrong one; then the label file's own name.
    for each in [*names, *([stem] if stem else [])]:
        bare = Path(each)
        for root in roots:
            for suffix in (s for lower in SUFFIXES for s in (lower, lower.upper())):
                for candidate in (root / bare.with_suffix(suffix), root / f"{bare}{suffix}"):
                    if candidate.is_file():
                        return candidate
    raise DatasetError(
        f"{label_file}: its picture {name or '(not named)'} is not beside it, and not in "
        f"{folder} or its {', '.join(PICTURE_FOLDERS)}; add the picture or remove the label"
    )


def _voc_folder(files: list[Path], folder: Path) -> Reading:
    notes: Counter[str] = Counter()
    pictures, by_path = [], {}
    for file in files:
        labelled = _voc(file, folder, notes)
        if labelled.path in by_path:
            raise DatasetError(
                f"{file}: labels {labelled.path}, which {by_path[labelled.path]} labels, too; "
                "keep one of the two"
            )
        by_path[labelled.path] = file
        pictures.append(labelled)
    others = {path for path in pictures_in(folder) if path not in by_path}
    if others:
        notes["pictures without a label file, left out"] = len(others)
    return Reading(tuple(pictures), dict(notes))


def _voc(path: Path, folder: Path, notes: Counter[str]) -> LabelledPicture:
    try:
        data = path.read_bytes()
        # Entities can grow without bound when expanded; VOC has no use for them.
        if b"<!DOCTYPE" in data.replace(b"\0", b"") or b"<!ENTITY" in data.replace(b"\0", b""):
            raise DatasetError(f"{path}: declares a document type or entities, which VOC never has")
        root = ElementTree.fromstring(data)
        name = (root.findtext("filename") or "").strip()
        found = []
        for item in root.iter("object"):
            corners = item.find("bndbox")
            if corners is None:
                raise DatasetError(f"{path}: an <object> without <bndbox>")
            texts = [corners.findtext(key) for key in ("xmin", "ymin", "xmax", "ymax")]
            box = [float(text or "nan") for text in texts]
            found.append((box, (item.findtext("name") or "").strip()))
    except (ElementTree.ParseError, OSError) as error:
        raise DatasetError(f"{path}: not Pascal VOC ({error})") from None
    except DatasetError:
        raise
    except (ValueError, LookupError) as error:
        raise DatasetError(f"{path}: not Pascal VOC ({error})") from None
    picture = _picture(name, path, folder, stem=path.stem)
    return _labelled(picture, found, path, notes)


def _coco(path: Path, whole: object, folder: Path) -> Reading:
    notes: Counter[str] = Counter()
    try:
        names = {row["id"]: str(row["name"]).strip() for row in whole["categories"]}  # type: ignore[index]
        images = {row["id"]: str(row["file_name"]) for row in whole["images"]}  # type: ignore[index]
        by_picture: dict = {key: [] for key in images}
        if len(images) != len(whole["images"]):  # type: ignore[index]
            raise DatasetError(f"{path}: two images have the same id; number them anew")
        for row in whole["annotations"]:  # type: ignore[index]
            if row.get("iscrowd"):
                notes["crowds, left out"] += 1
                continue
            if row["image_id"] not in by_picture or row["category_id"] not in names:
                raise DatasetError(
                    f"{path}: annotation {row.get('id')} is of image {row['image_id']} and "
                    f"category {row['category_id']}, of which one is not in the file"
                )
            x, y, width, height = map(float, row["bbox"])
            box = [x, y, x + width, y + height]
            by_picture[row["image_id"]].append((box, names[row["category_id"]]))
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path}: not COCO, {error!r} is missing or of a wrong kind") from None
    except DatasetError:
        raise
    except ValueError as error:
        raise DatasetError(
            f"{path}: not COCO, a bbox must be x, y, width, height ({error})"
        ) from None
    pictures, by_path = [], set()
    for key, name in sorted(images.items(), key=lambda item: item[1]):
        labelled = _labelled(_picture(name, path, folder), by_picture[key], path, notes)
        if labelled.path in by_path:
            raise DatasetError(f"{path}: lists {labelled.path} twice; keep one of the two")
        by_path.add(labelled.path)
        pictures.append(labelled)
    return Reading(tuple(pictures), dict(notes))
