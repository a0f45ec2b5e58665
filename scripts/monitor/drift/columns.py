"""Which properties of a reference and a window can be compared, as columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from scripts.records.observations import CLASS_SHARE, PROPERTIES, Observations, round_property

MIN_KNOWN = 10  # values on either side


@dataclass(frozen=True, eq=False)
class Columns:
    """names of p properties that vary and that enough records of both sides know. reference (r, p)
    and window (n, p): float64, NaN where a record does not know one."""

    names: tuple[str, ...]
    reference: NDArray[np.float64]
    window: NDArray[np.float64]


def comparable_columns(reference: Observations, window: Observations) -> Columns:
    """A class that one side does not know has a share of 0 there. Infinity counts as unknown."""
    classes = sorted(
        name for name in {*reference.properties, *window.properties} if name.startswith(CLASS_SHARE)
    )
    names, befores, afters = [], [], []
    for name in (*PROPERTIES, *classes):
        before, after = _column(reference, name), _column(window, name)
        if min(np.isfinite(before).sum(), np.isfinite(after).sum()) < MIN_KNOWN:
            continue
        both = np.concatenate([before, after])
        if np.nanmin(both) == np.nanmax(both):
            continue
        names.append(name)
        befores.append(before)
        afters.append(after)
    if not names:
        empty = np.empty((len(reference), 0)), np.empty((len(window), 0))
        return Columns((), *empty)
    return Columns(tuple(names), np.stack(befores, axis=1), np.stack(afters, axis=1))


def _column(observations: Observations, name: str) -> NDArray[np.float64]:
    column = observations.properties.get(name)
    if column is None:
        missing = 0.0 if name.startswith(CLASS_SHARE) else np.nan
        return np.full(len(observations), missing)
    return np.where(np.isfinite(column), round_property(column), np.nan)


def normal_scores(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks as quantiles of the normal distribution (van der Waerden), of mean 0 and variance 1;
    ties share their mean rank, and NaN and a constant column become 0. (n,) in and out."""
    known = np.isfinite(column)
    scores = np.zeros(len(column))
    ranks = rankdata(column[known])
    quantiles = ndtri(ranks / (len(ranks) + 1))
    quantiles -= quantiles.mean() if len(ranks) else 0.0
    spread = np.sqrt(np.mean(quantiles**2)) if len(ranks) else 0.0
    if spread > 1e-9:
        scores[known] = quantiles / spread
    return scores
