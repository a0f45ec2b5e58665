"""Draws detections whose statistics are those of given rows of properties.

The drift tests look at a record's statistics, not at single boxes. So scores, boxes and classes are
drawn first and then moved, until their mean, deviation and ends are those that the row asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.records.observations import CLASS_SHARE, SCORE_BINS

MAX_CANDIDATES = 300  # of each kind in a record, as the model's own limit
_EDGE = 0.012  # a box that is not at the picture's edge stays this far away from it


@dataclass(frozen=True, eq=False)
class Candidates:
    """Detections and near misses of n records, by record and best first in each.

    owners: int (c,), the record's row. scores: (c,). boxes: (c, 4), xyxy in px. classes: int (c,).
    """

    owners: NDArray[np.int64]
    scores: NDArray[np.float64]
    boxes: NDArray[np.float64]
    classes: NDArray[np.int64]


class PropertyRows:
    """Rows of properties by name. names: of the columns; values: (n, names)."""

    def __init__(self, names: Sequence[str], values: NDArray[np.float64]) -> None:
        self.names = list(names)
        self._columns = {name: column for column, name in enumerate(names)}
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def get(self, name: str, default: float) -> NDArray[np.float64]:
        """A property (n,), `default` where it is not known."""
        if name not in self._columns:
            return np.full(len(self), default)
        column = self.values[:, self._columns[name]]
        return np.where(np.isfinite(column), column, default)

    def get_all(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Several properties (n, names), NaN where they are not known."""
        return np.stack([self.get(name, np.nan) for name in names], axis=1)


def draw_candidates(
    rng: np.random.Generator,
    rows: PropertyRows,
    histograms: NDArray[np.uint16],
    sizes: NDArray[np.float64],
    classes: Sequence[str],
    *,
    threshold: float,
    floor: float,
) -> Candidates:
    """Candidates of n records.

    histograms: (n, SCORE_BINS), the shape of the scores. sizes: (n, 2), width and height in px.
    threshold: the model's own; floor: of near misses.
    """
    counts = _round(rng, np.expm1(rows.get("log_count", 0.0)))
    near_misses = _round(rng, np.expm1(rows.get("log_near_misses", 0.0)))
    above, below = _split_histograms(histograms, counts, threshold)
    scores = np.concatenate([
        _draw_detection_scores(rng, rows, above, counts, threshold),
        _draw_by_histogram(rng, below, near_misses, floor, threshold)[1],
    ])  # fmt: skip
    owners = np.concatenate([_owners(counts), _owners(near_misses)])
    boxes = np.concatenate([
        _draw_boxes(rng, rows, counts, sizes), _draw_boxes(rng, rows, near_misses, sizes)
    ])  # fmt: skip
    labels = _draw_classes(rng, rows, owners, classes)
    order = np.lexsort((-scores, owners))
    return Candidates(owners[order], scores[order], boxes[order], labels[order])


