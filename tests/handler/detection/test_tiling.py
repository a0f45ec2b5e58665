"""Tiles cover a picture and overlap; what each found becomes one set, each object once."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.detection import tiling
from handler.detection.detections import Detections
from handler.detection.tiling import WHOLE, Grid, Tile, TileDetections

SIDES = st.integers(1, tiling.MAX_PER_SIDE)
LENGTHS = st.integers(1, 9000)
BOXES = st.lists(
    st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(4, 60), st.integers(4, 60)),
    max_size=12,
)


def detections(boxes: object, scores: object = (), class_ids: object = ()) -> Detections:
    given_boxes = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(given_boxes)
    return Detections(
        given_boxes,
        np.array(scores if np.size(scores) else np.linspace(0.9, 0.5, count), np.float32),
        np.array(class_ids if np.size(class_ids) else np.zeros(count), np.int64),
    )


def seen_in(tile: Tile, objects: Detections, *, least: float = 0.3) -> TileDetections:
    """A detector that finds every object of which `least` lies in the tile, cut at its edges, and
    is the surer the more of it there is."""
    corner = np.array([tile.left, tile.top] * 2, np.float32)
    limit = corner + np.array([0, 0, tile.width, tile.height], np.float32)
    low = np.clip(objects.boxes, corner, np.array([*limit[2:], *limit[2:]], np.float32))
    share = (low[:, 2:] - low[:, :2]).prod(1) / (objects.boxes[:, 2:] - objects.boxes[:, :2]).prod(
        1
    )
    found = Detections(low, (objects.scores * share).astype(np.float32), objects.class_ids)
    found = found.select(share >= least)
    return TileDetections(tile, found.select(np.argsort(-found.scores, kind="stable")))


def same(one: Detections, two: Detections) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("boxes", "scores", "class_ids")
    )


@given(LENGTHS, LENGTHS, SIDES, SIDES)
def test_tiles_of_one_size_cover_the_picture_and_overlap(
    width: int, height: int, columns: int, rows: int
) -> None:
    made = tiling.layout(width, height, Grid(columns, rows))
    assert len(made) == columns * rows
    assert len({(tile.width, tile.height) for tile in made}) == 1
    for length, count, starts, size in (
        (width, columns, sorted(tile.left for tile in made[:columns]), made[0].width),
        (height, rows, sorted(tile.top for tile in made[::columns]), made[0].height),
    ):
        assert starts[0] == 0 and starts[-1] + size == length >= size
        for here, following in itertools.pairwise(starts):
            shared = here + size - following
            assert shared >= min(tiling.OVERLAP * size, size)
        # and no larger than that takes: a px for each of rounding up and of whole places
        assert size <= length / (count - (count - 1) * tiling.OVERLAP) + 3


def test_one_tile_is_the_picture() -> None:
    assert tiling.layout(7, 5, WHOLE) == [Tile(0, 0, 7, 5)]


def test_nothing_found_is_nothing_merged() -> None:
    pieces = [
        TileDetections(tile, Detections.empty()) for tile in tiling.layout(100, 100, Grid(2, 2))
    ]
    assert len(tiling.merge(pieces, (100, 100), iou=0.5, most=1000)) == 0
    assert tiling.object_px(Detections.empty(), (100, 100), (64, 64), WHOLE) is None


@settings(max_examples=150)
@given(SIDES, SIDES, st.data())
def test_an_object_on_a_seam_comes_once_and_whole(
    columns: int, rows: int, data: st.DataObject
) -> None:
    # wherever it lies, in several tiles or in one, whole or cut; it fits into the overlap
    width = height = 1000
    made = tiling.layout(width, height, Grid(columns, rows))
    most = int(min(60, made[0].width * tiling.OVERLAP, made[0].height * tiling.OVERLAP))
    w, h = data.draw(st.integers(8, most)), data.draw(st.integers(8, most))
    x, y = data.draw(st.integers(0, width - w)), data.draw(st.integers(0, height - h))
    objects = detections([[x, y, x + w, y + h]], [0.8])
    merged = tiling.merge(
        [seen_in(tile, objects) for tile in made], (width, height), iou=0.5, most=1000
    )
    assert same(merged, objects)


def test_cut_pieces_are_joined_where_no_tile_has_the_object_whole() -> None:
    # 400 px, in tiles of 556 that share 112; the whole picture's own pass missed it
    objects = detections([[300, 440, 700, 480]], [0.8])
    made = tiling.layout(1000, 1000, Grid(2, 2))
    merged = tiling.merge(
        [seen_in(tile, objects) for tile in made], (1000, 1000), iou=0.5, most=1000
    )
    assert same(Detections(merged.boxes, objects.scores, merged.class_ids), objects)


def test_the_whole_pictures_pass_has_what_is_larger_than_a_tile() -> None:
    objects = detections([[100, 100, 900, 900], [10, 10, 30, 30]], [0.8, 0.7])
    made = tiling.layout(1000, 1000, Grid(3, 3))
    size = (made[0].width, made[0].height)
    large = tiling.too_large(objects, size)
    assert large.boxes.tolist() == [[100, 100, 900, 900]]
    pieces = [
        TileDetections(Tile(0, 0, 1000, 1000), large),
        *(seen_in(tile, objects) for tile in made),
    ]
    merged = tiling.merge(pieces, (1000, 1000), iou=0.5, most=1000)
    assert same(merged, objects)


def test_neighbours_on_a_seam_stay_two() -> None:
    # They overlap each other by IoU 0.43, in both tiles.
    objects = detections([[440, 100, 500, 160], [464, 100, 524, 160]], [0.9, 0.8])
    made = tiling.layout(1000, 1000, Grid(2, 1))
    merged = tiling.merge(
        [seen_in(tile, objects) for tile in made], (1000, 1000), iou=0.5, most=1000
    )
    assert same(merged, objects)


def test_classes_are_merged_each_by_itself() -> None:
    objects = detections([[440, 100, 500, 160], [440, 100, 500, 160]], [0.9, 0.8], [0, 1])
    made = tiling.layout(1000, 1000, Grid(2, 1))
    merged = tiling.merge(
        [seen_in(tile, objects) for tile in made], (1000, 1000), iou=0.5, most=1000
    )
    assert same(merged, objects)


def shaken(piece: TileDetections, seed: int, px: float) -> TileDetections:
    """As detectors are: each tile's boxes are a little off, and off by another little."""
    by = np.random.default_rng([seed, *piece.tile]).uniform(-px, px, piece.detections.boxes.shape)
    low, high = [piece.tile.left, piece.tile.top], [piece.tile.width, piece.tile.height]
    corner = np.array(low * 2)
    boxes = np.clip(piece.detections.boxes + by, corner, corner + np.array(high * 2))
    return TileDetections(piece.tile, replace(piece.detections, boxes=boxes.astype(np.float32)))


