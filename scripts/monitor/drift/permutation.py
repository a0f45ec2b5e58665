"""Does a window differ from the reference? A permutation test over all properties together.

Under the null hypothesis the window's rows and the reference's are exchangeable, so shuffling which
row is whose tells how large any statistic grows by chance, whatever the distributions and however
the properties depend on each other. One set of shuffles serves a family of statistics: single
properties by location and by dispersion (strong for few strong changes), shrunk Hotelling's T² and
a kernel distance over all properties (strong for many weak ones), and the same over parts of the
window (strong where only a part has changed). Each statistic becomes its own permutation p-value;
the smallest, weighted, is the test, and its own distribution over the shuffles gives one p-value
with all of them accounted for (Westfall and Young, Resampling-Based Multiple Testing, 1993). With
the observed order among the shuffles the p-value is exact at any sample size, and never 0 (Phipson
and Smyth, 2010).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from scripts.monitor.drift.columns import normal_scores

SHUFFLES = 9999
FIRST_SHUFFLES = 199  # enough to see that nothing has changed
CLEARLY_NULL = 0.1
MIN_PART = 20  # records of a part of the window
MAX_LEVELS = 5  # of halving the window
CHUNK = 32
MAX_KNOWN_Z = 3.5  # by which both sides' shares of known values may differ

Floats = NDArray[np.float32]

# Shares of the error that each statistic may spend, and so how the smallest p-value is weighted.
WEIGHTS: Mapping[str, float] = {
    "location": 0.25,
    "dispersion": 0.1,
    "hotelling": 0.2,
    "hotelling shrunk": 0.2,
    "kernel": 0.15,
    "part location": 0.05,
    "part hotelling": 0.05,
}


@dataclass(frozen=True, eq=False)
class WindowTest:
    """p_value: over everything. property_p_values: (p,), adjusted for all properties (step-down
    max T over location and dispersion). statistics: each one's own p-value, by WEIGHTS."""

    p_value: float
    property_p_values: NDArray[np.float64]
    statistics: Mapping[str, float]


def compare(
    reference: NDArray[np.float64],
    window: NDArray[np.float64],
    strata: NDArray[np.int64] | None = None,
    *,
    seed: int = 0,
    shuffles: int = SHUFFLES,
) -> WindowTest:
    """Test (r, p) against (n, p), the window's rows oldest first, NaN where a value is unknown.

    strata: (r + n,); rows are exchanged only within one, and values are compared with its mean.
    Where the first shuffles show that nothing has changed, no more are made.
    """
    values = np.concatenate([reference, window])
    if not len(window) or not len(reference) or not values.shape[1]:
        return WindowTest(1.0, np.ones(values.shape[1]), {})
    statistics = _Statistics(values, len(reference), strata)
    random = np.random.default_rng(seed)
    first = min(FIRST_SHUFFLES, shuffles)
    table = statistics.over(_orders(len(values), strata, random, first, with_observed=True))
    test = _combine(*table)
    if test.p_value > CLEARLY_NULL or shuffles <= first:
        return test
    more = statistics.over(
        _orders(len(values), strata, random, shuffles - first, with_observed=False)
    )
    names = {name: np.concatenate([table[0][name], more[0][name]]) for name in table[0]}
    return _combine(names, np.concatenate([table[1], more[1]]))


def _combine(by_name: Mapping[str, Floats], by_property: Floats) -> WindowTest:
    """by_name: (shuffles,) each, the observed order first. by_property: (shuffles, p)."""
    p_values = {name: _share_at_least(values) for name, values in by_name.items()}
    smallest = np.min([each / WEIGHTS[name] for name, each in p_values.items()], axis=0)
    # Smaller is stronger here; rounding keeps what is equal equal.
    p_value = _share_at_least(-np.round(smallest, 9))[0]
    return WindowTest(
        float(p_value),
        step_down(by_property),
        {name: float(each[0]) for name, each in p_values.items()},
    )


def _share_at_least(values: Floats) -> NDArray[np.float64]:
    """For each value the share of all that are as large: a p-value within the shuffles."""
    ranks: NDArray[np.float64] = rankdata(-values, "max") / len(values)
    return ranks


