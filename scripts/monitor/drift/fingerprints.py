"""Which known cause a window's fingerprint is most like.

Each corruption of the reference is a curve through the space of fingerprints, from no change over
its strengths on to somewhat more than the strongest. A window may be anywhere on a curve, and also
between no change and the curve, where only a part of its records has changed. What is left to the
nearest point is weighed against what chance leaves at this number of records, and against how far
one blur, say, differs from another. So direction counts more than strength, and properties that
always move together count once (a Mahalanobis distance).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from scripts.monitor.result import CauseName
from scripts.records.fingerprint import (
    Scale,
    compare,
    measure_scale,
    to_vector,
)
from scripts.records.observations import Observations
from scripts.records.reference import Reference, Signature

Vector = NDArray[np.float64]

_SHRINKAGE = 0.2  # of the covariance of chance towards its diagonal
_UNLIKE = 0.4  # of what moved: how far one way to bring a cause about differs from another
_UNLIKE_EVERYWHERE = 0.25  # of the root mean square over all properties
_STEPS = 6  # between two signatures
_BEYOND = 1.3  # times the strongest signature: the end of a curve
_MIN_PART = 0.2  # of a window that changed
_TEMPERATURE = 2.0  # of the scores, so that a probability is not surer than it should be


@dataclass(frozen=True, eq=False)
class Candidate:
    """A cause at its nearest point. explained: the share of the fingerprint's squared length, less
    what chance adds to it; below 0 where the nearest point is farther than no change."""

    name: CauseName
    probability: float
    explained: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """All causes that have a signature, the likeliest first. names: of the p properties that they
    and the window know; vector: (2 p,), how far each moved and spread."""

    candidates: tuple[Candidate, ...]
    names: tuple[str, ...]
    vector: Vector


def rank_causes(reference: Reference, window: Observations) -> Ranking | None:
    """None where the reference has no signatures, or too few records know anything."""
    scale = measure_scale(reference.observations)
    before, after = scale.transform(reference.observations), scale.transform(window)
    fingerprint = compare(scale, before, after)
    names = tuple(
        name
        for name in fingerprint.effects
        if any(name in each.effects for each in reference.signatures)
    )
    if not names or not reference.signatures:
        return None
    vector = to_vector(fingerprint.effects, fingerprint.spreads, names)
    pictures = min(each.pictures for each in reference.signatures)
    chance = _covariance_of_chance(scale, before, names)
    covariance = chance * (1 / len(after) + 1 / len(before) + 0.5 / pictures)
    everywhere = _UNLIKE_EVERYWHERE**2 * np.mean(vector**2)
    covariance[np.diag_indices(len(vector))] += (_UNLIKE * vector) ** 2 + everywhere
    root = np.linalg.cholesky(covariance)
    target = solve_triangular(root, vector, lower=True)
    by_chance = float(np.trace(chance)) * (1 / len(after) + 1 / len(before))
    length = max(float(vector @ vector) - by_chance, 0.2 * float(vector @ vector))
    best: dict[str, tuple[float, float]] = {}
    for cause, points in _curves(reference.signatures, names):
        whitened = solve_triangular(root, points.T, lower=True).T
        distance, index, part = _nearest(target, whitened)
        if cause not in best or distance < best[cause][0]:
            left = vector - part * points[index]
            best[cause] = (distance, 1 - max(float(left @ left) - by_chance, 0.0) / length)
    order = sorted(best, key=lambda cause: best[cause][0])
    scores = -0.5 * np.array([best[cause][0] for cause in order]) / _TEMPERATURE
    weights = np.exp(scores - scores.max())
    candidates = tuple(
        Candidate(cause, float(weight / weights.sum()), best[cause][1])  # type: ignore[arg-type]
        for cause, weight in zip(order, weights, strict=True)
    )
    return Ranking(candidates, names, vector)


def _covariance_of_chance(scale: Scale, before: Vector, names: Sequence[str]) -> Vector:
    """Of a fingerprint's vector, for one record: (2 p, 2 p), by the influence of each record of the
    reference on the means and on the logarithms of the standard deviations."""
    columns = before[:, [scale.names.index(name) for name in names]]
    means = np.nanmean(columns, axis=0)
    deviations = np.sqrt(np.nanvar(columns, axis=0)) + 0.05
    centred = np.nan_to_num(columns - means)
    influence = np.hstack([centred, ((centred / deviations) ** 2 - 1) / 2])
    covariance = influence.T @ influence / len(influence)
    diagonal = np.diag(np.diag(covariance) + 1e-3)
    shrunk: Vector = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * diagonal
    return shrunk


def _curves(signatures: Sequence[Signature], names: Sequence[str]) -> Iterator[tuple[str, Vector]]:
    """The cause and the points (k, 2 p) of each corruption's curve, weakest first."""
    for _, group in groupby(signatures, key=lambda each: (each.cause, each.name)):
        members = list(group)
        vectors = [to_vector(each.effects, each.spreads, names) for each in members]
        stations = np.array([np.zeros(2 * len(names)), *vectors])
        order = np.argsort(np.linalg.norm(np.nan_to_num(stations), axis=1), kind="stable")
        stations = stations[order]
        for weaker, stronger in pairwise(stations):
            # Where nothing is found any more, boxes are as they were last seen.
            unknown = np.isnan(stronger)
            stronger[unknown] = weaker[unknown]
        points = [
            first + step * (second - first)
            for first, second in pairwise(stations)
            for step in np.arange(1, _STEPS + 1) / _STEPS
        ]
        yield members[0].cause, np.array([*points, _BEYOND * stations[-1]])


def _nearest(target: Vector, points: Vector) -> tuple[float, int, float]:
    """The squared distance from the nearest point or a part of it, which one, and the part."""
    lengths = np.maximum((points**2).sum(axis=1), 1e-12)
    parts = np.clip(points @ target / lengths, _MIN_PART, 1.0)
    distances = ((target - parts[:, None] * points) ** 2).sum(axis=1)
    index = int(distances.argmin())
    return float(distances[index]), index, float(parts[index])
