"""Two sets of detections of one picture in; whether they are the same, or differ by chance, out.

The order does not count, for detections of equal score swap places. What float32 leaves to chance
is told apart from a difference: a score at the threshold, two boxes whose overlap lies at the very
limit of NMS, two boxes that tie, and what follows from these. Only a detection that is one of the
framework's own candidates before NMS can be so: a box in the wrong place never is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.model.evaluate.accuracy import iou

BOX_PX, SCORE = 0.01, 1e-4  # as far apart as two answers may be and still be the same
EDGE_SCORE, EDGE_IOU = 1e-5, 1e-4  # a decision this near its limit may fall either way
EDGE_SHARE = 0.01  # of the detections; more are no chance


@dataclass(frozen=True, eq=False)
class DetectionSet:
    """Detections: boxes float64 (N, 4) xyxy in px of the upright picture, scores float64 (N,),
    labels int64 (N,), 0 the first class."""

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Compared:
    """What two sets come to.

    detections: of the framework. box_px, score: the worst differences of those with a partner, None
    where none has. on_edge: detections left to chance. how: the best-scoring difference in words,
    None where there is none.
    """

    detections: int
    box_px: float | None
    score: float | None
    on_edge: int
    how: str | None


def most_on_edge(detections: int) -> int:
    """How many decisions may be left to chance among so many detections."""
    return max(1, int(detections * EDGE_SHARE)) if detections else 0


def same_sets(
    ours: DetectionSet,
    theirs: DetectionSet,
    candidates: DetectionSet,
    threshold: float,
    *,
    iou_threshold: float,
    max_detections: int,
) -> Compared:
    """Match the handler's detections with the framework's one to one, both found above `threshold`
    with the same NMS, out of the framework's `candidates`."""
    pairs = _partners(ours, theirs)
    gaps = {
        (a, b): (
            _gap(ours.boxes[a], theirs.boxes[b]),
            _gap(ours.scores[a], theirs.scores[b]),
        )
        for a, b in pairs
    }
    near = [pair for pair, (box, score) in gaps.items() if box <= BOX_PX and score <= SCORE]
    lone = (
        set(range(len(ours.scores))) - {a for a, _ in near},
        set(range(len(theirs.scores))) - {b for _, b in near},
    )
    on_edge = _left_to_chance(
        (ours, theirs), lone, candidates, threshold, iou_threshold, max_detections
    )
    judged = [gap for (a, b), gap in gaps.items() if not ((0, a) in on_edge and (1, b) in on_edge)]
    odd = [(side, at) for side in (0, 1) for at in lone[side] if (side, at) not in on_edge]
    return Compared(
        detections=len(theirs.scores),
        box_px=max((box for box, _ in judged), default=None),
        score=max((score for _, score in judged), default=None),
        on_edge=len(on_edge),
        how=_in_words((ours, theirs), pairs, odd) if odd else None,
    )


def _partners(ours: DetectionSet, theirs: DetectionSet) -> list[tuple[int, int]]:
    """One to one and nearest first: of one label, and overlapping by half at least or equal."""
    if not len(ours.scores) or not len(theirs.scores):
        return []
    apart = np.abs(ours.boxes[:, None] - theirs.boxes[None]).max(-1)
    cost = apart + np.abs(ours.scores[:, None] - theirs.scores[None])
    same = ours.labels[:, None] == theirs.labels[None]
    # A box cut to nothing at the picture's edge overlaps nothing, not even its equal.
    possible = same & ((iou(ours.boxes, theirs.boxes) >= 0.5) | (apart <= BOX_PX))
    rows, columns = np.nonzero(possible)
    pairs: list[tuple[int, int]] = []
    taken: tuple[set[int], set[int]] = (set(), set())
    for at in np.argsort(cost[rows, columns], kind="stable"):
        a, b = int(rows[at]), int(columns[at])
        if a not in taken[0] and b not in taken[1]:
            pairs.append((a, b))
            taken[0].add(a)
            taken[1].add(b)
    return pairs


def _left_to_chance(
    sides: tuple[DetectionSet, DetectionSet],
    lone: tuple[set[int], set[int]],
    candidates: DetectionSet,
    threshold: float,
    iou_threshold: float,
    max_detections: int,
) -> set[tuple[int, int]]:
    """Of the detections without an equal, as (side, index), those that float32 decides.

    Best first, for one there by chance may suppress a lesser one. A candidate is left to chance
    where its score is at the threshold; where the other side is full at that score; or where a box
    of its label on the other side, not worse, suppresses it there, and that at the limit of
    overlap, or the two tie, or that box is itself there by chance.
    """
    chance: set[tuple[int, int]] = set()
    waiting = [(side, at) for side in (0, 1) for at in lone[side]]
    for side, at in sorted(waiting, key=lambda each: -sides[each[0]].scores[each[1]]):
        own, other = sides[side], sides[1 - side]
        score = own.scores[at]
        if not _is_candidate(own, at, candidates):
            continue
        full = len(other.scores) >= max_detections
        if score - threshold <= EDGE_SCORE or (full and score - other.scores.min() <= EDGE_SCORE):
            chance.add((side, at))
            continue
        if not len(other.scores):
            continue
        overlaps = iou(own.boxes[at : at + 1], other.boxes)[0]
        rivals = (other.labels == own.labels[at]) & (other.scores >= score - EDGE_SCORE)
        for rival in np.flatnonzero(rivals & (overlaps >= iou_threshold - EDGE_IOU)):
            at_limit = overlaps[rival] <= iou_threshold + EDGE_IOU
            tie = rival in lone[1 - side] and other.scores[rival] - score <= EDGE_SCORE
            if at_limit or tie or (1 - side, int(rival)) in chance:
                chance.add((side, at))
                break
    return chance


def _gap(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference; where one is no number, larger than any."""
    return float(np.nan_to_num(np.abs(ours - theirs), nan=1e9).max())


def _is_candidate(found: DetectionSet, at: int, candidates: DetectionSet) -> bool:
    near = np.abs(candidates.boxes - found.boxes[at]).max(-1, initial=0) <= BOX_PX
    near &= np.abs(candidates.scores - found.scores[at]) <= SCORE
    return bool((near & (candidates.labels == found.labels[at])).any())


def _in_words(
    sides: tuple[DetectionSet, DetectionSet],
    pairs: list[tuple[int, int]],
    odd: list[tuple[int, int]],
) -> str:
    ours, theirs = sides
    side, at = max(odd, key=lambda each: sides[each[0]].scores[each[1]])
    counts = f"{len(ours.scores)} detections in the handler, {len(theirs.scores)} in IceVision"
    box = ", ".join(f"{value:.2f}" for value in sides[side].boxes[at])
    what = f"the box ({box}) of score {sides[side].scores[at]:.5f}"
    for a, b in pairs:
        if (a, b)[side] == at:
            gap = _gap(ours.boxes[a], theirs.boxes[b])
            score_gap = _gap(ours.scores[a], theirs.scores[b])
            return f"{counts}; {what} differs by {gap:.4g} px and {score_gap:.2g} in score"
    return f"{counts}; {what} is found by {('the handler', 'IceVision')[side]} alone"