def step_down(by_property: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Adjusted p-values of Westfall and Young's step-down max T, (p,).

    by_property: (shuffles, p), large where a property differs, the observed order first.
    """
    order = np.argsort(-by_property[0], kind="stable")
    rest = np.maximum.accumulate(by_property[:, order[::-1]], axis=1)[:, ::-1]
    p_values = np.mean(rest >= by_property[0, order], axis=0)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(p_values)
    return adjusted


def _orders(
    count: int,
    strata: NDArray[np.int64] | None,
    random: np.random.Generator,
    shuffles: int,
    *,
    with_observed: bool,
) -> Iterator[NDArray[np.int64]]:
    """Chunks (at most CHUNK, count) of which row stands at which place."""
    at = None if strata is None else np.argsort(strata, kind="stable")
    orders = [np.arange(count)] if with_observed else []
    for _ in range(shuffles):
        order = random.permutation(count)
        if strata is not None:
            shuffled = order[np.argsort(strata[order], kind="stable")]
            order = np.empty(count, np.int64)
            order[at] = shuffled
        orders.append(order)
        if len(orders) == CHUNK:
            yield np.stack(orders)
            orders = []
    if orders:
        yield np.stack(orders)


class _Statistics:
    """What is summed over the rows that stand in the window, prepared once for all shuffles."""

    def __init__(
        self, values: NDArray[np.float64], before: int, strata: NDArray[np.int64] | None
    ) -> None:
        self.before, self.count = before, len(values)
        self.size = self.count - before
        known = np.isfinite(values)
        location = np.stack([normal_scores(column) for column in values.T], axis=1)
        location = _standardised(location, known, strata)
        dispersion = _standardised(location**2, known, strata)
        self.width = location.shape[1]
        self.partly = np.flatnonzero(~known.all(axis=0))
        self.known = known.astype(np.float32)[:, self.partly]
        self.known_count = known.sum(axis=0).astype(np.float32)
        self.location = location.astype(np.float32)
        joint = _known_alike(known, before)
        self.whiteners = {
            "hotelling": _whitener(location, joint, 0.1),
            "hotelling shrunk": _whitener(location, joint, 1.0),
        }
        kernel = _kernel_features(location @ self.whiteners["hotelling shrunk"])
        self.features = np.concatenate(
            [self.location, dispersion.astype(np.float32), kernel, self.known], axis=1
        )
        levels = min(MAX_LEVELS, int(np.log2(max(self.size / MIN_PART, 1))))
        self.block_count = 2**levels
        self.starts = np.linspace(0, self.size, self.block_count + 1).astype(np.int64)[:-1]

    def over(self, orders: Iterator[NDArray[np.int64]]) -> tuple[dict[str, Floats], Floats]:
        """Every statistic (shuffles,), and the largest of each property (shuffles, p)."""
        tables: dict[str, list[Floats]] = {}
        by_property = []
        for chunk in orders:
            window = chunk[:, self.before :]
            statistics, properties = self._whole(window)
            if self.block_count > 1:
                statistics |= self._parts(window)
            for name, values in statistics.items():
                tables.setdefault(name, []).append(values)
            by_property.append(properties)
        return {name: np.concatenate(each) for name, each in tables.items()}, np.concatenate(
            by_property
        )

    def _whole(self, window: NDArray[np.int64]) -> tuple[dict[str, Floats], Floats]:
        membership = np.zeros((len(window), self.count), np.float32)
        np.put_along_axis(membership, window, 1.0, axis=1)
        sums = membership @ self.features
        location, dispersion, kernel, known = np.split(
            sums,
            np.cumsum(
                [self.width, self.width, self.features.shape[1] - 2 * self.width - len(self.partly)]
            ),
            axis=1,
        )
        spread = self._spread(known, np.full(len(window), self.size, np.float32))
        location_z, dispersion_z = np.abs(location / spread), np.abs(dispersion / spread)
        statistics = {
            "location": location_z.max(axis=1),
            "dispersion": dispersion_z.max(axis=1),
            "kernel": np.sum(kernel**2, axis=1),
        }
        for name, whitener in self.whiteners.items():
            statistics[name] = np.sum((location @ whitener) ** 2, axis=1)
        return statistics, np.maximum(location_z, dispersion_z)

    def _parts(self, window: NDArray[np.int64]) -> dict[str, Floats]:
        """The largest over halves, quarters and so on of the window."""
        location = np.add.reduceat(self.location[window], self.starts, axis=1)
        known = np.add.reduceat(self.known[window], self.starts, axis=1)
        sizes = np.diff([*self.starts, self.size]).astype(np.float32)
        largest = np.zeros(len(window), np.float32)
        hotelling = np.zeros(len(window), np.float32)
        while location.shape[1] > 1:
            flat = location.reshape(-1, self.width)
            flat_sizes = np.tile(sizes, len(window))
            spread = self._spread(known.reshape(len(flat), -1), flat_sizes)
            z = np.abs(flat / spread).reshape(len(window), -1)
            np.maximum(largest, z.max(axis=1), out=largest)
            squares = np.sum((flat @ self.whiteners["hotelling shrunk"]) ** 2, axis=1)
            squares /= flat_sizes * (self.count - flat_sizes) / self.count
            np.maximum(hotelling, squares.reshape(len(window), -1).max(axis=1), out=hotelling)
            location = location[:, ::2] + location[:, 1::2]
            known = known[:, ::2] + known[:, 1::2]
            sizes = sizes[::2] + sizes[1::2]
        return {"part location": largest, "part hotelling": hotelling}

    def _spread(self, known: Floats, sizes: Floats) -> Floats:
        """Standard deviations (m, p) of sums of standardised scores of which `known` (m, partly
        known properties) are summed, and `sizes` (m,) of the others."""
        summed = np.repeat(sizes[:, None], self.width, axis=1)
        summed[:, self.partly] = known
        variance = summed * (self.known_count - summed) / np.maximum(self.known_count - 1, 1)
        spread: Floats = np.sqrt(np.maximum(variance, 0))
        spread[spread < 1e-6] = np.inf
        return spread


def _standardised(
    scores: NDArray[np.float64], known: NDArray[np.bool_], strata: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Mean 0 (in each stratum) and variance 1 over the known values; 0 where one is not known."""
    groups = np.zeros(len(scores), np.int64) if strata is None else strata
    result = np.where(known, scores, 0.0)
    for group in np.unique(groups):
        rows = groups == group
        counts = np.maximum(known[rows].sum(axis=0), 1)
        result[rows] -= result[rows].sum(axis=0) / counts
    result = np.where(known, result, 0.0)
    spread = np.sqrt((result**2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    standardised: NDArray[np.float64] = np.where(
        spread > 1e-9, result / np.maximum(spread, 1e-9), 0.0
    )
    return standardised


def _known_alike(known: NDArray[np.bool_], before: int) -> NDArray[np.bool_]:
    """Which properties both sides know about as often, (p,). Statistics over all properties take
    only these: where records of an older schema know less, that is no change of the pictures."""
    first, second = known[:before], known[before:]
    share = known.mean(axis=0)
    spread = np.sqrt(share * (1 - share) * (1 / len(first) + 1 / len(second)))
    alike: NDArray[np.bool_] = (
        np.abs(first.mean(axis=0) - second.mean(axis=0)) <= MAX_KNOWN_Z * spread + 1e-9
    )
    return alike


def _whitener(scores: NDArray[np.float64], joint: NDArray[np.bool_], shrinkage: float) -> Floats:
    """The matrix (p, joint ones) that makes scores uncorrelated as far as `shrinkage`, the variance
    added to each property, lets it: ever smaller directions are noise."""
    chosen = scores[:, joint]
    values, vectors = np.linalg.eigh(chosen.T @ chosen / len(scores))
    whitener = np.zeros((scores.shape[1], chosen.shape[1]), np.float32)
    whitener[joint] = vectors / np.sqrt(np.maximum(values, 0) + shrinkage)
    return whitener


def _kernel_features(scores: NDArray[np.float64], features: int = 64) -> Floats:
    """Random Fourier features (Rahimi and Recht, 2007) of Gaussian kernels of three widths around
    the median distance, centred: the squared length of their mean difference is the MMD (Gretton
    et al., 2012)."""
    random = np.random.default_rng(0)
    few = scores[random.permutation(len(scores))[:200]]
    distances = np.linalg.norm(few[:, None] - few[None], axis=2)
    median = float(np.median(distances[distances > 0])) if np.any(distances > 0) else 1.0
    parts = []
    for width in (0.5 * median, median, 2 * median):
        angles = scores @ random.normal(size=(scores.shape[1], features)) / width
        parts += [np.cos(angles), np.sin(angles)]
    result = np.concatenate(parts, axis=1)
    centred: Floats = (result - result.mean(axis=0)).astype(np.float32)
    return centred
