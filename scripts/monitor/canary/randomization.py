"""Do requests that went to the new version have other answers than those that went to the old one?

While an alias shifts, Lambda chooses a version for each request at random ("Lambda uses a simple
probabilistic model to distribute the traffic between the two function versions", AWS Lambda
Developer Guide, Create a routing configuration for a Lambda alias). If both versions behave the
same, which requests the new one got says nothing of their answers: dealing the labels out anew,
within a minute, tells how far the versions differ by chance. Such a randomization test is exact
whatever the distributions are (Fisher, The Design of Experiments, 1935), and however the requests
depend on each other: bursts and repeated pictures are dealt out one request at a time, as they
were. Only the pictures of one request have their version in common, so they are moved together.
Minutes are kept apart, as strata, since the share of the new version may change from one to the
next, and so may the pictures.

Several properties are tested at once: the p-values are adjusted by the distribution of the largest
statistic (step-down max T; Westfall and Young, Resampling-Based Multiple Testing, 1993). With the
observed labels among the shuffles they are valid at any number of requests, and never 0 (Phipson
and Smyth, 2010).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.monitor.drift.permutation import step_down

# Shuffles, and a p-value that is so far from any level that more shuffles would not get there.
STAGES = ((199, 0.05), (1_999, 0.005))
AT_LEVEL = 2  # of all shuffles so many, the observed one with them, lie beyond a level
AT_ONCE = 2_000_000  # requests in all shuffles that are made at once

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Randomization:
    """p properties. p_values: (p,), adjusted for all of them. differences: (p,), how much more the
    new version has, over the minutes; NaN where that is not known. spreads: (p,), the standard
    deviations of the differences by chance. smallest: the p-value that so few requests could reach
    at best."""

    p_values: Floats
    differences: Floats
    spreads: Floats
    smallest: float


def compare_versions(
    values: Floats,
    is_new: NDArray[np.bool_],
    requests: NDArray[np.int64],
    minutes: NDArray[np.int64],
    *,
    level: float,
    seed: int = 0,
) -> Randomization:
    """Test records by which version answered.

    values: (n, p), NaN where a record does not know one. is_new: (n,). requests, minutes: (n,), of
    which request and in which minute a record is; those of one request are of one version and one
    minute. level: the error that is spent, which says how many shuffles are made.
    """
    known = np.isfinite(values)
    centred = np.where(known, values, 0.0)
    weights = np.zeros(values.shape[1])
    for minute in np.unique(minutes):
        rows = minutes == minute
        counts = known[rows].sum(axis=0)
        means = centred[rows].sum(axis=0) / np.maximum(counts, 1)
        centred[rows] = np.where(known[rows], centred[rows] - means, 0.0)
        new_counts = known[rows & is_new].sum(axis=0)
        weights += new_counts * (1 - new_counts / np.maximum(counts, 1))
    strata = _strata(centred, is_new, requests, minutes)
    variances = sum((each.variances for each in strata), np.zeros(values.shape[1]))
    spreads = np.sqrt(variances)
    # A property that does not vary has nothing to differ in.
    scales = np.where(spreads > 1e-9, spreads, np.inf)
    observed = np.abs(sum((each.observed for each in strata), np.zeros(values.shape[1])) / scales)
    with np.errstate(invalid="ignore", divide="ignore"):
        differences = np.where(weights > 0, centred[is_new].sum(axis=0) / weights, np.nan)
        by_chance = np.where(weights > 0, spreads / weights, np.nan)
    smallest = math.exp(-sum(each.log_orders for each in strata))
    p_values = np.ones(values.shape[1])
    if smallest <= level:
        p_values = _p_values(strata, observed, scales, level, np.random.default_rng(seed))
    return Randomization(p_values, differences, by_chance, smallest)


@dataclass(frozen=True, eq=False)
class _Stratum:
    """A minute. sums: (requests, p), of the centred values of each request. size: how many requests
    the new version got. observed: (p,), the sums over those."""

    sums: Floats
    size: int
    observed: Floats

    @property
    def variances(self) -> Floats:
        """(p,), of the sum over `size` requests that are drawn without replacement."""
        count = len(self.sums)
        squares: Floats = np.mean((self.sums - self.sums.mean(axis=0)) ** 2, axis=0)
        return squares * self.size * (count - self.size) / (count - 1)

    @property
    def log_orders(self) -> float:
        """The logarithm of how many ways there are to choose the requests."""
        count = len(self.sums)
        return (
            math.lgamma(count + 1) - math.lgamma(self.size + 1) - math.lgamma(count - self.size + 1)
        )

    def shuffled(self, shuffles: int, random: np.random.Generator) -> Floats:
        """Sums over requests that are chosen anew, (shuffles, p), or over all others, which differ
        in their sign only: together they sum to 0."""
        count, fewer = len(self.sums), min(self.size, len(self.sums) - self.size)
        total = np.zeros((shuffles, self.sums.shape[1]))
        columns = np.arange(shuffles)
        order = np.repeat(np.arange(count, dtype=np.int32)[:, None], shuffles, axis=1)
        for place in range(fewer):  # the first steps of Fisher and Yates' shuffle, all at once
            other = random.integers(place, count, shuffles)
            chosen = order[other, columns]
            order[other, columns] = order[place]
            total += self.sums[chosen]
        return total


def _strata(
    centred: Floats,
    is_new: NDArray[np.bool_],
    requests: NDArray[np.int64],
    minutes: NDArray[np.int64],
) -> list[_Stratum]:
    """Minutes in which both versions answered; the others say nothing."""
    strata = []
    for minute in np.unique(minutes):
        rows = np.flatnonzero(minutes == minute)
        _, first, units = np.unique(requests[rows], return_index=True, return_inverse=True)
        sums = np.zeros((len(first), centred.shape[1]))
        np.add.at(sums, units, centred[rows])
        chosen = is_new[rows][first]
        if 0 < chosen.sum() < len(chosen):
            strata.append(_Stratum(sums, int(chosen.sum()), sums[chosen].sum(axis=0)))
    return strata


def _p_values(
    strata: list[_Stratum],
    observed: Floats,
    scales: Floats,
    level: float,
    random: np.random.Generator,
) -> Floats:
    # Rounded, so that orders that are equal count as equal.
    rows: list[Floats] = [np.round(observed[None], 9)]
    made = 0
    p_values = np.ones(len(observed))
    for shuffles, clearly_null in (*STAGES, (math.ceil(AT_LEVEL / level) - 1, 0.0)):
        for sums in _shuffled(strata, shuffles - made, random):
            statistics: Floats = np.abs(sums / scales)
            rows.append(np.round(statistics, 9))
        made = max(made, shuffles)
        p_values = step_down(np.concatenate(rows))
        if p_values.min() > clearly_null > 0:
            break
    return p_values


def _shuffled(
    strata: list[_Stratum], shuffles: int, random: np.random.Generator
) -> Iterator[Floats]:
    """Sums over all minutes, (some shuffles, p) each."""
    longest = max(len(each.sums) for each in strata)
    at_once = max(1, AT_ONCE // longest)
    for start in range(0, shuffles, at_once):
        some = min(at_once, shuffles - start)
        total = strata[0].shuffled(some, random)
        for each in strata[1:]:
            total += each.shuffled(some, random)
        yield total
