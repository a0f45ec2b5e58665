"""A picture's size and a grid in, overlapping tiles out; what each found in, one set out.

After SAHI ("Slicing Aided Hyper Inference", Akyon et al., 2022): tiles overlap by a fifth, and the
whole picture is looked at, too, for what is too large for a tile. Boxes are told apart across
seams by what both tiles saw: two boxes are of one object where their parts in the px that their
tiles share agree, whatever one of them lacks beyond its tile's edge.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handler.detection.detections import Detections, join

MAX_PER_SIDE = 8  # columns, and rows
OVERLAP = 0.2  # of a tile's side, SAHI's default
MIN_GAIN = 1.3  # objects this much smaller than the model knows them are worth finer tiles
OBJECT_PX = 32.0  # aimed at where a bundle knows no training scale: COCO's end of "small"
_SAME = 0.5  # IoU of two tiles' boxes, in the px that both saw, from which they are of one object
_INSIDE = 0.7  # share of a cut box within another's, likewise
_EDGE = 4 / 640  # of a tile's side: a box that ends so near an inner edge is cut by it
_BOXES = 5  # of one object: of four tiles about a corner, and of the whole picture
_NEAREST = 4  # boxes of another tile that one box may be matched with
_SURE = 0.5  # a box is trusted beside a better-scored one of its object from this share up


@dataclass(frozen=True)
class Grid:
    """Tiles side by side and above each other, 1 to MOST each."""

    columns: int
    rows: int

    @property
    def whole(self) -> bool:
        """One tile: the picture itself."""
        return self.columns == self.rows == 1

    def to_json(self) -> dict[str, int]:
        """As the API and the records write it."""
        return {"columns": self.columns, "rows": self.rows}


WHOLE = Grid(1, 1)


class Tile(NamedTuple):
    """A part of the picture, in px of the upright original."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class TileDetections:
    """What was found in one tile, boxes in px of the whole picture, best first."""

    tile: Tile
    detections: Detections


def side(length: int, count: int) -> int:
    """The px of each of `count` tiles along `length` px: the least at which neighbours overlap by
    OVERLAP of it."""
    if count == 1:
        return length
    size = min(length, math.ceil(length / (count - (count - 1) * OVERLAP)))
    # places are whole px, so that a step may be one longer than the mean
    while size < length and size - math.ceil((length - size) / (count - 1)) < OVERLAP * size:
        size += 1
    return size


def layout(width: int, height: int, grid: Grid) -> list[Tile]:
    """Tiles of one size that cover the picture to its last px, row by row, none reaching beyond."""
    across, down = side(width, grid.columns), side(height, grid.rows)
    return [
        Tile(left, top, across, down)
        for top in _starts(height, down, grid.rows)
        for left in _starts(width, across, grid.columns)
    ]


def choose_grid(
    picture: tuple[int, int],
    model_input: tuple[int, int],
    now: Grid,
    object_px: float | None,
    wanted_px: float,
) -> Grid:
    """The grid at which objects come to the size the model knows; `now` where it suffices.

    picture, model_input: (width, height) in px. object_px: sqrt of the median box area found with
    `now`, in input px, None where nothing was found: then tiles of half the side are worth a look.
    Tiles are never smaller than the input: that would enlarge the original's own px.
    """
    scale = _scale(picture, model_input, now)
    gain = 2.0 if object_px is None else wanted_px / max(object_px, 0.1)
    target = min(1.0, scale * gain)
    if gain < MIN_GAIN or target < scale * MIN_GAIN:
        return now
    sizes = (
        _count(length, least, least / target)
        for length, least in zip(picture, model_input, strict=True)
    )
    grid = Grid(*sizes)
    return grid if _scale(picture, model_input, grid) > scale else now


