"""What each tile detects becomes one set, with each object once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.detection import tiling
from handler.detection.detections import Detections
from handler.detection.merging import TileDetections, box_overlaps, merge
from handler.detection.tiling import Grid, Tile, make_tiles, select_large

SIDES = st.integers(1, tiling.MAX_PER_SIDE)
BOXES = st.lists(
    st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(4, 60), st.integers(4, 60)),
    max_size=12,
)


def detections(boxes: object, scores: object = (), class_ids: object = ()) -> Detections:
    box_array = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(box_array)
    return Detections(
        box_array,
        np.array(scores if np.size(scores) else np.linspace(0.9, 0.5, count), np.float32),
        np.array(class_ids if np.size(class_ids) else np.zeros(count), np.int64),
    )


def detect_in(tile: Tile, objects: Detections, *, min_visible: float = 0.3) -> TileDetections:
    """A detector that finds every object of which `min_visible` lies in the tile, cut at its edges,
    with a score in proportion to the visible part."""
    corner = np.array([tile.left, tile.top] * 2, np.float32)
    opposite = corner + np.array([tile.width, tile.height] * 2, np.float32)
    boxes = np.clip(objects.boxes, corner, opposite)
    areas, all_areas = ((each[:, 2:] - each[:, :2]).prod(1) for each in (boxes, objects.boxes))
    visible = areas / all_areas
    detections = Detections(
        boxes, (objects.scores * visible).astype(np.float32), objects.class_ids
    ).select(visible >= min_visible)
    return TileDetections(tile, detections.select(np.argsort(-detections.scores, kind="stable")))


def same(one: Detections, two: Detections) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in ("boxes", "scores", "class_ids")
    )


def test_nothing_found_is_nothing_merged() -> None:
    parts = [TileDetections(tile, Detections.empty()) for tile in make_tiles(100, 100, Grid(2, 2))]
    assert len(merge(parts, (100, 100), iou_threshold=0.5, max_detections=1000)) == 0


@settings(max_examples=150)
@given(SIDES, SIDES, st.data())
def test_an_object_on_a_seam_comes_once_and_whole(
    columns: int, rows: int, data: st.DataObject
) -> None:
    # wherever it lies, in several tiles or in one, whole or cut; it fits into the overlap
    width = height = 1000
    tiles = make_tiles(width, height, Grid(columns, rows))
    max_px = int(min(60, tiles[0].width * tiling.OVERLAP, tiles[0].height * tiling.OVERLAP))
    w, h = data.draw(st.integers(8, max_px)), data.draw(st.integers(8, max_px))
    x, y = data.draw(st.integers(0, width - w)), data.draw(st.integers(0, height - h))
    objects = detections([[x, y, x + w, y + h]], [0.8])
    merged = merge(
        [detect_in(tile, objects) for tile in tiles],
        (width, height),
        iou_threshold=0.5,
        max_detections=1000,
    )
    assert same(merged, objects)


def test_cut_pieces_are_joined_where_no_tile_has_the_object_whole() -> None:
    # 400 px, in tiles of 556 that share 112; the whole picture's own pass missed it
    objects = detections([[300, 440, 700, 480]], [0.8])
    tiles = make_tiles(1000, 1000, Grid(2, 2))
    merged = merge(
        [detect_in(tile, objects) for tile in tiles],
        (1000, 1000),
        iou_threshold=0.5,
        max_detections=1000,
    )
    assert same(Detections(merged.boxes, objects.scores, merged.class_ids), objects)


def test_the_whole_pictures_pass_has_what_is_larger_than_a_tile() -> None:
    objects = detections([[100, 100, 900, 900], [10, 10, 30, 30]], [0.8, 0.7])
    tiles = make_tiles(1000, 1000, Grid(3, 3))
    size = (tiles[0].width, tiles[0].height)
    large = select_large(objects, size)
    assert large.boxes.tolist() == [[100, 100, 900, 900]]
    parts = [
        TileDetections(Tile(0, 0, 1000, 1000), large),
        *(detect_in(tile, objects) for tile in tiles),
    ]
    merged = merge(parts, (1000, 1000), iou_threshold=0.5, max_detections=1000)
    assert same(merged, objects)


def test_neighbours_on_a_seam_stay_two() -> None:
    # They overlap each other by IoU 0.43, in both tiles.
    objects = detections([[440, 100, 500, 160], [464, 100, 524, 160]], [0.9, 0.8])
    tiles = make_tiles(1000, 1000, Grid(2, 1))
    merged = merge(
        [detect_in(tile, objects) for tile in tiles],
        (1000, 1000),
        iou_threshold=0.5,
        max_detections=1000,
    )
    assert same(merged, objects)


def test_classes_are_merged_each_by_itself() -> None:
    objects = detections([[440, 100, 500, 160], [440, 100, 500, 160]], [0.9, 0.8], [0, 1])
    tiles = make_tiles(1000, 1000, Grid(2, 1))
    merged = merge(
        [detect_in(tile, objects) for tile in tiles],
        (1000, 1000),
        iou_threshold=0.5,
        max_detections=1000,
    )
    assert same(merged, objects)


def jittered(part: TileDetections, seed: int, px: float) -> TileDetections:
    """As of a real detector: each tile's boxes are off by up to `px`."""
    by = np.random.default_rng([seed, *part.tile]).uniform(-px, px, part.detections.boxes.shape)
    low, high = [part.tile.left, part.tile.top], [part.tile.width, part.tile.height]
    corner = np.array(low * 2)
    boxes = np.clip(part.detections.boxes + by, corner, corner + np.array(high * 2))
    return TileDetections(part.tile, replace(part.detections, boxes=boxes.astype(np.float32)))


