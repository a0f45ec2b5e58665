"""Merge the detections of overlapping tiles, so that each object is detected once.

Two boxes of different tiles belong to one object if their parts inside the tiles' intersection
agree, whatever either box lacks beyond its tile's edge.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.detection.detections import Detections, join
from handler.detection.tiling import Tile

# Two boxes match if, inside the intersection of their tiles, their IoU exceeds _MATCH_IOU, or the
# other box covers more than _MATCH_COVERAGE of a box that its tile's edge cuts.
_MATCH_IOU = 0.5
_MATCH_COVERAGE = 0.7
_EDGE_MARGIN = 4 / 640  # of a tile's side: a box that ends this near to an inner edge is cut by it
_MAX_BOXES_PER_OBJECT = 5  # of four tiles around a corner, and of the whole picture
_MAX_MATCHES = 4  # per box and other tile
_MIN_SCORE_RATIO = 0.5  # a box counts beside the best of its object from this part of its score up


@dataclass(frozen=True, eq=False)
class TileDetections:
    """The detections in one tile, best first, boxes in px of the whole picture."""

    tile: Tile
    detections: Detections


def merge(
    parts: Sequence[TileDetections],
    picture_size: tuple[int, int],
    *,
    iou_threshold: float,
    max_detections: int,
) -> Detections:
    """Merge all tiles' detections into one set, best first. The order of `parts` does not matter.

    picture_size: (width, height) in px. iou_threshold: no two boxes of a class overlap by more.

    An object has at most one box per tile. Its merged box is the best one that no inner edge cuts,
    or the union of all if every one is cut; its score is the best one.
    """
    parts = sorted(parts, key=lambda part: part.tile)
    tiles = [part.tile for part in parts]
    tile_ids = np.repeat(np.arange(len(parts)), [len(part.detections) for part in parts])
    is_cut = np.concatenate(
        [_is_cut(part.detections.boxes, part.tile, picture_size) for part in parts]
    )
    detections = join([part.detections for part in parts])
    # An object has few boxes, so the best objects' boxes are among these.
    best = np.lexsort((*detections.boxes.T, tile_ids, detections.class_ids, -detections.scores))
    best = best[: _MAX_BOXES_PER_OBJECT * max_detections]
    detections, tile_ids, is_cut = detections.select(best), tile_ids[best], is_cut[best]
    matches = _match_boxes(detections, tile_ids, is_cut, tiles, iou_threshold)
    groups = _group_boxes(matches, tile_ids.tolist())
    boxes = [_merge_boxes(detections, is_cut, group) for group in groups]
    merged = detections.select(np.array([group[0] for group in groups], np.intp))
    merged = replace(merged, boxes=np.array(boxes, np.float32).reshape(-1, 4))
    merged = merged.select(np.lexsort((*merged.boxes.T, merged.class_ids, -merged.scores)))
    kept = _non_max_suppression(merged, iou_threshold, max_detections)
    return merged.select(np.array(kept, np.intp))


def box_overlaps(
    boxes_a: NDArray[np.float32], boxes_b: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Intersection over union, over the area of a, and over the area of b, of every pair.

    boxes_a: (N, 4) xyxy. boxes_b: (M, 4). Returns three float64 arrays (N, M).
    """
    a, b = boxes_a.astype(np.float64), boxes_b.astype(np.float64)
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = np.clip(bottom_right - top_left, 0, None).prod(-1)
    area_a = np.maximum((a[:, 2:] - a[:, :2]).prod(-1), 1e-9)[:, None]
    area_b = np.maximum((b[:, 2:] - b[:, :2]).prod(-1), 1e-9)[None]
    iou = intersection / (area_a + area_b - intersection)
    return iou, intersection / area_a, intersection / area_b


