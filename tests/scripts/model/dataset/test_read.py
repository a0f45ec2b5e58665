"""Labelled folders: Pascal VOC and COCO give the same pictures; what is wrong is named."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.model.dataset import DatasetError, read_dataset, read_labelled_pictures
from tests.support.labelled_picture import VOC, write_labelled_picture


def test_a_picture_without_objects_is_a_picture(tmp_path: Path) -> None:
    write_labelled_picture(tmp_path, "none.png", [])
    (only,) = read_labelled_pictures(tmp_path)
    assert only.boxes.shape == (0, 4) and only.labels == ()


def test_voc_and_coco_agree(tmp_path: Path) -> None:
    objects = [("cat", (1.0, 2.0, 11.5, 22.0)), ("dog", (3.0, 4.0, 30.0, 20.0))]
    write_labelled_picture(tmp_path / "voc", "a.png", objects, picture_folder="images")
    coco = tmp_path / "coco"
    coco.mkdir()
    Image.new("RGB", (40, 30)).save(coco / "a.png")
    (coco / "labels.json").write_text(
        json.dumps(
            {
                "images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}],
                "categories": [{"id": 3, "name": "cat"}, {"id": 9, "name": "dog"}],
                "annotations": [
                    {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1.0, 2.0, 10.5, 20.0]},
                    {"id": 2, "image_id": 7, "category_id": 9, "bbox": [3.0, 4.0, 27.0, 16.0]},
                ],
            }
        )
    )
    (from_voc,), (from_coco,) = (
        read_labelled_pictures(tmp_path / "voc"),
        read_labelled_pictures(coco),
    )
    assert from_voc.labels == from_coco.labels == ("cat", "dog")
    assert np.array_equal(from_voc.boxes, from_coco.boxes)
    assert from_voc.path.is_file() and from_coco.path.is_file()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: None, "neither VOC XML files nor a COCO JSON file"),
        (lambda folder: (folder / "a.xml").write_text("<annotation><filename>a"), "not Pascal VOC"),
        (
            lambda folder: (folder / "a.xml").write_text(VOC.format(name="gone.png", objects="")),
            "gone.png",
        ),
        (
            lambda folder: (folder / "a.xml").write_text(
                VOC.format(name="a.png", objects="<object><name>x</name></object>")
            ),
            "without <bndbox>",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, make, says: str) -> None:
    make(tmp_path)
    with pytest.raises(DatasetError, match=says):
        read_labelled_pictures(tmp_path)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        read_labelled_pictures(Path("nowhere"))


def test_class_names_that_are_nearly_the_same_are_warned_of(tmp_path: Path) -> None:
    objects = [("Cell", (1.0, 2.0, 11.5, 22.0)), ("cell", (3.0, 4.0, 30.0, 20.0))]
    write_labelled_picture(tmp_path, "a.png", objects)
    write_labelled_picture(tmp_path, "b.png", [*objects[:1], ("grain", (3.0, 4.0, 30.0, 20.0))])
    (warning,) = read_dataset(tmp_path).warnings
    assert "'Cell' (2 boxes) and 'cell' (1 box) are nearly the same" in warning