def _round(rng: np.random.Generator, expected: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers of the given expectation; those that are whole already stay."""
    expected = np.clip(expected, 0, MAX_CANDIDATES)
    nearest = np.rint(expected)
    is_whole = np.abs(expected - nearest) < 1e-6
    drawn = np.floor(expected + rng.random(len(expected)))
    return np.where(is_whole, nearest, drawn).astype(np.int64)


def _owners(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(counts)), counts)


def _split_histograms(
    histograms: NDArray[np.uint16], counts: NDArray[np.int64], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Parts above and below the threshold, (n, SCORE_BINS) each. A threshold within a bin parts it
    so that `counts` are above, where the histogram allows."""
    all_scores = histograms.astype(float)
    bin = min(int(threshold * SCORE_BINS + 1e-9), SCORE_BINS - 1)
    above, below = all_scores.copy(), all_scores.copy()
    above[:, :bin], below[:, bin + 1 :] = 0, 0
    here = np.clip(counts - all_scores[:, bin + 1 :].sum(axis=1), 0, all_scores[:, bin])
    above[:, bin], below[:, bin] = here, all_scores[:, bin] - here
    return above, below


def _draw_by_histogram(
    rng: np.random.Generator,
    histograms: NDArray[np.float64],
    counts: NDArray[np.int64],
    low: float,
    high: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Owners and scores (sum of counts,), spread over each record's histogram evenly."""
    owners = _owners(counts)
    if not len(owners):
        return owners, np.empty(0)
    starts = np.cumsum(counts) - counts
    ranks = np.arange(len(owners)) - starts[owners]
    shares = (ranks + rng.random(len(owners))) / counts[owners]
    totals = histograms.sum(axis=1)
    typical = histograms.sum(axis=0) + 1e-9
    weights = np.where(totals[:, None] > 0, histograms, typical)
    cumulated = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
    bins = np.minimum((cumulated[owners] <= shares[:, None]).sum(axis=1), SCORE_BINS - 1)
    low_ends = np.maximum(bins / SCORE_BINS, low)
    high_ends = np.maximum(np.minimum((bins + 1) / SCORE_BINS, high), low_ends)
    scores = low_ends + (high_ends - low_ends) * rng.random(len(owners))
    return owners, np.clip(scores, low, np.nextafter(high, 0))


def _draw_detection_scores(
    rng: np.random.Generator,
    rows: PropertyRows,
    histograms: NDArray[np.float64],
    counts: NDArray[np.int64],
    threshold: float,
) -> NDArray[np.float64]:
    owners, scores = _draw_by_histogram(rng, histograms, counts, threshold, 1.0)
    if not len(owners):
        return scores
    mean, std = rows.get("score_mean", np.nan), rows.get("score_std", np.nan)
    scores = _match_moments(scores, owners, counts, mean, std)
    scores = np.clip(scores, threshold, 0.9999)
    order = np.lexsort((scores, owners))  # the ends: the row's own
    scores, starts = scores[order], np.cumsum(counts) - counts
    some = np.flatnonzero(counts > 0)
    for ends, name in ((starts[some], "score_min"), (starts[some] + counts[some] - 1, "score_max")):
        wanted = rows.get(name, np.nan)[some]
        scores[ends] = np.where(np.isfinite(wanted), wanted, scores[ends])
    scores = np.clip(scores, threshold, 0.9999)
    high = rows.get("score_max", np.nan)[owners]
    low = rows.get("score_min", np.nan)[owners]
    scores = np.where(np.isfinite(high), np.minimum(scores, np.maximum(high, threshold)), scores)
    return np.where(np.isfinite(low), np.maximum(scores, np.minimum(low, 0.9999)), scores)


def _match_moments(
    values: NDArray[np.float64],
    owners: NDArray[np.int64],
    counts: NDArray[np.int64],
    mean: NDArray[np.float64],
    std: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Move and stretch each record's values to a mean and a standard deviation (n,); NaN leaves
    them."""
    own_mean, own_std = _moments(values, owners, counts)
    mean = np.where(np.isfinite(mean), mean, own_mean)
    std = np.where(np.isfinite(std), std, own_std)
    scale = np.divide(std, own_std, out=np.ones_like(std), where=own_std > 1e-12)
    return (values - own_mean[owners]) * scale[owners] + mean[owners]


def _moments(
    values: NDArray[np.float64], owners: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    divisor = np.maximum(counts, 1)
    mean = np.bincount(owners, values, len(counts)) / divisor
    squares = np.bincount(owners, (values - mean[owners]) ** 2, len(counts)) / divisor
    return mean, np.sqrt(squares)


def _draw_boxes(
    rng: np.random.Generator,
    rows: PropertyRows,
    counts: NDArray[np.int64],
    sizes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Boxes (sum of counts, 4) in px, inside the pictures."""
    owners = _owners(counts)
    total = len(owners)
    if not total:
        return np.empty((0, 4))
    log_area = _match_moments(
        rng.standard_normal(total), owners, counts,
        rows.get("log_box_area_mean", -6.0), rows.get("log_box_area_std", 0.3),
    )  # fmt: skip
    elongation = rng.gamma(2.0, 1.0, total)
    wanted = rows.get("box_elongation_mean", 0.3)
    elongation *= (wanted / _moments(elongation, owners, counts)[0].clip(1e-9))[owners]
    elongation *= rng.choice([-0.5, 0.5], total)
    area = np.exp(np.clip(log_area, -14, -0.05))
    aspect = (sizes[:, 1] / sizes[:, 0])[owners]  # of fractions, so that pixels have `elongation`
    extents = np.stack(
        [np.sqrt(area * aspect) * np.exp(elongation), np.sqrt(area / aspect) / np.exp(elongation)],
        axis=1,
    ).clip(1e-4, 0.98)
    at_edge = _choose_at_edge(rng, owners, rows.get("edge_share", 0.0) * counts, counts)
    centres, low, high = rng.random((total, 2)), extents / 2, 1 - extents / 2
    pushed = _push_to_edges(centres, low, high, at_edge)
    for axis, name in enumerate(("box_x_std", "box_y_std")):
        _spread_centres(
            centres[:, axis], ~pushed[:, axis], low[:, axis] + _EDGE, high[:, axis] - _EDGE,
            rows.get(name, 0.24), owners, counts,
        )  # fmt: skip
    boxes = np.concatenate([centres - extents / 2, centres + extents / 2], axis=1)
    return boxes.clip(0, 1) * np.tile(sizes, 2)[owners]


def _choose_at_edge(
    rng: np.random.Generator,
    owners: NDArray[np.int64],
    wanted: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Which boxes touch an edge: as many of each record as wanted (n,)."""
    order = np.lexsort((rng.random(len(owners)), owners))
    starts = np.cumsum(counts) - counts
    ranks = np.empty(len(owners), np.int64)
    ranks[order] = np.arange(len(owners)) - starts[owners[order]]
    chosen: NDArray[np.bool_] = ranks < np.rint(np.clip(wanted, 0, counts))[owners]
    return chosen


def _push_to_edges(
    centres: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    at_edge: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Push the boxes at an edge to the nearest one, in place. low, high: (c, 2), limits of the
    centres. Returns in which direction each was pushed, (c, 2)."""
    pushed = np.zeros(centres.shape, np.bool_)
    gaps = np.concatenate([centres, 1 - centres], axis=1)  # left, top, right, bottom
    nearest = gaps.argmin(axis=1)
    for axis in range(2):
        here = at_edge & (nearest % 2 == axis)
        is_first = nearest < 2
        centres[here, axis] = np.where(is_first, low[:, axis], high[:, axis])[here]
        pushed[here, axis] = True
    return pushed


def _spread_centres(
    centres: NDArray[np.float64],
    is_free: NDArray[np.bool_],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    std: NDArray[np.float64],
    owners: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Move the free centres (c,), in place, until all of a record's have the standard deviation
    (n,). What would leave the picture is held at its edge, so it takes a few steps."""
    high = np.maximum(low, high)
    for _ in range(5):
        mean, own = _moments(centres, owners, counts)
        scale = np.divide(std, own, out=np.ones_like(std), where=own > 1e-9).clip(0.5, 2)
        moved = mean[owners] + (centres - mean[owners]) * scale[owners]
        centres[is_free] = np.clip(moved, low, high)[is_free]


def _draw_classes(
    rng: np.random.Generator, rows: PropertyRows, owners: NDArray[np.int64], classes: Sequence[str]
) -> NDArray[np.int64]:
    if len(classes) == 1:
        return np.zeros(len(owners), np.int64)
    shares = np.stack([rows.get(f"{CLASS_SHARE}{label}", 0.0) for label in classes], axis=1)
    shares = shares.clip(0) + 1e-9
    cumulated = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    drawn = (cumulated[owners] < rng.random(len(owners))[:, None]).sum(axis=1)
    chosen: NDArray[np.int64] = np.minimum(drawn, len(classes) - 1).astype(np.int64)
    return chosen
