"""Two runtimes' candidates are compared one by one, but for what rounding decides."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.model.candidates import TOLERANCE, Candidates, compare_candidates

COUNT, KEPT = 3000, 1000  # as torchvision's RetinaNet keeps of a level


def keep_best(scores: np.ndarray) -> Candidates:
    kept = np.where(scores >= np.sort(scores)[-KEPT], scores, 0).astype(np.float32)
    return Candidates(np.zeros((1, COUNT, 4), np.float32), kept[None, None])


def untrained_scores() -> np.ndarray:
    """Scores all but equal, as a RetinaNet begins with."""
    return 0.01 + np.random.default_rng(0).normal(0, 1e-5, COUNT)


def test_scores_that_rounding_swaps_at_the_limit_of_those_kept_are_the_same() -> None:
    scores = untrained_scores()
    order = np.argsort(-scores)
    rounded = scores.copy()
    rounded[order[[KEPT - 1, KEPT]]] = scores[order[[KEPT, KEPT - 1]]]
    expected, actual = keep_best(scores), keep_best(rounded)
    assert ((expected.scores == 0) != (actual.scores == 0)).sum() == 2
    difference = compare_candidates(expected, actual, 1.0)
    assert difference is not None and difference.scores < TOLERANCE / 100


@pytest.mark.parametrize("lost", ["the best", "many"])
def test_scores_that_one_runtime_loses_differ(lost: str) -> None:
    scores = untrained_scores()
    scores[7] = 0.9
    expected, actual = keep_best(scores), keep_best(scores)
    if lost == "the best":
        actual.scores[0, 0, 7] = 0
    else:
        actual.scores[0, 0, np.flatnonzero(actual.scores[0, 0])[:20]] = 0
    difference = compare_candidates(expected, actual, 1.0)
    assert difference is not None and difference.scores > TOLERANCE