@given(st.integers(0, 960), st.integers(0, 960), st.integers(0, 9))
def test_an_object_comes_once_though_tiles_see_it_a_little_differently(
    x: int, y: int, seed: int
) -> None:
    """By 2 px of 40, that is; by 4, of which a tile may see 12, one object in 300 comes twice."""
    objects = detections([[x, y, x + 40, y + 40]], [0.8])
    parts = [detect_in(tile, objects) for tile in make_tiles(1000, 1000, Grid(4, 4))]
    merged = merge(
        [jittered(part, seed, 2) for part in parts],
        (1000, 1000),
        iou_threshold=0.5,
        max_detections=9,
    )
    assert len(merged) == 1
    assert np.abs(merged.boxes - objects.boxes).max() <= 2


def test_a_cut_box_that_is_short_of_its_object_goes_with_it() -> None:
    left, right = make_tiles(1000, 1000, Grid(2, 1))
    edge = left.width
    whole = TileDetections(right, detections([[edge - 60, 100, edge + 60, 160]], [0.8]))
    cut = TileDetections(
        left, detections([[edge - 25, 100, edge, 160]], [0.9])
    )  # 60 of it could be seen
    merged = merge([whole, cut], (1000, 1000), iou_threshold=0.5, max_detections=9)
    assert same(merged, replace(whole.detections, scores=cut.detections.scores))


def test_what_a_tile_tells_apart_stays_apart() -> None:
    # iou_threshold=0.9 keeps boxes that overlap by IoU 0.71, in both tiles
    objects = detections([[450, 100, 500, 160], [450, 100, 500, 145]], [0.9, 0.8])
    parts = [detect_in(tile, objects) for tile in make_tiles(1000, 1000, Grid(2, 1))]
    assert [len(part.detections) for part in parts] == [2, 2]
    assert same(merge(parts, (1000, 1000), iou_threshold=0.9, max_detections=9), objects)


@settings(max_examples=150)
@given(BOXES, st.permutations(range(9)), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_merging_does_not_depend_on_order_and_repeats_to_the_same(
    boxes: list[tuple[int, int, int, int]], order: list[int], iou: float
) -> None:
    objects = detections([[x, y, x + w, y + h] for x, y, w, h in boxes])
    size = (960, 960)
    parts = [jittered(detect_in(tile, objects), 0, 2) for tile in make_tiles(*size, Grid(3, 3))]
    merged = merge(parts, size, iou_threshold=iou, max_detections=1000)
    assert same(
        merge([parts[i] for i in order], size, iou_threshold=iou, max_detections=1000), merged
    )
    assert same(
        merge(
            [TileDetections(Tile(0, 0, *size), merged)],
            size,
            iou_threshold=iou,
            max_detections=1000,
        ),
        merged,
    )
    ious, _, _ = box_overlaps(merged.boxes, merged.boxes)
    assert (ious[~np.eye(len(merged), dtype=bool)] <= iou).all()
    assert (np.diff(merged.scores) <= 0).all()


def test_many_boxes_in_many_tiles_take_no_time_to_speak_of() -> None:
    # 64 tiles, as full as a request can ask for: every box another object
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 7900, (20000, 2))
    objects = detections(np.concatenate([corners, corners + 20], 1), rng.uniform(0.3, 1, 20000))
    tiles = make_tiles(8000, 8000, Grid(8, 8))
    merged = merge(
        [detect_in(tile, objects) for tile in tiles],
        (8000, 8000),
        iou_threshold=0.5,
        max_detections=1000,
    )
    assert len(merged) == 1000
