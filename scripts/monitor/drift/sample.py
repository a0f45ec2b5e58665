"""Which rows are compared: predictions, each picture once, thinned where they come in bursts.

A test of exchangeability is only as good as the rows it is given. A picture that a client sends ten
times is one picture; twenty pictures of one sample that come one after the other tell little more
than one; and a million records tell no more of a property than some thousands do.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.monitor.drift.columns import normal_scores
from scripts.records.observations import Observations

MAX_STRIDE = 50
MIN_FOR_BURSTS = 40  # records; fewer tell nothing of how alike neighbours are
MAX_FOR_BURSTS = 1_000
MIN_NEARNESS = 0.1  # of a mean squared distance of 2
SHUFFLES = 50


@dataclass(frozen=True, eq=False)
class Sample:
    """rows: oldest first. repeats: rows left out for a picture that is there already. stride: each
    how manieth record is kept, 1 where neighbours are no more alike than others."""

    rows: Observations
    repeats: int
    stride: int

    def __len__(self) -> int:
        return len(self.rows)


def draw_sample(observations: Observations, limit: int) -> Sample:
    """Choose at most `limit` rows that a test may take as independent; the same ones each time.

    Works on indices until few rows are left: a window may hold a million.
    """
    rows = _in_time(observations, np.flatnonzero(observations.is_prediction))
    first = first_of_each_picture(observations.facts["image_sha256"][rows])
    repeats = len(rows) - len(first)
    rows = rows[first]
    stride = 1
    if len(rows) >= MIN_FOR_BURSTS:
        # Neighbours in time are asked, so before any row is left out.
        stride = burst_length(observations.select(rows[:MAX_FOR_BURSTS]))
        rows = rows[::stride]
    chosen = bounded(observations.facts["prediction_id"][rows], limit)
    return Sample(observations.select(rows[chosen]), repeats, stride)


def _in_time(observations: Observations, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows, oldest first; those of one millisecond by id."""
    times = observations.facts["time"][rows]
    ids = observations.facts["prediction_id"][rows].astype(str)
    ordered: NDArray[np.int64] = rows[np.lexsort((ids, times))]
    return ordered


def first_of_each_picture(hashes: NDArray[Any]) -> NDArray[np.int64]:
    """Indices, ascending, of hashes (n,) that were not there before; unknown ones are all kept."""
    seen: set[str] = set()
    kept = []
    for index, picture in enumerate(hashes.tolist()):
        if picture and picture in seen:
            continue
        seen.add(picture)
        kept.append(index)
    return np.asarray(kept, np.int64)


def bounded(ids: NDArray[Any], limit: int) -> NDArray[np.int64]:
    """Indices, ascending, of at most `limit` of the prediction_ids (n,), those with the smallest
    hash: the choice knows nothing of the record, and is the same in every run."""
    if len(ids) <= limit:
        return np.arange(len(ids))
    keys = np.asarray([zlib.crc32(str(each).encode()) for each in ids])
    return np.sort(np.argsort(keys, kind="stable")[:limit])


def burst_length(rows: Observations) -> int:
    """How far apart records must be to be no more alike than any two: 1 where neighbours are not.

    The mean squared distance of the normal scores of records k apart (a variogram) is small for
    neighbours in a burst and soon as large as it gets. A change that lasts makes it grow evenly
    with k instead, from what neighbours have: it is not taken for a burst. Bursts must be beyond
    what shuffled rows show by chance.
    """
    scores = _score_matrix(rows)
    count, width = scores.shape
    if not width:
        return 1
    random = np.random.default_rng(0)
    by_chance = [_nearness(scores[random.permutation(count)]) for _ in range(SHUFFLES)]
    spread, nearness = float(np.std(by_chance)), _nearness(scores)
    if nearness < max(4 * spread, MIN_NEARNESS):
        return 1
    sill = nearness + _distance(scores, 1)
    lag = 2
    while lag < min(MAX_STRIDE, count // 10) and (
        sill - _distance(scores, lag) > 0.1 * nearness + spread
    ):
        lag = max(lag + 1, int(1.25 * lag))
    return lag


def _nearness(scores: NDArray[np.float64]) -> float:
    """How much closer neighbours are than a line through the distances far apart says, of 2."""
    far = min(len(scores) // 3, 2 * MAX_STRIDE)
    lags = np.unique(np.linspace(far // 2, far, 8).astype(np.int64))
    distances = [_distance(scores, int(lag)) for lag in lags]
    slope, start = np.polyfit(lags, distances, 1) if len(lags) > 1 else (0.0, distances[0])
    return float(start + max(slope, 0.0) - _distance(scores, 1))


def _score_matrix(rows: Observations) -> NDArray[np.float64]:
    columns = [
        scores for column in rows.properties.values() if (scores := normal_scores(column)).any()
    ]
    return np.stack(columns, axis=1) if columns else np.empty((len(rows), 0))


def _distance(scores: NDArray[np.float64], lag: int) -> float:
    return float(np.mean((scores[lag:] - scores[:-lag]) ** 2))