def object_px(
    found: Detections, picture: tuple[int, int], model_input: tuple[int, int], grid: Grid
) -> float | None:
    """sqrt of the median box area, in input px of the grid's tiles; None of no boxes."""
    if not len(found):
        return None
    sides = found.boxes[:, 2:].astype(float) - found.boxes[:, :2]
    return float(np.median(np.sqrt(sides.prod(1)))) * _scale(picture, model_input, grid)


def too_large(found: Detections, tile: tuple[int, int]) -> Detections:
    """Of the whole picture's boxes those that may lie whole in no tile of (width, height) px; the
    others are seen better in one."""
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    large: NDArray[np.bool_] = np.any(sides > np.array(tile, np.float32) * np.float32(OVERLAP), 1)
    return found.select(large)


def merge(
    pieces: Sequence[TileDetections], picture: tuple[int, int], *, iou: float, most: int
) -> Detections:
    """One set of detections out of all tiles', best first, whatever the tiles' order.

    picture: (width, height) px. iou: no two of a class overlap by more. most: detections.

    An object has one box of each tile at most; of these the best that no inner edge cuts is taken,
    or all cut ones are joined, under the best score.
    """
    pieces = sorted(pieces, key=lambda piece: piece.tile)
    tile_of = np.repeat(np.arange(len(pieces)), [len(piece.detections) for piece in pieces])
    cut = np.concatenate([_cut(piece.detections.boxes, piece.tile, picture) for piece in pieces])
    found = join([piece.detections for piece in pieces])
    # An object has four or five boxes at most, so that the best objects' are among these.
    best = np.lexsort((*found.boxes.T, tile_of, found.class_ids, -found.scores))[: _BOXES * most]
    found, tile_of, cut = found.select(best), tile_of[best], cut[best]
    alike = _alike(found, tile_of, cut, [piece.tile for piece in pieces], iou)
    groups: list[list[int]] = []
    tiles_of: list[set[int]] = []
    group_of: list[int] = []
    for at, tile in enumerate(tile_of.tolist()):
        # best first, an object joins the group that it is most alike and that its tile is not in
        near = sorted((-likeness, group_of[other]) for other, likeness in alike[at] if other < at)
        free = (group for _, group in near if tile not in tiles_of[group])
        group = next(free, len(groups))
        if group == len(groups):
            groups.append([])
            tiles_of.append(set())
        groups[group].append(at)
        tiles_of[group].add(tile)
        group_of.append(group)
    boxes = [_box(found, cut, group) for group in groups]
    first = found.select(np.array([group[0] for group in groups], np.intp))
    merged = replace(first, boxes=np.array(boxes, np.float32).reshape(-1, 4))
    merged = merged.select(np.lexsort((*merged.boxes.T, merged.class_ids, -merged.scores)))
    return merged.select(np.array(_suppress(merged, iou, most), np.intp))


def _box(found: Detections, cut: NDArray[np.bool_], group: list[int]) -> NDArray[np.float32]:
    """The box of a group, which is best first."""
    sure = [at for at in group if found.scores[at] >= _SURE * found.scores[group[0]]]
    whole = [at for at in sure if not cut[at]]
    parts = found.boxes[whole[:1] or sure]
    return np.concatenate([parts[:, :2].min(0), parts[:, 2:].max(0)])


def _cut(boxes: NDArray[np.float32], tile: Tile, picture: tuple[int, int]) -> NDArray[np.bool_]:
    """Which boxes end at an edge of their tile that is none of the picture's: bool (N,)."""
    cut = np.zeros(len(boxes), bool)
    for axis, (start, length) in enumerate(((tile.left, tile.width), (tile.top, tile.height))):
        margin = max(1.0, _EDGE * length)
        if start > 0:
            cut |= boxes[:, axis] <= start + margin
        if start + length < picture[axis]:
            cut |= boxes[:, axis + 2] >= start + length - margin
    return cut


