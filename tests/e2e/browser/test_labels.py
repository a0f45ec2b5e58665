"""Labels that the page saves, read by the reader that `scripts/run train --data FOLDER` uses."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.model.dataset import read_dataset
from tests.e2e.browser.conftest import Visit
from tests.e2e.browser.pictures import STRONG, squares

# Odd names, an upright picture, one turned by EXIF, and one whose boxes a person corrected.
PICTURES = (
    ("Probe 7 & <3>, grün.png", "image/png", squares()),
    ("turned.jpg", "image/jpeg", squares("JPEG", 6, quality=95)),
    ("turned.png", "image/png", squares("PNG", 8)),
)
CORRECT = """() => {
  edit(current, {does: 'remove', id: 0}, {does: 'add', id: 'h1', label: 'green',
    box: [500.25, 0, 640, 31.5]});
  changed();
  const plain = each => [each.label, ...cornersOf(each)];
  return items.map(item => [item.name, boxesOf(item).map(plain)]);
}"""


def chosen(visit: Visit) -> dict[str, list[list[Any]]]:
    """The pictures on the page, the first one corrected; what it says to be on each."""
    visit.choose(*PICTURES)
    visit.page.get_by_role("button", name=f"turned.png, count {STRONG}").wait_for()
    visit.page.get_by_role("button", name="Probe 7").first.click()
    visit.expect_count(STRONG)
    return dict(visit.page.evaluate(CORRECT))


def read(folder: Path) -> dict[str, list[list[Any]]]:
    dataset = read_dataset(folder)
    assert not dataset.corrections
    for picture in dataset.pictures:
        assert (picture.width, picture.height) == (640, 640)
    return {
        picture.path.name: [
            [label, *box] for label, box in zip(picture.labels, picture.boxes.tolist(), strict=True)
        ]
        for picture in dataset.pictures
    }


def assert_same(one: dict[str, list[list[Any]]], other: dict[str, list[list[Any]]]) -> None:
    assert one.keys() == other.keys()
    for name, boxes in one.items():
        assert [box[0] for box in boxes] == [box[0] for box in other[name]], name
        corners = [[box[1:] for box in some] for some in (boxes, other[name])]
        np.testing.assert_allclose(*corners, atol=0.011, err_msg=name)


def test_labels_of_all_pictures_are_a_folder_to_train_on(visit: Visit, tmp_path: Path) -> None:
    expected = chosen(visit)
    assert [box[0] for box in expected[PICTURES[0][0]]] == ["green", "red", "green"]
    visit.page.locator("#table summary").click()
    for button in ("VOC (zip)", "COCO (zip)"):
        _, data = visit.saved(button)
        folder = tmp_path / button
        zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
        assert (folder / "turned.jpg").read_bytes() == PICTURES[1][2]
        assert_same(expected, read(folder))
    # Without the pictures: beside those that are there already.
    visit.page.get_by_label("VOC and COCO with the pictures").uncheck()
    _, data = visit.saved("VOC (zip)")
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path / "beside")
    assert {path.suffix for path in (tmp_path / "beside").iterdir()} == {".xml"}
    for name, _, picture in PICTURES:
        (tmp_path / "beside" / name).write_bytes(picture)
    assert_same(expected, read(tmp_path / "beside"))


@pytest.mark.parametrize(("button", "suffix"), [("VOC", ".xml"), ("COCO", "-coco.json")])
def test_labels_of_one_picture_lie_beside_it(
    visit: Visit, tmp_path: Path, button: str, suffix: str
) -> None:
    expected = chosen(visit)
    name, _, picture = PICTURES[0]
    # Whatever a browser makes of the labels' own name, the picture's is in them.
    (tmp_path / name).write_bytes(picture)
    saved_name, data = visit.saved(button)
    assert saved_name.endswith(suffix)
    (tmp_path / f"labels{suffix}").write_bytes(data)
    assert_same({name: expected[name]}, read(tmp_path))
    if button == "COCO":
        whole = json.loads(data)
        assert [each["name"] for each in whole["categories"]] == ["red", "green"]
        assert [each["id"] for each in whole["annotations"]] == [1, 2, 3]
