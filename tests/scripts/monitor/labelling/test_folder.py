"""The folder to label: read back by the dataset's readers, whole or not there, never replaced."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scripts.model.dataset import read_dataset
from scripts.monitor.labelling.folder import (
    PICTURE_FOLDER,
    ChosenPicture,
    Format,
    new_folder,
    write_labels,
    write_picture,
)
from scripts.tool import ToolError


def encode(kind: str, orientation: int = 1) -> bytes:
    """A picture of 60 x 40 px, red at its left edge as stored."""
    pixels = np.full((40, 60, 3), 200, np.uint8)
    pixels[:, :10] = (255, 0, 0)
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(stream, kind, exif=exif)
    return stream.getvalue()


def write(root: Path, boxes: list[list[float]], labels: list[str], format: Format) -> ChosenPicture:
    path, picture = write_picture(encode("PNG"), root / PICTURE_FOLDER[format], "p1")
    chosen = ChosenPicture(
        "p1",
        path,
        picture.width,
        picture.height,
        np.array(boxes, np.float64).reshape(-1, 4),
        tuple(labels),
        {"part": "random", "chance": "0.25"},
    )
    write_labels(root, [chosen], ["red", "green"], format)
    return chosen


sides = st.tuples(
    st.integers(0, 5700), st.integers(0, 3700), st.integers(200, 3000), st.integers(200, 2000)
).map(
    lambda v: [v[0] / 100, v[1] / 100, min(v[0] + v[2], 6000) / 100, min(v[1] + v[3], 4000) / 100]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(sides, st.sampled_from(["red", "green"])), max_size=6, unique_by=str))
@pytest.mark.parametrize("format", ["voc", "coco"])
def test_pre_labels_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    format: Format,
    objects: list[tuple[list[float], str]],
) -> None:
    out = tmp_path_factory.mktemp("out") / "to-label"
    boxes, labels = [box for box, _ in objects], [label for _, label in objects]
    with new_folder(out) as folder:
        write(folder, boxes, labels, format)
    dataset = read_dataset(out)
    assert dataset.corrections == {}
    (picture,) = dataset.pictures
    assert picture.path.is_relative_to(out)
    assert (picture.width, picture.height) == (60, 40)
    assert picture.labels == tuple(labels)
    np.testing.assert_allclose(picture.boxes, np.array(boxes).reshape(-1, 4), atol=0.011)


def test_label_studio_has_boxes_in_per_cent(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as folder:
        write(folder, [[6, 4, 30, 20]], ["red"], "coco")
    (task,) = json.loads((tmp_path / "out" / "label-studio.json").read_text())
    assert task["data"]["image"] == "/data/local-files/?d=images/p1.png"
    value = task["predictions"][0]["result"][0]["value"]
    assert (value["x"], value["y"], value["width"], value["height"]) == (10, 10, 40, 40)
    assert value["rectanglelabels"] == ["red"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_an_upright_picture_is_stored_as_it_was_sent(tmp_path: Path, kind: str) -> None:
    sent = encode(kind)
    path, _ = write_picture(sent, tmp_path, "p1")
    assert path.read_bytes() == sent


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_a_turned_picture_is_stored_as_the_handler_saw_it(tmp_path: Path, kind: str) -> None:
    path, picture = write_picture(encode(kind, orientation=6), tmp_path, "p1")
    assert (picture.width, picture.height) == (40, 60)
    with Image.open(path) as stored:
        assert path.suffix == ".png"
        assert stored.size == (40, 60)
        assert dict(stored.getexif()) == {}
        # Turned by 90 degrees clockwise, the left edge is the upper one.
        assert np.asarray(stored)[2, 20, 0] > 230
        assert np.asarray(stored)[2, 20, 1] < 60


@pytest.mark.parametrize("kind", ["TIFF"])
def test_what_browsers_do_not_show_becomes_png(tmp_path: Path, kind: str) -> None:
    path, _ = write_picture(encode(kind), tmp_path, "p1")
    assert path.name == "p1.png"


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "p1.xml").write_text("work")
    with pytest.raises(ToolError, match="may have labels"), new_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out" / "p1.xml").read_text() == "work"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "out") as folder:
            (folder / "half").write_text("")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_write_one_wins(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def write_both() -> None:
        with new_folder(out) as slow:
            (slow / "late").write_text("")
            with new_folder(out) as fast:
                (fast / "first").write_text("")

    with pytest.raises(ToolError):
        write_both()
    assert [each.name for each in out.iterdir()] == ["first"]
    assert list(tmp_path.iterdir()) == [out]
