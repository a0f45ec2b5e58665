"""Average precision against hand-made curves and against pycocotools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handler.detection.detections import Detections
from scripts.accuracy.average_precision import (
    average_precision,
    average_precision_of_bins,
)
from scripts.accuracy.matching import match
from scripts.model.dataset import LabelledPicture
from scripts.model.evaluate.average_precision import compute_average_precision
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture
from scripts.model.matching import match_to_ground_truth
from scripts.records.observations import SCORE_BINS


def test_nothing_found_or_nothing_there_is_zero() -> None:
    empty = np.empty(0)
    assert average_precision(empty, empty.astype(bool), 5) == 0
    assert average_precision(np.ones(2), np.ones(2, bool), 0) == 0
    assert average_precision_of_bins(np.zeros(SCORE_BINS), np.zeros(SCORE_BINS), 5) == 0


def test_a_curve_by_hand() -> None:
    # right, wrong, right; 4 objects: precision 1 up to recall 0.25, 2/3 up to 0.5, then 0:
    # 26 of COCO's 101 recalls lie up to 0.25, 25 more up to 0.5.
    value = average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 4)
    assert value == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)


def test_a_picture_of_weight_two_counts_as_two_pictures() -> None:
    scores, is_match = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])
    twice = average_precision(np.repeat(scores, 2), np.repeat(is_match, 2), 8)
    assert average_precision(scores, is_match, 8, np.full(3, 2.0)) == pytest.approx(twice)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_that_of_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pictures, scores, is_match, objects = [], [], [], 0
    for number in range(12):
        corners = rng.uniform(0, 900, (rng.integers(0, 9), 2))
        truth = np.hstack([corners, corners + rng.uniform(30, 90, (len(corners), 2))])
        moved = truth + rng.normal(0, 6, truth.shape)
        false = rng.uniform(0, 900, (rng.integers(0, 5), 2))
        boxes = np.vstack([moved, np.hstack([false, false + 50])]).astype(np.float32)
        score = np.sort(rng.random(len(boxes)).astype(np.float32))[::-1].copy()
        boxes = boxes[rng.permutation(len(boxes))]
        detections = Detections(boxes, score, np.zeros(len(boxes), np.int64))
        labels = ("red",) * len(truth)
        labelled = LabelledPicture(Path(f"{number}.png"), truth, labels, 1000, 1000)
        pictures.append(EvaluatedPicture(labelled, detections, 1000, 1000))
        matches = match(boxes.astype(np.float64), ("red",) * len(boxes), truth, labels)
        assert matches.tolist() == match_to_ground_truth(detections, labelled, ["red"]).tolist()
        scores.append(score.astype(np.float64))
        is_match.append(matches >= 0)
        objects += len(truth)
    expected = compute_average_precision(pictures, ["red"]).ap50
    value = average_precision(np.concatenate(scores), np.concatenate(is_match), objects)
    assert value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_twenty_bins_tell_it_to_a_hundredth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.6, 0.6, 4000)
    is_match = rng.random(4000) < scores**0.7
    objects = is_match.sum() * 1.05
    bins = np.minimum((scores * SCORE_BINS).astype(int), SCORE_BINS - 1)
    value = average_precision_of_bins(
        np.bincount(bins, minlength=SCORE_BINS).astype(float),
        np.bincount(bins, weights=is_match, minlength=SCORE_BINS),
        objects,
    )
    assert value == pytest.approx(average_precision(scores, is_match, objects), abs=0.01)
