"""Tiles cover a picture and overlap; a grid suits the objects."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.detection import tiling
from handler.detection.detections import Detections
from handler.detection.tiling import (
    WHOLE,
    Grid,
    Tile,
    choose_grid,
    make_tiles,
    median_object_px,
    tile_side,
)

SIDES = st.integers(1, tiling.MAX_PER_SIDE)
LENGTHS = st.integers(1, 9000)


@given(LENGTHS, LENGTHS, SIDES, SIDES)
def test_tiles_of_one_size_cover_the_picture_and_overlap(
    width: int, height: int, columns: int, rows: int
) -> None:
    tiles = make_tiles(width, height, Grid(columns, rows))
    assert len(tiles) == columns * rows
    assert len({(tile.width, tile.height) for tile in tiles}) == 1
    for length, count, starts, size in (
        (width, columns, sorted(tile.left for tile in tiles[:columns]), tiles[0].width),
        (height, rows, sorted(tile.top for tile in tiles[::columns]), tiles[0].height),
    ):
        assert starts[0] == 0 and starts[-1] + size == length >= size
        for here, following in itertools.pairwise(starts):
            shared = here + size - following
            assert shared >= min(tiling.OVERLAP * size, size)
        # and no larger than that takes: a px for each of rounding up and of whole places
        assert size <= length / (count - (count - 1) * tiling.OVERLAP) + 3


def test_one_tile_is_the_picture() -> None:
    assert make_tiles(7, 5, WHOLE) == [Tile(0, 0, 7, 5)]


@pytest.mark.parametrize(
    ("picture", "object_px", "expected"),
    [
        ((1400, 1400), 28.0, WHOLE),  # as the model knows them
        ((1400, 1400), 22.0, WHOLE),  # smaller by less than MIN_GAIN
        ((1400, 1400), 90.0, WHOLE),  # larger
        ((2800, 2800), 14.0, Grid(2, 2)),
        ((4200, 4200), 9.0, Grid(4, 4)),  # 3 x 3 would fall short by as much as 4 x 4 goes beyond
        ((4200, 1400), 9.5, Grid(3, 1)),
        ((640, 640), 5.0, WHOLE),  # there is no finer px
        ((900, 900), 5.0, WHOLE),  # nor any here that would be worth it
        ((100000, 640), 0.01, Grid(8, 1)),
    ],
)
def test_auto_looks_as_finely_as_the_objects_size_calls_for(
    picture: tuple[int, int], object_px: float, expected: Grid
) -> None:
    assert choose_grid(picture, (640, 640), WHOLE, object_px, 28.0) == expected


def test_auto_looks_once_more_where_nothing_is_found_in_a_large_picture() -> None:
    assert choose_grid((2800, 2800), (640, 640), WHOLE, None, 28.0) == Grid(2, 2)
    assert choose_grid((800, 800), (640, 640), WHOLE, None, 28.0) == WHOLE


@given(st.tuples(LENGTHS, LENGTHS), st.floats(0, 100), st.floats(1, 200))
def test_auto_never_enlarges_nor_coarsens(
    picture: tuple[int, int], object_px: float, target_px: float
) -> None:
    grid = choose_grid(picture, (640, 512), WHOLE, object_px, target_px)
    if grid != WHOLE:
        tile = make_tiles(*picture, grid)[0]
        assert min(640 / tile.width, 512 / tile.height) <= 1
        assert min(640 / tile.width, 512 / tile.height) > min(640 / picture[0], 512 / picture[1])


def test_an_objects_px_are_those_of_the_tiles_input() -> None:
    sizes, grid = ((1280, 640), (640, 640)), Grid(2, 1)
    assert median_object_px(Detections.empty(), (100, 100), (64, 64), WHOLE) is None
    boxes = np.array([[0, 0, 40, 10], [0, 0, 20, 20], [0, 0, 90, 90]], np.float32)
    detections = Detections(boxes, np.ones(3, np.float32), np.zeros(3, np.int64))
    assert median_object_px(detections, *sizes, WHOLE) == 10
    expected = 20 * 640 / tile_side(1280, 2)
    assert math.isclose(median_object_px(detections, *sizes, grid) or 0, expected)
