"""Tiles of a large picture: how a grid covers it, and which grid suits the objects in it.

After SAHI ("Slicing Aided Hyper Inference", Akyon et al., 2022): neighbouring tiles overlap by a
fifth, and the picture as a whole is a further pass, for objects that are too large for a tile.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handler.detection.detections import Detections

MAX_PER_SIDE = 8  # columns, and rows
OVERLAP = 0.2  # of a tile's side, SAHI's default
MIN_GAIN = 1.3  # objects are small from this factor on, and a finer grid must enlarge them by it
DEFAULT_OBJECT_PX = 32.0  # for bundles without a training scale: COCO's limit of "small"


class Grid(NamedTuple):
    """Columns and rows of tiles, 1 to MAX_PER_SIDE each."""

    columns: int
    rows: int

    def to_json(self) -> dict[str, int]:
        """The grid as the API and the records write it."""
        return {"columns": self.columns, "rows": self.rows}


WHOLE = Grid(1, 1)  # one tile: the picture itself
Tiles = Grid | Literal["auto"]  # what a request asks for; "auto": the grid that suits the objects


class Tile(NamedTuple):
    """A part of the picture, in px of the upright original."""

    left: int
    top: int
    width: int
    height: int


def tile_side(length: int, count: int) -> int:
    """Side in px of each of `count` tiles along `length` px.

    The smallest at which neighbours overlap by OVERLAP of it.
    """
    if count == 1:
        return length
    side = min(length, math.ceil(length / (count - (count - 1) * OVERLAP)))
    # Offsets are whole px, so one step may be a px longer than the mean.
    while side < length and side - math.ceil((length - side) / (count - 1)) < OVERLAP * side:
        side += 1
    return side


def make_tiles(width: int, height: int, grid: Grid) -> list[Tile]:
    """Tiles of one size, row by row, that cover a picture of `width` x `height` px exactly."""
    tile_width, tile_height = tile_side(width, grid.columns), tile_side(height, grid.rows)
    return [
        Tile(left, top, tile_width, tile_height)
        for top in _tile_offsets(height, tile_height, grid.rows)
        for left in _tile_offsets(width, tile_width, grid.columns)
    ]


def choose_grid(
    picture_size: tuple[int, int],
    input_size: tuple[int, int],
    current: Grid,
    object_px: float | None,
    target_px: float,
) -> Grid:
    """The grid that brings objects to `target_px` in the model's input; `current` if it suffices.

    picture_size, input_size: (width, height) in px. object_px: see `median_object_px`, of what was
    detected with `current`; None if nothing was: then tiles of half the side are worth a try.
    Tiles are never smaller than the input, which would enlarge the original's px.
    """
    scale = _scale(picture_size, input_size, current)
    gain = 2.0 if object_px is None else target_px / max(object_px, 0.1)
    target_scale = min(1.0, scale * gain)
    if gain < MIN_GAIN or target_scale < scale * MIN_GAIN:
        return current
    # The nearest; where that is the current one, the next finer, since objects are small.
    for is_nearest in (True, False):
        columns, rows = (
            _tile_count(length, input_px, input_px / target_scale, is_nearest=is_nearest)
            for length, input_px in zip(picture_size, input_size, strict=True)
        )
        grid = Grid(columns, rows)
        if _scale(picture_size, input_size, grid) > scale:
            return grid
    return current


def are_small(object_px: float | None, target_px: float) -> bool:
    """Whether objects are evidently smaller in the model's input than those it was trained on, so
    that it misses many: by the factor for which auto makes tiles.

    object_px: see `median_object_px`; None where nothing was found. target_px: of the training.
    """
    return object_px is not None and target_px / max(object_px, 0.1) >= MIN_GAIN


def median_object_px(
    detections: Detections, picture_size: tuple[int, int], input_size: tuple[int, int], grid: Grid
) -> float | None:
    """Median of the boxes' sqrt(area), in input px of the grid's tiles; None without boxes."""
    if not len(detections):
        return None
    sides = detections.boxes[:, 2:].astype(float) - detections.boxes[:, :2]
    in_order = np.sort(np.sqrt(sides.prod(1)))  # np.median would import numpy.ma, in a request
    middle = (in_order[(len(in_order) - 1) // 2] + in_order[len(in_order) // 2]) / 2
    return float(middle) * _scale(picture_size, input_size, grid)


def select_large(detections: Detections, tile_size: tuple[int, int]) -> Detections:
    """Those detections in the whole picture that may fit into no tile of (width, height) px.

    A box no larger than the overlap lies in at least one tile, which shows it better.
    """
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    overlap_px = np.array(tile_size, np.float32) * np.float32(OVERLAP)
    large: NDArray[np.bool_] = np.any(sides > overlap_px, 1)
    return detections.select(large)


def _tile_offsets(length: int, side: int, count: int) -> list[int]:
    return [round(i * (length - side) / max(1, count - 1)) for i in range(count)]


def _scale(picture_size: tuple[int, int], input_size: tuple[int, int], grid: Grid) -> float:
    """Input px per px of the original."""
    tile_size = (tile_side(picture_size[0], grid.columns), tile_side(picture_size[1], grid.rows))
    return min(input_px / side for input_px, side in zip(input_size, tile_size, strict=True))


def _tile_count(length: int, min_px: int, target_px: float, *, is_nearest: bool) -> int:
    """The number of tiles along `length` whose side is nearest to `target_px`, or the largest that
    is no longer, none below `min_px`."""
    counts = [
        count
        for count in range(1, MAX_PER_SIDE + 1)
        if count == 1 or tile_side(length, count) >= min_px
    ]
    if is_nearest:
        return min(counts, key=lambda count: abs(math.log(tile_side(length, count) / target_px)))
    short = (count for count in counts if tile_side(length, count) <= target_px)
    return next(short, counts[-1])