def _alike(
    found: Detections,
    tile_of: NDArray[np.intp],
    cut: NDArray[np.bool_],
    places: Sequence[Tile],
    iou: float,
) -> list[list[tuple[int, float]]]:
    """For each box those of other tiles that may be of its object, and how alike they are.

    Only pairs of tiles that overlap are compared, and of them only boxes in the px they share.
    """
    alike: list[list[tuple[int, float]]] = [[] for _ in range(len(found))]
    within = [np.flatnonzero(tile_of == number) for number in range(len(places))]
    for one, two in itertools.combinations(range(len(places)), 2):
        shared = _shared(places[one], places[two])
        if shared is None:
            continue
        (here, mine), (there, theirs) = (_clip(found, within[at], shared) for at in (one, two))
        if not len(here) or not len(there):
            continue
        over, inside_mine, inside_theirs = overlaps(mine, theirs)
        same = over > min(iou, _SAME)
        same |= cut[here][:, None] & (inside_mine > _INSIDE)
        same |= cut[there][None] & (inside_theirs > _INSIDE)
        same &= found.class_ids[here][:, None] == found.class_ids[there][None]
        over = np.where(same, over, -1.0)
        for likeness, froms, tos in ((over, here, there), (over.T, there, here)):
            nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :_NEAREST]
            for row, at in enumerate(froms.tolist()):
                alike[at] += [
                    (int(tos[column]), float(likeness[row, column]))
                    for column in nearest[row].tolist()
                    if likeness[row, column] >= 0
                ]
    return alike


def overlaps(
    mine: NDArray[np.float32], theirs: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Of boxes (N, 4) and (M, 4), float64 (N, M) each: intersection over union, over mine, over
    theirs."""
    first, second = mine.astype(np.float64), theirs.astype(np.float64)
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(opposite - corner, 0, None).prod(-1)
    area = np.maximum((first[:, 2:] - first[:, :2]).prod(-1), 1e-9)[:, None]
    other = np.maximum((second[:, 2:] - second[:, :2]).prod(-1), 1e-9)[None]
    return common / (area + other - common), common / area, common / other


def _suppress(found: Detections, iou: float, most: int) -> list[int]:
    """Greedy non-maximum suppression, class by class, best first: the indices of the `most` best
    that stay."""
    kept: list[int] = []
    left = np.arange(len(found))
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        over, _, _ = overlaps(found.boxes[best : best + 1], found.boxes[left])
        left = left[(over[0] <= iou) | (found.class_ids[left] != found.class_ids[best])]
    return kept


def _shared(one: Tile, two: Tile) -> tuple[int, int, int, int] | None:
    """The px that both tiles have, xyxy."""
    left, top = max(one.left, two.left), max(one.top, two.top)
    right = min(one.left + one.width, two.left + two.width)
    bottom = min(one.top + one.height, two.top + two.height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _clip(
    found: Detections, chosen: NDArray[np.intp], area: tuple[int, int, int, int]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Of the chosen boxes those with a part in an area, xyxy: their indices, the parts."""
    low, high = np.array(area[:2] * 2, np.float32), np.array(area[2:] * 2, np.float32)
    parts = np.clip(found.boxes[chosen], low, high)
    inside = (parts[:, 2:] > parts[:, :2]).all(1)
    return chosen[inside], parts[inside]


def _starts(length: int, size: int, count: int) -> list[int]:
    return [round(at * (length - size) / max(1, count - 1)) for at in range(count)]


def _scale(picture: tuple[int, int], model_input: tuple[int, int], grid: Grid) -> float:
    """Input px for each px of the original."""
    sizes = (side(picture[0], grid.columns), side(picture[1], grid.rows))
    return min(most / size for most, size in zip(model_input, sizes, strict=True))


def _count(length: int, least: int, wanted: float) -> int:
    """How many tiles along `length` come nearest to `wanted` px each, none under `least`."""
    counts = [
        count for count in range(1, MAX_PER_SIDE + 1) if count == 1 or side(length, count) >= least
    ]
    return min(counts, key=lambda count: abs(math.log(side(length, count) / wanted)))
