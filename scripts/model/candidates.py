"""Candidates are a network's boxes and scores before NMS. Compare two runtimes' candidates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-4  # of scores, and of boxes relative to the scale
# Of the proposed regions, and of the best scores kept, may differ: those at the limit of NMS, or of
# the number kept.
UNMATCHED_FRACTION = 0.01


class Candidates(NamedTuple):
    """boxes: float32 [B, A, 4], xyxy in input px. scores: float32 [B, C, A], 0..1.

    B is the number of classes and C is 1 where each class has boxes of its own; else B is 1.
    """

    boxes: np.ndarray
    scores: np.ndarray


class CandidateDifference(NamedTuple):
    """The largest difference of boxes, divided by the scale, and of scores."""

    boxes: float
    scores: float

    def within(self, tolerance: float) -> bool:
        return self.boxes <= tolerance and self.scores <= tolerance


def compare_candidates(
    expected: Candidates, actual: Candidates, scale: float
) -> CandidateDifference | None:
    """Compare candidates one by one; boxes differ in px divided by `scale`.

    Regions that the network proposes itself (B > 1) may come in another order and, for overlaps at
    the limit of NMS, in another number: each is compared with its nearest, and UNMATCHED_FRACTION
    of them may have none. None where the shapes do not allow a comparison.
    """
    proposes_regions = len(expected.boxes) > 1 or expected.boxes.shape[1] != actual.boxes.shape[1]
    if all(a.shape == b.shape for a, b in zip(expected, actual, strict=True)):
        difference = CandidateDifference(
            float(np.abs(expected.boxes - actual.boxes).max(initial=0)) / scale,
            float(_score_gaps(expected.scores, actual.scores).max(initial=0)),
        )
        if difference.within(TOLERANCE) or not proposes_regions:
            return difference
    elif not proposes_regions:
        return None
    return _compare_with_nearest(expected, actual, scale)


def _score_gaps(expected: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """How far scores float32 of one shape are apart, in that shape.

    A network may keep its best scores only and make the others 0. Where two are equal but for
    rounding, one runtime keeps the first and the other the second: a score that one runtime alone
    keeps is compared with the nearest that the other does.
    """
    gaps = np.abs(expected - actual)
    kept_by_one = (expected == 0) != (actual == 0)
    if 0 < kept_by_one.sum() <= np.ceil(UNMATCHED_FRACTION * np.count_nonzero(expected)):
        for one, other in ((expected, actual), (actual, expected)):
            alone, others = kept_by_one & (one > 0), np.sort(other[other > 0])
            if len(others):
                at = np.searchsorted(others, one[alone])
                below, above = (
                    others[np.maximum(at - 1, 0)],
                    others[np.minimum(at, len(others) - 1)],
                )
                gaps[alone] = np.minimum(np.abs(one[alone] - below), np.abs(one[alone] - above))
    return gaps


def _compare_with_nearest(
    expected: Candidates, actual: Candidates, scale: float
) -> CandidateDifference | None:
    """Compare each expected region with the actual one nearest in boxes and scores of all
    classes."""
    expected_count, actual_count = expected.boxes.shape[1], actual.boxes.shape[1]
    if not expected_count or not actual_count or len(expected.boxes) != len(actual.boxes):
        return CandidateDifference(0.0, 0.0) if expected_count == actual_count == 0 else None
    box_gaps = np.zeros((expected_count, actual_count))
    score_gaps = np.zeros((expected_count, actual_count))
    for group in range(len(expected.boxes)):
        pairs = expected.boxes[group][:, None] - actual.boxes[group][None]
        np.maximum(box_gaps, np.abs(pairs).max(2) / scale, out=box_gaps)
        pairs = expected.scores[group, 0][:, None] - actual.scores[group, 0][None]
        np.maximum(score_gaps, np.abs(pairs), out=score_gaps)
    gaps = np.maximum(box_gaps, score_gaps)
    rows, nearest = np.arange(expected_count), gaps.argmin(1)
    order = np.argsort(gaps[rows, nearest])
    unmatched = abs(expected_count - actual_count)
    unmatched = int(max(unmatched, np.ceil(UNMATCHED_FRACTION * expected_count)))
    matched = order[: max(1, expected_count - unmatched)]
    return CandidateDifference(
        float(box_gaps[matched, nearest[matched]].max()),
        float(score_gaps[matched, nearest[matched]].max()),
    )
