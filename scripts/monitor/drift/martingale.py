"""Conformal test martingales: evidence of a change that may be looked at after every record.

The rank of each new record among the reference and all records before it is, as long as they are
exchangeable, a uniform number independent of the ranks before (Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2nd edition 2022, chapter 8). A gambler who bets against
that has a capital that is expected not to grow; by Ville's inequality it ever reaches 1 / level
with a probability of at most level. A gambler for each property, bet (up, down, wider, narrower)
and beginning has a share of the capital at the start, so the error is that of the sum, over all
properties and every look together. Beginnings all along the window find a change that comes after
any length of quiet (a mixture as of Shiryaev and Roberts; Shin, Ramdas and Rinaldo, E-detectors,
2024).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri

# Bets on normal scores: densities with another mean or spread than 0 and 1, by their own.
SHIFTS = (-1.5, -1.0, -0.6, -0.3, 0.3, 0.6, 1.0, 1.5)
SPREADS = (0.6, 1.5, 2.0)
FROM_THE_START = 0.5  # share of the capital that bets on a window which is changed as a whole
BATCH = 128


@dataclass(frozen=True, eq=False)
class Martingale:
    """log_capital: float64 (n,), natural logarithm of the capital after each record; it begins at
    0. property_log_capital: (p,), the largest of each property."""

    log_capital: NDArray[np.float64]
    property_log_capital: NDArray[np.float64]

    @property
    def largest(self) -> float:
        """The largest capital, at most 1e300."""
        peak = float(self.log_capital.max(initial=0.0))
        return float(np.exp(min(peak, 690.0)))

    def first_at(self, limit: float) -> int | None:
        """Index of the record with which the capital first reached `limit`."""
        crossed = np.flatnonzero(self.log_capital >= np.log(limit))
        return int(crossed[0]) if len(crossed) else None


def run_martingale(
    reference: NDArray[np.float64],
    window: NDArray[np.float64],
    strata: NDArray[np.int64] | None = None,
) -> Martingale:
    """Bet on the window's rows (n, p), oldest first, against (r, p); NaN is no bet. strata:
    (r + n,), records are ranked only among those of their own."""
    count, width = window.shape
    if not count or not width:
        return Martingale(np.zeros(count), np.zeros(width))
    p_values = conformal_p_values(reference, window, strata)
    scores = np.where(np.isfinite(p_values), ndtri(p_values), np.nan)
    starts = np.full(count, (1 - FROM_THE_START) / count)
    starts[0] += FROM_THE_START
    # Capital that waits for its beginning.
    log_unspent = np.log(np.maximum(1 - np.cumsum(starts), 1e-300))
    log_starts = np.log(starts)

    bets = len(SHIFTS) + len(SPREADS)
    log_capital = np.empty(count)
    peak = np.full(width, -np.inf)
    capital = np.full((bets, width), -np.inf)
    for begin in range(0, count, BATCH):
        rows = slice(begin, begin + BATCH)
        gains = np.cumsum(_log_bets(scores[rows]), axis=0)
        # What begins at a record has that record's bet, and none before.
        at_entry = np.concatenate([np.zeros((1, bets, width)), gains[:-1]])
        entries = log_starts[rows, None, None] - at_entry
        entries[0] = np.logaddexp(entries[0], capital)
        capitals = np.logaddexp.accumulate(entries, axis=0) + gains
        capital = capitals[-1]
        invested = logsumexp(capitals, axis=(1, 2)) - np.log(bets * width)
        log_capital[rows] = np.logaddexp(invested, log_unspent[rows])
        np.maximum(peak, capitals.max(axis=(0, 1)), out=peak)
    return Martingale(log_capital, peak)


def _log_bets(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the bets' densities over the standard normal one's, for scores (n, p) as
    (n, bets, p); 0 at NaN."""
    half_square = scores**2 / 2
    bets = [shift * scores - shift**2 / 2 for shift in SHIFTS]
    bets += [half_square * (1 - 1 / spread**2) - np.log(spread) for spread in SPREADS]
    return np.nan_to_num(np.stack(bets, axis=1), nan=0.0)


def conformal_p_values(
    reference: NDArray[np.float64],
    window: NDArray[np.float64],
    strata: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Smoothed ranks in (0, 1) of each value among the reference's and the window's up to itself,
    (n, p); NaN stays NaN. Ties are broken by numbers that the data seed."""
    seed = zlib.crc32(np.ascontiguousarray(window).tobytes())
    tie_breaks = np.random.default_rng(seed).random(window.shape)
    p_values = np.full(window.shape, np.nan)
    if strata is None:
        groups = [(np.arange(len(reference)), np.arange(len(window)))]
    else:
        before, after = strata[: len(reference)], strata[len(reference) :]
        groups = [
            (np.flatnonzero(before == group), np.flatnonzero(after == group))
            for group in np.unique(after)
        ]
    for rows_before, rows in groups:
        for column in range(window.shape[1]):
            known = rows[np.isfinite(window[rows, column])]
            history = reference[rows_before, column]
            below, ties = _online_ranks(history[np.isfinite(history)], window[known, column])
            position = np.arange(len(known)) + np.isfinite(history).sum() + 1
            smoothed = (below + tie_breaks[known, column] * (ties + 1)) / position
            p_values[known, column] = np.clip(smoothed, 1e-12, 1 - 1e-12)
    return p_values


def _online_ranks(
    history: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many of the history and of the values before it lie below each value, and how many are
    equal to it."""
    seen = np.sort(history)
    below = np.empty(len(values), np.int64)
    ties = np.empty(len(values), np.int64)
    for start in range(0, len(values), BATCH):
        batch = values[start : start + BATCH]
        low, high = np.searchsorted(seen, batch), np.searchsorted(seen, batch, side="right")
        earlier = np.tri(len(batch), k=-1, dtype=bool)
        below[start : start + BATCH] = low + (earlier & (batch < batch[:, None])).sum(axis=1)
        ties[start : start + BATCH] = high - low + (earlier & (batch == batch[:, None])).sum(axis=1)
        batch = np.sort(batch)
        seen = np.insert(seen, np.searchsorted(seen, batch), batch)
    return below, ties
