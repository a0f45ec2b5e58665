"""Reads and writes COCO: one JSON file with images, annotations and categories."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scripts.model.dataset.boxes import label_picture
from scripts.model.dataset.labelled import DatasetError, LabelledDataset, LabelledPicture
from scripts.model.dataset.pictures import find_picture


def load_coco_files(folder: Path) -> dict[Path, object]:
    """The parsed JSON files anywhere below a folder that have COCO's three lists. Raises
    DatasetError."""
    paths = sorted(folder.rglob("*.json"))
    return {path: content for path in paths if _is_coco(content := load_json(path))}


def load_json(path: Path) -> object:
    """The parsed file. Raises DatasetError."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, OSError) as error:
        raise DatasetError(f"{path}: not JSON ({error}); mend or remove it") from None


def read_coco(label_path: Path, content: object, folder: Path) -> LabelledDataset:
    """The pictures of a parsed COCO file, in the order of their names. Raises DatasetError."""
    corrections: Counter[str] = Counter()
    try:
        label_of = {row["id"]: str(row["name"]).strip() for row in content["categories"]}  # type: ignore[index]
        name_of = {row["id"]: str(row["file_name"]) for row in content["images"]}  # type: ignore[index]
        objects_of: dict[Any, list[Any]] = {image_id: [] for image_id in name_of}
        if len(name_of) != len(content["images"]):  # type: ignore[index]
            raise DatasetError(f"{label_path}: two images have the same id; number them anew")
        for row in content["annotations"]:  # type: ignore[index]
            if row.get("iscrowd"):
                corrections["crowds, left out"] += 1
                continue
            if row["image_id"] not in objects_of or row["category_id"] not in label_of:
                raise DatasetError(
                    f"{label_path}: annotation {row.get('id')} is of image {row['image_id']} and "
                    f"category {row['category_id']}, of which one is not in the file"
                )
            x, y, width, height = map(float, row["bbox"])
            box = [x, y, x + width, y + height]
            objects_of[row["image_id"]].append((box, label_of[row["category_id"]]))
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{label_path}: not COCO, {error!r} is missing or of a wrong kind"
        ) from None
    except ValueError as error:
        raise DatasetError(
            f"{label_path}: not COCO, a bbox must be x, y, width, height ({error})"
        ) from None
    pictures: list[LabelledPicture] = []
    seen: set[Path] = set()
    for image_id, name in sorted(name_of.items(), key=lambda item: item[1]):
        image_path = find_picture(name, label_path, folder)
        picture = label_picture(image_path, objects_of[image_id], label_path, corrections)
        if picture.path in seen:
            raise DatasetError(f"{label_path}: lists {picture.path} twice; keep one of the two")
        seen.add(picture.path)
        pictures.append(picture)
    return LabelledDataset(tuple(pictures), dict(corrections))


def to_coco(
    pictures: Iterable[LabelledPicture], classes: Sequence[str]
) -> dict[str, list[dict[str, object]]]:
    """COCO's images, annotations and categories; ids are positions in `pictures` and `classes`,
    from 1. Raises ValueError for a label that is none of `classes`."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image_id, picture in enumerate(pictures, 1):
        images.append(
            {
                "id": image_id,
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
                    "image_id": image_id,
                    "category_id": classes.index(label) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
            )
    categories: list[dict[str, object]] = [
        {"id": category_id, "name": name} for category_id, name in enumerate(classes, 1)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """Write one COCO file with absolute picture paths, so that it can be read from anywhere."""
    classes = sorted({label for picture in pictures for label in picture.labels})
    path.write_text(json.dumps(to_coco(pictures, classes), indent=1))


def _is_coco(content: object) -> bool:
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys()
