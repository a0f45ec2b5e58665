"""Compare two sets of detections of one picture, apart from what float32 leaves to chance.

The order does not count, for detections of equal score swap places. A decision is "on edge" where
float32 may take it either way: a score at the threshold, an IoU at the limit of NMS, two boxes of
equal score, and what follows from these. Only candidates of the framework before NMS can be on
edge; a box in the wrong place never is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.accuracy.matching import box_iou_batch

BOX_TOLERANCE_PX, SCORE_TOLERANCE = 0.01, 1e-4  # detections this near are the same
# A decision this near its limit may be taken either way: by float32, 1e-5 of a score, and since the
# handler rounds scores to 4 decimals before it compares them.
EDGE_SCORE, EDGE_IOU = 1e-5 + 5e-5, 1e-4
MAX_ON_EDGE_FRACTION = 0.01  # of the detections; more than that is no chance

# A detection of either set: 0 for the handler's or 1 for IceVision's, and its index there.
SideAndIndex = tuple[int, int]


@dataclass(frozen=True, eq=False)
class DetectionSet:
    """boxes: float64 (N, 4), xyxy in px of the upright picture. scores: float64 (N,). class_ids:
    int64 (N,), from 0."""

    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray


@dataclass(frozen=True)
class SetComparison:
    """How two sets differ.

    detections: the number of the framework's. box_px, score: the largest differences of matched
    detections, None where none match. on_edge: detections that float32 leaves to chance.
    difference: the difference of the best score in words, None where the sets are the same.
    """

    detections: int
    box_px: float | None
    score: float | None
    on_edge: int
    difference: str | None


def max_on_edge(detections: int) -> int:
    """How many decisions may be left to chance among so many detections."""
    return max(1, int(detections * MAX_ON_EDGE_FRACTION)) if detections else 0


def compare_detection_sets(
    ours: DetectionSet,
    theirs: DetectionSet,
    candidates: DetectionSet,
    score_threshold: float,
    *,
    iou_threshold: float,
    max_detections: int,
) -> SetComparison:
    """Match the handler's detections (ours) with the framework's (theirs), one to one.

    Both were selected with the same thresholds, from the framework's `candidates`.
    """
    pairs = _match_pairs(ours, theirs)
    gaps = {
        (a, b): (
            _largest_gap(ours.boxes[a], theirs.boxes[b]),
            _largest_gap(ours.scores[a], theirs.scores[b]),
        )
        for a, b in pairs
    }
    equal_pairs = [
        pair
        for pair, (box_px, score) in gaps.items()
        if box_px <= BOX_TOLERANCE_PX and score <= SCORE_TOLERANCE
    ]
    unequal = (
        set(range(len(ours.scores))) - {a for a, _ in equal_pairs},
        set(range(len(theirs.scores))) - {b for _, b in equal_pairs},
    )
    on_edge = _find_on_edge(
        (ours, theirs), unequal, candidates, score_threshold, iou_threshold, max_detections
    )
    certain_gaps = [
        gap for (a, b), gap in gaps.items() if not ((0, a) in on_edge and (1, b) in on_edge)
    ]
    different = [
        (side, index) for side in (0, 1) for index in unequal[side] if (side, index) not in on_edge
    ]
    return SetComparison(
        detections=len(theirs.scores),
        box_px=max((box_px for box_px, _ in certain_gaps), default=None),
        score=max((score for _, score in certain_gaps), default=None),
        on_edge=len(on_edge),
        difference=_describe_best((ours, theirs), pairs, different) if different else None,
    )


def _match_pairs(ours: DetectionSet, theirs: DetectionSet) -> list[tuple[int, int]]:
    """Pairs of one class with an IoU of at least 0.5 or equal boxes, one to one, nearest first."""
    if not len(ours.scores) or not len(theirs.scores):
        return []
    box_gaps = np.abs(ours.boxes[:, None] - theirs.boxes[None]).max(-1)
    cost = box_gaps + np.abs(ours.scores[:, None] - theirs.scores[None])
    same_class = ours.class_ids[:, None] == theirs.class_ids[None]
    overlapping = box_iou_batch(ours.boxes, theirs.boxes) >= 0.5
    # A box clipped to nothing at the picture's edge overlaps nothing, not even its equal.
    possible = same_class & (overlapping | (box_gaps <= BOX_TOLERANCE_PX))
    rows, columns = np.nonzero(possible)
    pairs: list[tuple[int, int]] = []
    matched: tuple[set[int], set[int]] = (set(), set())
    for at in np.argsort(cost[rows, columns], kind="stable"):
        a, b = int(rows[at]), int(columns[at])
        if a not in matched[0] and b not in matched[1]:
            pairs.append((a, b))
            matched[0].add(a)
            matched[1].add(b)
    return pairs


def _find_on_edge(
    sides: tuple[DetectionSet, DetectionSet],
    unequal: tuple[set[int], set[int]],
    candidates: DetectionSet,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
) -> set[SideAndIndex]:
    """The detections without an equal that float32 decides.

    Best first, because one kept by chance may suppress a lesser one. A candidate is on edge where
    its score is at the threshold; where the other side is full at that score; or where a box of its
    class on the other side, no worse, suppresses it, and their IoU is at the limit of NMS, or their
    scores tie, or that box is on edge itself.
    """
    on_edge: set[SideAndIndex] = set()
    detections = [(side, index) for side in (0, 1) for index in unequal[side]]
    for side, index in sorted(detections, key=lambda each: -sides[each[0]].scores[each[1]]):
        own, other = sides[side], sides[1 - side]
        score = own.scores[index]
        if not _is_candidate(own, index, candidates):
            continue
        at_threshold = score - score_threshold <= EDGE_SCORE
        other_full = len(other.scores) >= max_detections
        if at_threshold or (other_full and score - other.scores.min() <= EDGE_SCORE):
            on_edge.add((side, index))
            continue
        if not len(other.scores):
            continue
        ious = box_iou_batch(own.boxes[index : index + 1], other.boxes)[0]
        rivals = (other.class_ids == own.class_ids[index]) & (other.scores >= score - EDGE_SCORE)
        for rival in np.flatnonzero(rivals & (ious >= iou_threshold - EDGE_IOU)):
            at_limit = ious[rival] <= iou_threshold + EDGE_IOU
            tie = rival in unequal[1 - side] and other.scores[rival] - score <= EDGE_SCORE
            if at_limit or tie or (1 - side, int(rival)) in on_edge:
                on_edge.add((side, index))
                break
    return on_edge


def _largest_gap(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference; a NaN counts as larger than any."""
    return float(np.nan_to_num(np.abs(ours - theirs), nan=1e9).max())


