"""Since when? The record from which on the window differs, with an interval.

All properties together are followed along the window in directions that noise does not dominate
(normal scores, whitened with a shrunk covariance). At the true change the records after it and the
reference with the records before it are furthest apart. From there one direction is taken, in
which the position has a likelihood: that of a mean which jumps once, with normal noise. The
interval holds positions from the most likely one down until their shares make up the coverage
(Hinkley, 1970; a flat prior over positions).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from scripts.monitor.drift.columns import comparable_columns, normal_scores
from scripts.monitor.drift.decide import decide, format_time
from scripts.monitor.drift.sample import draw_sample
from scripts.monitor.result import ChangePoint
from scripts.records.observations import Observations

COVERAGE = 0.9
MASS = 0.95  # of the likelihood in the interval: positions that chance chose are too sure
REFERENCE_LIMIT = 2_000
WINDOW_LIMIT = 4_000
MIN_RECORDS = 20
MIN_SIDE = 5  # records before a change inside the window, and after it
SHRINKAGE = 1.0
# Twice the logarithm of a likelihood ratio that a change within the window needs against one that
# came before it, or never: what a search over all positions reaches by chance in one of a hundred.
MIN_EVIDENCE = 13.0
START_PARTS = 4  # of a window, the first of which tells whether it is changed from its start
START_LEVEL = 0.01


def find_change_point(reference: Observations, window: Observations) -> ChangePoint | None:
    """When the window's records began to differ.

    None where it has too few, where all of them differ, since at least its start, or where nothing
    within it does; `differs_from_start` tells which. What does not last but comes and goes is found
    by its largest edge.
    """
    before, after = draw_sample(reference, REFERENCE_LIMIT), draw_sample(window, WINDOW_LIMIT)
    columns = comparable_columns(before.rows, after.rows)
    if len(before) < MIN_RECORDS or len(after) < MIN_RECORDS or not columns.names:
        return None
    values = np.concatenate([columns.reference, columns.window])
    scores = np.stack([normal_scores(column) for column in values.T], axis=1)
    position = _furthest_apart(_whiten(scores), len(before))
    if position is None:
        return None
    log_likelihood = _profile(_project(scores, len(before), position), len(before))
    best = int(np.argmax(log_likelihood[MIN_SIDE:-MIN_SIDE])) + MIN_SIDE
    unchanged = max(log_likelihood[0], log_likelihood[-1])
    if 2 * (log_likelihood[best] - unchanged) < MIN_EVIDENCE:
        return None
    low, high = _interval(log_likelihood[1:-1])
    times = after.rows.facts["time"]
    return ChangePoint(
        time=format_time(times[best]),
        # It came after the record before the first that may be the change.
        earliest=format_time(times[min(low, best)]),
        latest=format_time(times[max(high + 1, best)]),
        coverage=COVERAGE,
        records_before=_count_before(window, times[best]),
        records_after=_count_from(window, times[best]),
    )


def differs_from_start(reference: Observations, window: Observations, *, seed: int = 0) -> bool:
    """Whether a window in which no change point was found is changed from its first records on: a
    test of its first quarter alone, or of as many as can be tested, at START_LEVEL."""
    rows = np.flatnonzero(window.is_prediction)
    rows = rows[np.argsort(window.facts["time"][rows], kind="stable")]
    first = window.select(rows[: max(len(rows) // START_PARTS, MIN_RECORDS)])
    return decide(reference, first, level=START_LEVEL, seed=seed).is_changed


def _count_before(window: Observations, time: np.datetime64) -> int:
    return int(np.sum(window.is_prediction & (window.facts["time"] < time)))


def _count_from(window: Observations, time: np.datetime64) -> int:
    return int(np.sum(window.is_prediction & (window.facts["time"] >= time)))


def _whiten(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(scores.T @ scores / len(scores))
    whitened: NDArray[np.float64] = scores @ (vectors / np.sqrt(np.maximum(values, 0) + SHRINKAGE))
    return whitened


def _furthest_apart(scores: NDArray[np.float64], before: int) -> int | None:
    """The position k at which rows before + k and on differ most from all earlier ones."""
    count = len(scores) - before
    after = np.cumsum(scores[before:][::-1], axis=0)[::-1]  # sums from k on
    sizes = np.arange(count, 0, -1)
    total = scores.sum(axis=0)
    earlier = len(scores) - sizes
    difference = after / sizes[:, None] - (total - after) / earlier[:, None]
    distance = np.sum(difference**2, axis=1) * sizes * earlier / len(scores)
    usable = slice(0, count - MIN_SIDE + 1)
    return int(np.argmax(distance[usable])) if count > MIN_SIDE else None


def _project(scores: NDArray[np.float64], before: int, position: int) -> NDArray[np.float64]:
    """Scores along the direction in which both sides of the position differ, (r + n,), in standard
    deviations from the mean before it.

    A direction that was fitted to a row flatters it. Every other row gives the direction for the
    rows between, so that the interval isn't narrower than it should be.
    """
    split = before + position
    index = np.arange(len(scores))
    is_after = index >= split
    fold = np.where(is_after, index - split, index) % 2
    line = np.zeros(len(scores))
    for each in (0, 1):
        left, right = (scores[(fold != each) & (is_after == side)] for side in (False, True))
        within = np.concatenate([left - left.mean(axis=0), right - right.mean(axis=0)])
        covariance = within.T @ within / len(within) + SHRINKAGE * np.eye(scores.shape[1])
        direction = np.linalg.solve(covariance, right.mean(axis=0) - left.mean(axis=0))
        rows = fold == each
        values = scores[rows] @ direction
        before_change, after_change = values[~is_after[rows]], values[is_after[rows]]
        rest = [before_change - before_change.mean(), after_change - after_change.mean()]
        spread = max(float(np.std(np.concatenate(rest))), 1e-9)
        line[rows] = (values - before_change.mean()) / spread
    return line


def _profile(line: NDArray[np.float64], before: int) -> NDArray[np.float64]:
    """Log likelihood of a jump of the mean before each window row, and after the last: (n + 1,)."""
    count = len(line) - before
    splits = before + np.arange(count + 1)
    sums = np.concatenate([[0.0], np.cumsum(line)])
    squares = float(np.sum(line**2))
    left, right = sums[splits], sums[-1] - sums[splits]
    explained = left**2 / splits + right**2 / np.maximum(len(line) - splits, 1)
    rest = np.maximum(squares - explained, 1e-9 * max(squares, 1e-9))
    profile: NDArray[np.float64] = -0.5 * len(line) * np.log(rest / len(line))
    return profile


def _interval(log_likelihood: NDArray[np.float64]) -> tuple[int, int]:
    """First and last of the positions that have the most likely MASS."""
    shares = np.exp(log_likelihood - logsumexp(log_likelihood))
    order = np.argsort(-shares, kind="stable")
    needed = int(np.searchsorted(np.cumsum(shares[order]), MASS)) + 1
    return int(order[:needed].min()), int(order[:needed].max())