@given(st.integers(0, 960), st.integers(0, 960), st.integers(0, 9))
def test_an_object_comes_once_though_tiles_see_it_a_little_differently(
    x: int, y: int, seed: int
) -> None:
    """By 2 px of 40, that is; by 4, of which a tile may see 12, one object in 300 comes twice."""
    objects = detections([[x, y, x + 40, y + 40]], [0.8])
    made = [seen_in(tile, objects) for tile in tiling.layout(1000, 1000, Grid(4, 4))]
    merged = tiling.merge([shaken(piece, seed, 2) for piece in made], (1000, 1000), iou=0.5, most=9)
    assert len(merged) == 1
    assert np.abs(merged.boxes - objects.boxes).max() <= 2


def test_a_cut_box_that_is_short_of_its_object_goes_with_it() -> None:
    left, right = tiling.layout(1000, 1000, Grid(2, 1))
    edge = left.width
    whole = TileDetections(right, detections([[edge - 60, 100, edge + 60, 160]], [0.8]))
    cut = TileDetections(
        left, detections([[edge - 25, 100, edge, 160]], [0.9])
    )  # 60 of it could be seen
    merged = tiling.merge([whole, cut], (1000, 1000), iou=0.5, most=9)
    assert same(merged, replace(whole.detections, scores=cut.detections.scores))