def _is_cut(
    boxes: NDArray[np.float32], tile: Tile, picture_size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Whether each box ends at an edge of its tile inside the picture: bool (N,)."""
    is_cut = np.zeros(len(boxes), bool)
    for axis, (start, length) in enumerate(((tile.left, tile.width), (tile.top, tile.height))):
        margin = max(1.0, _EDGE_MARGIN * length)
        if start > 0:
            is_cut |= boxes[:, axis] <= start + margin
        if start + length < picture_size[axis]:
            is_cut |= boxes[:, axis + 2] >= start + length - margin
    return is_cut


def _match_boxes(
    detections: Detections,
    tile_ids: NDArray[np.intp],
    is_cut: NDArray[np.bool_],
    tiles: Sequence[Tile],
    iou_threshold: float,
) -> list[list[tuple[int, float]]]:
    """For each box the indices of other tiles' boxes that match it, and their IoU with it."""
    matches: list[list[tuple[int, float]]] = [[] for _ in range(len(detections))]
    indices = [np.flatnonzero(tile_ids == tile_id) for tile_id in range(len(tiles))]
    for a, b in itertools.combinations(range(len(tiles)), 2):
        area = _intersection(tiles[a], tiles[b])
        if area is None:
            continue
        indices_a, boxes_a = _clip_boxes(detections, indices[a], area)
        indices_b, boxes_b = _clip_boxes(detections, indices[b], area)
        if not len(indices_a) or not len(indices_b):
            continue
        iou, coverage_a, coverage_b = box_overlaps(boxes_a, boxes_b)
        is_match = iou > min(iou_threshold, _MATCH_IOU)
        is_match |= is_cut[indices_a][:, None] & (coverage_a > _MATCH_COVERAGE)
        is_match |= is_cut[indices_b][None] & (coverage_b > _MATCH_COVERAGE)
        class_ids = detections.class_ids
        is_match &= class_ids[indices_a][:, None] == class_ids[indices_b][None]
        iou = np.where(is_match, iou, -1.0)
        for ious, rows, columns in ((iou, indices_a, indices_b), (iou.T, indices_b, indices_a)):
            nearest = np.argsort(-ious, axis=1, kind="stable")[:, :_MAX_MATCHES]
            for row, index in enumerate(rows.tolist()):
                matches[index] += [
                    (int(columns[column]), float(ious[row, column]))
                    for column in nearest[row].tolist()
                    if ious[row, column] >= 0
                ]
    return matches


def _group_boxes(
    matches: Sequence[Sequence[tuple[int, float]]], tile_ids: Sequence[int]
) -> list[list[int]]:
    """Indices of the boxes of each object, best first.

    Best first, a box joins the group of its nearest match that has no box of its tile yet.
    """
    groups: list[list[int]] = []
    group_tiles: list[set[int]] = []
    group_of: list[int] = []  # by index of the box
    for index, tile_id in enumerate(tile_ids):
        nearest = sorted((-iou, group_of[other]) for other, iou in matches[index] if other < index)
        group = next(
            (group for _, group in nearest if tile_id not in group_tiles[group]), len(groups)
        )
        if group == len(groups):
            groups.append([])
            group_tiles.append(set())
        groups[group].append(index)
        group_tiles[group].add(tile_id)
        group_of.append(group)
    return groups


def _merge_boxes(
    detections: Detections, is_cut: NDArray[np.bool_], group: list[int]
) -> NDArray[np.float32]:
    """The one box, float32 (4,), of an object's boxes, which are best first."""
    min_score = _MIN_SCORE_RATIO * detections.scores[group[0]]
    reliable = [index for index in group if detections.scores[index] >= min_score]
    uncut = [index for index in reliable if not is_cut[index]]
    boxes = detections.boxes[uncut[:1] or reliable]
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def _non_max_suppression(
    detections: Detections, iou_threshold: float, max_detections: int
) -> list[int]:
    """Indices that greedy non-maximum suppression keeps, class by class, best first."""
    kept: list[int] = []
    remaining = np.arange(len(detections))
    while len(remaining) and len(kept) < max_detections:
        best, remaining = remaining[0], remaining[1:]
        kept.append(int(best))
        [iou], _, _ = box_overlaps(detections.boxes[best : best + 1], detections.boxes[remaining])
        is_other_class = detections.class_ids[remaining] != detections.class_ids[best]
        remaining = remaining[(iou <= iou_threshold) | is_other_class]
    return kept


def _intersection(a: Tile, b: Tile) -> tuple[int, int, int, int] | None:
    """The area that two tiles share, xyxy, None if they do not overlap."""
    left, top = max(a.left, b.left), max(a.top, b.top)
    right = min(a.left + a.width, b.left + b.width)
    bottom = min(a.top + a.height, b.top + b.height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _clip_boxes(
    detections: Detections, indices: NDArray[np.intp], area: tuple[int, int, int, int]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Those of the indexed boxes that reach into an area, xyxy, and their parts in it."""
    low, high = np.array(area[:2] * 2, np.float32), np.array(area[2:] * 2, np.float32)
    clipped = np.clip(detections.boxes[indices], low, high)
    is_inside = (clipped[:, 2:] > clipped[:, :2]).all(1)
    return indices[is_inside], clipped[is_inside]
