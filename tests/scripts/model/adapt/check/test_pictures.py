"""What --check takes: files, folders and labelled folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.images.picture import as_image
from scripts.model.adapt.check import pictures as module
from scripts.model.adapt.check.pictures import read_check_pictures
from scripts.tool import ToolError
from tests.scripts.model.adapt.check.test_check import label


def save(path: Path, size: tuple[int, int] = (50, 40), **options: object) -> Path:
    Image.new("RGB", size, (90, 120, 90)).save(path, **options)
    return path


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    one = save(tmp_path / "one.jpg")
    two, three = save(tmp_path / "folder" / "2.png"), save(tmp_path / "folder" / "3.webp")
    (tmp_path / "folder" / "notes.txt").write_text("no picture")
    read = read_check_pictures([one, tmp_path / "folder"])
    assert [check.path for check in read.pictures] == [one, two, three]
    assert not read.is_labelled and not read.notes
    assert [rgb.shape for rgb in read.rgb(2)] == [(40, 50, 3)] * 2


def test_voc_and_coco_folders_have_their_labels(tmp_path: Path) -> None:
    voc, coco = tmp_path / "voc", tmp_path / "coco"
    for folder in (voc, coco):
        folder.mkdir()
        save(folder / "a.png")
    label(voc / "a.png", [(0, 0, "ant")])
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 32, 32]}],
        "categories": [{"id": 3, "name": "ant"}],
    }
    (coco / "labels.json").write_text(json.dumps(content))
    for path in (voc, coco, coco / "labels.json"):
        [check] = read_check_pictures([path]).pictures
        assert check.truth is not None and check.truth.labels == ("ant",)
        assert check.truth.boxes[0, :2].tolist() == [0, 0]


def test_a_phones_orientation_is_respected(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    [check] = read_check_pictures([save(tmp_path / "a.jpg", exif=exif)]).pictures
    assert (check.picture.width, check.picture.height) == (40, 50)


def test_boxes_of_the_mirrored_picture_map_back(tmp_path: Path) -> None:
    """A white square is looked up in the mirrored, cut picture, and mapped back to its place."""
    rgb = np.zeros((100, 200, 3), np.uint8)
    rgb[30:50, 120:150] = 255
    path = tmp_path / "a.png"
    Image.fromarray(rgb).save(path)
    [check] = read_check_pictures([path]).pictures
    mirrored = np.asarray(as_image(check.mirrored.pixels))
    assert mirrored.shape == (94, 192, 3)  # without 6 % at the top and 4 % at the side
    rows, columns = np.nonzero(mirrored[..., 0])
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    assert check.from_mirrored(box).tolist() == [[120, 30, 150, 50]]


def test_many_pictures_are_thinned_out_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PICTURES", 3)
    for number in range(9):
        save(tmp_path / f"{number}.png")
    read = read_check_pictures([tmp_path])
    assert [check.path.stem for check in read.pictures] == ["0", "3", "6"]
    assert read.notes == ("3 of the 9 pictures of --check are tried",)


def test_large_pictures_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS_IN_MEMORY", 5000)
    for number in range(4):
        save(tmp_path / f"{number}.png")
    read = read_check_pictures([tmp_path])
    assert len(read.pictures) == 2 and "only the first 2 pictures" in read.notes[0]


def test_a_broken_file_in_a_folder_is_left_out_and_said(tmp_path: Path) -> None:
    save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    read = read_check_pictures([tmp_path])
    assert [check.path.name for check in read.pictures] == ["good.png"]
    assert "left out" in read.notes[0] and "bad.jpg" in read.notes[0]


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    for path, message in (
        (tmp_path / "gone.jpg", "gone.jpg cannot be read"),
        (tmp_path / "empty", "there is no picture in"),
        (tmp_path / "bad.jpg", "expected JPEG"),
        (tmp_path / "gone.json", "no such folder"),
    ):
        with pytest.raises(ToolError, match=message):
            read_check_pictures([path])
