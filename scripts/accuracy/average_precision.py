"""COCO's average precision at one IoU, from matched candidates or from counts by score bin.

scripts.model.evaluate asks pycocotools, which the monitor's function does not carry.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RECALLS = np.linspace(0, 1, 101)  # COCO's
_STEPS = 20  # of a score bin, inside which precision is taken as constant


def average_precision(
    scores: NDArray[np.float64],
    is_match: NDArray[np.bool_],
    objects: float,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Average precision over 101 recalls, as pycocotools computes it for one class.

    scores, is_match, weights: (n,), of all candidates of all pictures; equal scores stay in their
    order. weights: of a candidate's picture, 1 by default. objects: labelled ones, weighted alike.
    0 where there are none.
    """
    if objects <= 0 or not len(scores):
        return 0.0
    order = np.argsort(-scores, kind="stable")
    weight = np.ones(len(scores)) if weights is None else weights[order]
    return average_precision_in_order(is_match[order], weight, objects)


def average_precision_in_order(
    is_match: NDArray[np.bool_], weights: NDArray[np.float64], objects: float
) -> float:
    """The same of candidates that are in order, best first; those of weight 0 are not there."""
    if objects <= 0 or not len(is_match):
        return 0.0
    return _area(np.cumsum(is_match * weights), np.cumsum(weights), objects)


def average_precision_of_bins(
    candidates: NDArray[np.float64], true_positives: NDArray[np.float64], objects: float
) -> float:
    """The same from counts by score bin, lowest scores first: (bins,) each.

    Inside a bin the curve is drawn as if its matches were spread evenly.
    """
    if objects <= 0 or candidates.sum() <= 0:
        return 0.0
    shares = np.arange(1, _STEPS + 1) / _STEPS
    drawn, found = [], []
    drawn_before = found_before = 0.0
    for count, matches in zip(candidates[::-1], true_positives[::-1], strict=True):
        drawn.append(drawn_before + shares * count)
        found.append(found_before + shares * matches)
        drawn_before, found_before = drawn_before + count, found_before + matches
    return _area(np.concatenate(found), np.concatenate(drawn), objects)


def _area(found: NDArray[np.float64], drawn: NDArray[np.float64], objects: float) -> float:
    """found, drawn: matches and candidates up to each, best first, (n,) each."""
    recall = found / objects
    precision = found / np.maximum(drawn, 1e-12)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    # Rounding must not lift a recall of exactly one step above the last match.
    return float(envelope[np.searchsorted(recall, RECALLS - 1e-9, side="left")].mean())