def test_what_a_tile_tells_apart_stays_apart() -> None:
    # iou_threshold=0.9 keeps boxes that overlap by IoU 0.71, in both tiles
    objects = detections([[450, 100, 500, 160], [450, 100, 500, 145]], [0.9, 0.8])
    made = [seen_in(tile, objects) for tile in tiling.layout(1000, 1000, Grid(2, 1))]
    assert [len(piece.detections) for piece in made] == [2, 2]
    assert same(tiling.merge(made, (1000, 1000), iou=0.9, most=9), objects)


@settings(max_examples=150)
@given(BOXES, st.permutations(range(9)), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_merging_does_not_depend_on_order_and_repeats_to_the_same(
    boxes: list[tuple[int, int, int, int]], order: list[int], iou: float
) -> None:
    objects = detections([[x, y, x + w, y + h] for x, y, w, h in boxes])
    size = (960, 960)
    pieces = [shaken(seen_in(tile, objects), 0, 2) for tile in tiling.layout(*size, Grid(3, 3))]
    merged = tiling.merge(pieces, size, iou=iou, most=1000)
    assert same(tiling.merge([pieces[at] for at in order], size, iou=iou, most=1000), merged)
    assert same(
        tiling.merge([TileDetections(Tile(0, 0, *size), merged)], size, iou=iou, most=1000), merged
    )
    over, _, _ = tiling.overlaps(merged.boxes, merged.boxes)
    assert (over[~np.eye(len(merged), dtype=bool)] <= iou).all()
    assert (np.diff(merged.scores) <= 0).all()


def test_many_boxes_in_many_tiles_take_no_time_to_speak_of() -> None:
    # 64 tiles, as full as a request can ask for: every box another object
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 7900, (20000, 2))
    objects = detections(np.concatenate([corners, corners + 20], 1), rng.uniform(0.3, 1, 20000))
    made = tiling.layout(8000, 8000, Grid(8, 8))
    merged = tiling.merge(
        [seen_in(tile, objects) for tile in made], (8000, 8000), iou=0.5, most=1000
    )
    assert len(merged) == 1000


@pytest.mark.parametrize(
    ("picture", "found_px", "wanted"),
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
    picture: tuple[int, int], found_px: float, wanted: Grid
) -> None:
    assert tiling.choose_grid(picture, (640, 640), WHOLE, found_px, 28.0) == wanted


def test_auto_looks_once_more_where_nothing_is_found_in_a_large_picture() -> None:
    assert tiling.choose_grid((2800, 2800), (640, 640), WHOLE, None, 28.0) == Grid(2, 2)
    assert tiling.choose_grid((800, 800), (640, 640), WHOLE, None, 28.0) == WHOLE


@given(st.tuples(LENGTHS, LENGTHS), st.floats(0, 100), st.floats(1, 200))
def test_auto_never_enlarges_nor_coarsens(
    picture: tuple[int, int], found_px: float, wanted_px: float
) -> None:
    made = tiling.choose_grid(picture, (640, 512), WHOLE, found_px, wanted_px)
    if made != WHOLE:
        tile = tiling.layout(*picture, made)[0]
        assert min(640 / tile.width, 512 / tile.height) <= 1
        assert min(640 / tile.width, 512 / tile.height) > min(640 / picture[0], 512 / picture[1])


def test_an_objects_px_are_those_of_the_tiles_input() -> None:
    found = detections([[0, 0, 40, 10], [0, 0, 20, 20], [0, 0, 90, 90]])
    assert tiling.object_px(found, (1280, 640), (640, 640), WHOLE) == 10
    across = tiling.side(1280, 2)
    grid = Grid(2, 1)
    assert math.isclose(
        tiling.object_px(found, (1280, 640), (640, 640), grid) or 0, 20 * 640 / across
    )
