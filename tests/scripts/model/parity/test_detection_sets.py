"""Two sets of detections are compared without regard to order, and chance is told apart."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.model.parity.detection_sets import (
    DetectionSet,
    SetComparison,
    compare_detection_sets,
    max_on_edge,
)

NONE = DetectionSet(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))


def detections(*rows: tuple[float, float, int]) -> DetectionSet:
    """Boxes of 10 x 10 px: x, score and class of each."""
    if not rows:
        return NONE
    boxes = np.array([[x, 0, x + 10, 10] for x, _, _ in rows], float)
    return DetectionSet(boxes, np.array([s for _, s, _ in rows]), np.array([n for *_, n in rows]))


def compare(
    ours: DetectionSet, theirs: DetectionSet, candidates: DetectionSet, max_detections: int = 100
) -> SetComparison:
    return compare_detection_sets(
        ours, theirs, candidates, 0.5, iou_threshold=0.5, max_detections=max_detections
    )


def test_nothing_and_nothing_are_the_same() -> None:
    assert compare(NONE, NONE, NONE) == SetComparison(0, None, None, 0, None)


def test_the_order_of_a_tie_does_not_count() -> None:
    ours, theirs = detections((0, 0.9, 0), (50, 0.9, 0)), detections((50, 0.9, 0), (0, 0.9, 0))
    assert compare(ours, theirs, ours) == SetComparison(2, 0.0, 0.0, 0, None)


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (detections((0.02, 0.9, 0)), "differs by 0.02 px and 0 in score"),
        (detections((0, 0.9002, 0)), "differs by 0 px and 0.0002 in score"),
        (detections((0, 0.9, 1)), "is found by"),
        (detections(), "0 detections in the handler, 1 in IceVision"),
        (detections((0, 0.9, 0), (50, 0.7, 0)), "2 detections in the handler, 1 in IceVision"),
        (detections((0, 0.9, 0), (0, 0.9, 0)), "2 detections in the handler, 1 in IceVision"),
        (detections((0, float("nan"), 0)), "of score nan differs by 0 px and 1e+09 in score"),
    ],
)
def test_a_difference_is_described(ours: DetectionSet, words: str) -> None:
    theirs = detections((0, 0.9, 0))
    result = compare(ours, theirs, detections((0, 0.9, 0), (50, 0.7, 0)))
    assert result.difference is not None
    assert words in result.difference


# With boxes of 10 px, an overlap (IoU) of a half is a third of a box apart.
AT_LIMIT = 10 / 3


@pytest.mark.parametrize(
    ("ours", "theirs", "edges"),
    [
        # a score at the threshold
        (detections((0, 0.9, 0), (50, 0.500004, 0)), detections((0, 0.9, 0)), 1),
        # an overlap at NMS's limit
        (detections((0, 0.9, 0), (AT_LIMIT, 0.8, 0)), detections((0, 0.9, 0)), 1),
        # two of equal score, of which NMS keeps either
        (detections((0, 0.900001, 0)), detections((2, 0.900002, 0)), 2),
        # one kept by chance suppresses the next, which the other side keeps
        (
            detections((0, 0.9, 0), (AT_LIMIT, 0.8, 0)),
            detections((0, 0.9, 0), (AT_LIMIT + 2, 0.7, 0)),
            2,
        ),
    ],
)
def test_chance_is_counted_and_is_no_difference(
    ours: DetectionSet, theirs: DetectionSet, edges: int
) -> None:
    both = DetectionSet(
        np.concatenate([ours.boxes, theirs.boxes]),
        np.concatenate([ours.scores, theirs.scores]),
        np.concatenate([ours.class_ids, theirs.class_ids]),
    )
    for first, second in ((ours, theirs), (theirs, ours)):
        result = compare(first, second, both)
        assert result.difference is None
        assert result.on_edge == edges
        # A box that is no candidate of the framework is a difference.
        assert compare(first, second, NONE).difference is not None


def test_full_at_a_tie_is_chance() -> None:
    ours, theirs = detections((0, 0.9, 0), (50, 0.7, 0)), detections((0, 0.9, 0), (90, 0.700001, 0))
    both = detections((0, 0.9, 0), (50, 0.7, 0), (90, 0.700001, 0))
    assert compare(ours, theirs, both, max_detections=2).on_edge == 2
    assert compare(ours, theirs, both, max_detections=2).difference is None
    assert compare(ours, theirs, both, max_detections=3).difference is not None


def test_a_clear_difference_is_no_chance() -> None:
    ours, theirs = detections((0, 0.9, 0), (2, 0.8, 0)), detections((0, 0.9, 0))  # NMS was left out
    result = compare(ours, theirs, ours)
    assert result.on_edge == 0
    assert result.difference is not None
    assert "found by the handler alone" in result.difference


def test_at_most_one_in_a_hundred_is_chance() -> None:
    assert [max_on_edge(n) for n in (0, 1, 99, 100, 250)] == [0, 1, 1, 1, 2]
