"""POST /v1/detect?tiles=…: small squares in large pictures, counted exactly, on seams or not."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.handler.routes.test_detect_several import BODIES, results
from tests.support.app import App, make_app
from tests.support.pictures import RED, jpeg
from tests.support.tiny_bundle import calibrate_tiny_bundle, make_tiny_bundle, paint

# The tiny detector's boxes are cells, 10 x 10 in its input of 80 px. 720 px in two tiles, or 1,040
# in three, makes 400 px a tile, with 320 between their starts: cells are squares of 40 px then, and
# lie alike in all tiles. The picture as a whole has cells of 72 px or more, too large to see one.
INPUT = (80, 80)
CELL = 40
# inside a tile; in two tiles, at a seam's either edge and between; in four; in the last corner
PLACES = [(0, 0), (5, 3), (8, 1), (9, 3), (8, 8), (9, 9), (7, 9), (10, 5), (17, 17)]
SQUARES = [
    (("red", "green")[at % 2], (x * CELL, y * CELL, (x + 1) * CELL, (y + 1) * CELL))
    for at, (x, y) in enumerate(PLACES)
]
COUNTS = {"red": 5, "green": 4}
TILES = {"columns": 2, "rows": 2}


def file(kind: str = "PNG", squares: Any = SQUARES, size: tuple[int, int] = (720, 720)) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(paint(*size, squares)).save(stream, kind, quality=95)
    return stream.getvalue()


@pytest.fixture(scope="module")
def made_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_tiny_bundle(tmp_path_factory.mktemp("tiles") / "bundle", size=INPUT)
    manifest = json.loads((folder / "model.json").read_text())
    told = {"pictures": 20, "dataset": "squares", "command": "evaluate"}
    manifest["training_scale"] = {"object_px": 8.0, **told}
    (folder / "model.json").write_text(json.dumps(manifest))
    calibrate_tiny_bundle(folder)
    return folder


@pytest.fixture
def app(made_bundle: Path, tmp_path: Path) -> Iterator[App]:
    with make_app(made_bundle, tmp_path) as app:
        yield app


def result(app: App, body: bytes, query: str = "") -> dict[str, Any]:
    answer = app.post(body, query=query)
    assert answer.status == 200, answer.body
    made: dict[str, Any] = json.loads(answer.body)
    return made


def told(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "prediction_id": None, "timing_ms": None}


def boxes(made: dict[str, Any]) -> list[tuple[str, tuple[float, ...]]]:
    return sorted((found["label"], tuple(found["box"].values())) for found in made["detections"])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("tiles", ["2x2", "auto"])
def test_small_squares_are_counted_once_each(app: App, kind: str, tiles: str) -> None:
    body = file(kind)
    assert result(app, body, "?tiles=none")["count"] == 0
    made = result(app, body, f"?tiles={tiles}")
    assert made["counts"] == COUNTS
    assert boxes(made) == sorted(SQUARES)
    assert made["tiles"] == TILES
    assert made["count_interval"] is None  # it was calibrated on whole pictures
    assert made["no_interval"].startswith("the picture is in tiles")
    assert made["at_model_thresholds"]["count"] == sum(COUNTS.values())


def test_columns_come_first(app: App) -> None:
    squares = [*SQUARES, ("red", (25 * CELL, 0, 26 * CELL, CELL))]
    made = result(app, file(squares=squares, size=(1040, 720)), "?tiles=3x2")
    assert boxes(made) == sorted(squares)
    assert made["tiles"] == {"columns": 3, "rows": 2}


def test_boxes_are_those_of_the_upright_picture(app: App) -> None:
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    lying = Image.fromarray(paint(1040, 720, SQUARES)).transpose(Image.Transpose.ROTATE_90)
    lying.save(stream, "JPEG", quality=95, exif=exif)
    made = result(app, stream.getvalue(), "?tiles=3x2")
    assert (made["image"]["width"], made["image"]["height"]) == (1040, 720)
    assert boxes(made) == sorted(SQUARES)


@pytest.mark.parametrize("tiles", ["none", "1x1", "auto"])
def test_an_ordinary_picture_is_answered_as_ever(app: App, tiles: str) -> None:
    body = jpeg(RED)
    assert told(result(app, body, f"?tiles={tiles}")) == told(result(app, body))
    made = result(app, body, f"?tiles={tiles}")
    assert (made["count"], made["tiles"]) == (1, None) and made["count_interval"]


def test_an_object_larger_than_a_tile_is_found_in_the_whole_picture(app: App) -> None:
    large = ("green", (0, 0, 288, 288))  # one cell of 2,880 px
    made = result(app, file(squares=[large], size=(2880, 2880)), "?tiles=8x8")
    assert large in boxes(made)


def test_nothing_in_a_large_picture_is_nothing(app: App) -> None:
    assert result(app, file(squares=[]), "?tiles=auto")["count"] == 0


def test_a_picture_smaller_than_its_grid_is_answered(app: App) -> None:
    assert result(app, file(squares=[], size=(3, 1)), "?tiles=8x8")["count"] == 0


def test_thresholds_hold_after_merging(app: App) -> None:
    body = file()
    made = result(app, body, "?tiles=2x2&max_detections=3")
    assert made["count"] == 3
    assert result(app, body, "?tiles=2x2&score_threshold=1")["count"] == 0
    made = result(app, body, "?tiles=2x2&labels=red")
    assert made["counts"] == {"red": 5}


def test_records_say_in_which_tiles(app: App) -> None:
    for query in ("?tiles=2x2", "?tiles=1x1", "?tiles=99x1"):
        app.post(file(), query=query)
    by_outcome = sorted(((made.outcome, made.tiles, made.count) for made in app.records()), key=str)
    assert by_outcome == [("ok", None, 0), ("ok", TILES, 9), ("rejected", None, None)]


def test_near_misses_are_merged_too_and_recorded(app: App) -> None:
    app.post(file(), query="?tiles=2x2&score_threshold=1")
    [record] = app.records()
    assert record.count == 0
    assert sorted(
        (miss["label"], tuple(miss["box"].values())) for miss in record.near_misses
    ) == sorted(SQUARES)


@pytest.mark.parametrize("kind", BODIES)
def test_each_of_several_pictures_is_tiled(app: App, kind: str) -> None:
    write, headers = BODIES[kind]
    made = results(app, write(file(), jpeg(RED)), headers, "?tiles=auto")
    assert [(each["count"], each["tiles"]) for each in made] == [(9, TILES), (1, None)]


def test_the_annotated_picture_has_them(app: App) -> None:
    answer = app.post(file(), query="?tiles=2x2", headers=[("Accept", "image/png")])
    assert answer.status == 200
    assert answer.header("x-detection-count") == "9"
    assert Image.open(io.BytesIO(answer.body)).size == (720, 720)


@pytest.mark.parametrize(
    "given",
    ["0x2", "2x0", "9x9", "9x1", "abc", "1e9x1", "2", "2x", "x2", "2x2x2", "-1x2", "2.0x2", "2X2",
     "02x2", "%202x2", "2x2%0A", "%D9%A2x2", "none,auto", "x" * 5000],
)  # fmt: skip
def test_what_is_no_grid_is_told(app: App, given: str) -> None:
    answer = app.post(file(), query=f"?tiles={given}")
    assert answer.status == 400
    detail = json.loads(answer.body)["detail"]
    assert "tiles must be none, auto, or columns x rows from 1x1 to 8x8 such as 3x2" in detail
    assert len(detail) < 200


def test_tiles_are_given_once(app: App) -> None:
    answer = app.post(file(), query="?tiles=2x2&tiles=auto")
    assert answer.status == 400 and b"give it once" in answer.body