def _is_candidate(detections: DetectionSet, index: int, candidates: DetectionSet) -> bool:
    box_gaps = np.abs(candidates.boxes - detections.boxes[index]).max(-1, initial=0)
    score_gaps = np.abs(candidates.scores - detections.scores[index])
    near = (box_gaps <= BOX_TOLERANCE_PX) & (score_gaps <= SCORE_TOLERANCE)
    return bool((near & (candidates.class_ids == detections.class_ids[index])).any())


def _describe_best(
    sides: tuple[DetectionSet, DetectionSet],
    pairs: list[tuple[int, int]],
    different: list[SideAndIndex],
) -> str:
    """The difference of the best score in words."""
    ours, theirs = sides
    side, index = max(different, key=lambda each: sides[each[0]].scores[each[1]])
    counts = f"{len(ours.scores)} detections in the handler, {len(theirs.scores)} in IceVision"
    corners = ", ".join(f"{value:.2f}" for value in sides[side].boxes[index])
    box = f"the box ({corners}) of score {sides[side].scores[index]:.5f}"
    for a, b in pairs:
        if (a, b)[side] == index:
            box_gap = _largest_gap(ours.boxes[a], theirs.boxes[b])
            score_gap = _largest_gap(ours.scores[a], theirs.scores[b])
            return f"{counts}; {box} differs by {box_gap:.4g} px and {score_gap:.2g} in score"
    return f"{counts}; {box} is found by {('the handler', 'IceVision')[side]} alone"
