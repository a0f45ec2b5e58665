"""The contact sheet of --check."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.model.adapt.check.decision import decide
from scripts.model.adapt.check.pictures import CheckPicture, read_check_pictures
from scripts.model.adapt.check.sheet import WIDTH, draw_sheet
from scripts.model.adapt.check.trial import PictureTrial, VariantTrial
from tests.scripts.model.adapt.check.trials import detections, trial


def grey_pictures(folder: Path, count: int) -> tuple[CheckPicture, ...]:
    for number in range(count):
        Image.new("RGB", (400, 300), (128, 128, 128)).save(folder / f"{number}.png")
    return read_check_pictures([folder]).pictures


def finding(*boxes: tuple[float, float, float, float]) -> PictureTrial:
    found = detections(boxes, [0.9] * len(boxes))
    return PictureTrial(400, 300, found, found, found)


def draw(pictures: tuple[CheckPicture, ...], trials: list[VariantTrial]) -> np.ndarray:
    jpeg = draw_sheet(pictures, trials, decide(trials, 0))
    return np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)


BOX, ELSEWHERE = (40, 60, 200, 240), (250, 100, 350, 200)


@pytest.mark.parametrize("count", [1, 2, 6])
def test_each_reading_has_a_band_and_each_picture_a_column(count: int, tmp_path: Path) -> None:
    pictures = grey_pictures(tmp_path, count)
    trials = [trial([finding(BOX)] * count), trial([finding(ELSEWHERE)] * count, order="bgr")]
    sheet = draw(pictures, trials)
    columns = min(count, 4)
    assert sheet.shape[1] == WIDTH
    is_grey = np.abs(sheet - 128).max(axis=2) < 4
    row = is_grey[sheet.shape[0] // 4]
    assert np.count_nonzero(np.diff(row.astype(int)) == 1) >= columns
    assert row.mean() > 0.4


def test_boxes_lie_where_they_were_found_and_the_chosen_comes_first(tmp_path: Path) -> None:
    pictures = grey_pictures(tmp_path, 2)
    found = [finding(BOX, ELSEWHERE), finding((10, 10, 90, 120))]
    trials = [trial([finding()] * 2), trial(found, scale=255.0)]
    sheet = draw(pictures, trials)
    is_orange = np.abs(sheet - (213, 94, 0)).max(axis=2) < 60
    tile, top = 2000 // 2 - 24, 92  # px of a column without its gap, and of a band's title
    rows, columns = np.nonzero(is_orange[: sheet.shape[0] // 2, : WIDTH // 2])
    below_the_legend = rows > top + 100
    rows, columns = rows[below_the_legend], columns[below_the_legend]
    assert columns.min() == pytest.approx(16 + 40 / 400 * tile, abs=4)
    assert columns.max() == pytest.approx(16 + 350 / 400 * tile, abs=4)
    assert rows.max() == pytest.approx(top + 240 / 400 * tile, abs=4)


def test_readings_that_find_nothing_are_not_shown_but_the_chosen_is(tmp_path: Path) -> None:
    pictures = grey_pictures(tmp_path, 1)
    empty = [trial([finding()]), trial([finding()], order="bgr")]
    one = draw(pictures, empty)
    two = draw(pictures, [*empty, trial([finding(BOX)], scale=255.0)])
    assert two.shape[0] > 1.9 * one.shape[0]


def test_hundreds_of_boxes_have_no_labels(tmp_path: Path) -> None:
    """Labels would hide the picture: white text stays out."""
    boxes = [(x, y, x + 30, y + 30) for x in range(0, 390, 50) for y in range(0, 290, 40)]
    [picture] = grey_pictures(tmp_path, 1)
    sheet = draw((picture,), [trial([finding(*boxes)])])
    tile = sheet[-800:-100, 460:1500]  # without the legend
    assert np.mean(tile.min(axis=2) > 240) < 0.001
