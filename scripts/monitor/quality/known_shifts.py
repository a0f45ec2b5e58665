"""How wrong the scores are under shifts that the reference knows, and how far a window lies from
them.

Each corruption of the reference is a line through the space of fingerprints, from no change over
its strengths to the strongest, and along it runs what the scores got wrong: true accuracy less what
they said, on the scale of `to_scale`. A window takes the error of the lines near it. Each
signature, left out in turn, alone and with all of its corruption, says how far off such an error is
at which distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import expit, logit

from scripts.monitor.quality.calibration import ScoreCalibration
from scripts.records.observations import IMAGE_PROPERTIES
from scripts.records.reference import Accuracy, Signature

FIGURES = ("ap50", "precision", "recall", "count_bias")
_CLIP = 0.005  # fractions so near to 0 or 1 are all alike
_SOFTNESS = 0.5  # lines up to about this much farther away than the nearest have a say
_OUTPUT_WEIGHT = 2.0
_OF_PICTURES = frozenset(IMAGE_PROPERTIES)
_LEAST_REACH = np.array([0.02, 0.02, 0.02, 0.005])
_FITS = 4


@dataclass(frozen=True, eq=False)
class Line:
    """One corruption. points: (k, p), the first is no change. errors: (k, 4) at each point."""

    name: str
    points: NDArray[np.float64]
    errors: NDArray[np.float64]

    def without(self, index: int) -> Line:
        return Line(self.name, np.delete(self.points, index, 0), np.delete(self.errors, index, 0))


@dataclass(frozen=True, eq=False)
class KnownShifts:
    """names: of the properties of the space. reach_factors: (4, 3), how far off an error may be: a
    constant, by the distance, and by the size of the error itself. limit: the distance beyond which
    nothing is known."""

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    reach_factors: NDArray[np.float64]
    limit: float

    def error_at(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """What scores get wrong at a point, (4,), and its distance from the nearest line."""
        return _interpolate(self.lines, point)

    def nearest(self, point: NDArray[np.float64]) -> str:
        """The corruption that the point lies nearest to."""
        return min(self.lines, key=lambda line: _nearest(line, point)[0]).name

    def reach(self, error: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
        """How far off that may be, (4,), at the coverage that the shifts were learned for."""
        parts = np.stack([np.ones(len(error)), np.full(len(error), distance), np.abs(error)], 1)
        return np.asarray((self.reach_factors * parts).sum(1), np.float64)


def to_scale(accuracy: Accuracy) -> NDArray[np.float64]:
    """FIGURES without bounds, (4,): logits of the fractions, ln(1 + count bias)."""
    fractions = np.clip([accuracy.ap50, accuracy.precision, accuracy.recall], _CLIP, 1 - _CLIP)
    return np.append(logit(fractions), np.log(max(1 + accuracy.count_bias, _CLIP)))


def from_scale(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """FIGURES of values on that scale, (4,)."""
    return np.append(expit(values[:3]), np.expm1(values[3]))


def to_point(effects: Mapping[str, float], names: Sequence[str]) -> NDArray[np.float64]:
    """The effects as coordinates; a property that is not known has not moved. What the model says
    counts more than what its pictures look like: it is nearer to what it gets wrong."""
    return np.array(
        [effects.get(name, 0.0) * (1.0 if name in _OF_PICTURES else _OUTPUT_WEIGHT)
         for name in names]
    )  # fmt: skip


def learn_shifts(
    signatures: Sequence[Signature],
    calibration: ScoreCalibration,
    names: Sequence[str],
    coverage: float,
) -> KnownShifts | None:
    """The shifts whose signatures tell their accuracy and their scores; None where fewer than two
    corruptions do, of which one could judge the other."""
    usable = [
        each for each in signatures if each.accuracy and each.score_counts and each.detections
    ]
    groups: dict[str, list[Signature]] = {}
    for each in usable:
        groups.setdefault(each.name or each.cause, []).append(each)
    if len(groups) < 2:
        return None
    lines = []
    for name, group in groups.items():
        points, errors = [np.zeros(len(names))], [np.zeros(len(FIGURES))]
        for each in group:
            said = calibration.accuracy(np.array(each.score_counts), each.detections or 0.0)
            assert each.accuracy is not None
            points.append(to_point(each.effects, names))
            errors.append(to_scale(each.accuracy) - to_scale(said))
        lines.append(Line(name, np.array(points), np.array(errors)))
    residuals, strongest = _leave_out(lines)
    factors = np.stack([_fit_reach(each, coverage) for each in residuals])
    factors[:, 0] = np.maximum(factors[:, 0], _LEAST_REACH)
    return KnownShifts(tuple(names), tuple(lines), factors, float(np.median(strongest)))


def _leave_out(lines: Sequence[Line]) -> tuple[NDArray[np.float64], list[float]]:
    """Each signature without itself, and without its corruption: (4, m, 3) with the distance, the
    size of the interpolated error, and how far off it is. And how far the strongest signature of
    each corruption lies from all others."""
    found, strongest = [], []
    for index, line in enumerate(lines):
        others = [*lines[:index], *lines[index + 1 :]]
        for row in range(1, len(line.points)):
            rest = [line.without(row)] if len(line.points) > 2 else []
            for known in ([*others, *rest], others) if rest else (others,):
                error, distance = _interpolate(known, line.points[row])
                off = np.abs(line.errors[row] - error)
                found.append(np.stack([np.full(len(off), distance), np.abs(error), off], 1))
        strongest.append(distance)
    return np.stack(found, axis=1), strongest


def _fit_reach(residuals: NDArray[np.float64], coverage: float) -> NDArray[np.float64]:
    """A constant, a factor of the distance and one of the error's size, (3,), whose sum holds
    `coverage` of the residuals: split conformal prediction with scaled residuals (Papadopoulos et
    al. 2002). residuals: (m, 3)."""
    parts = np.stack([np.ones(len(residuals)), residuals[:, 0], residuals[:, 1]], axis=1)
    off = np.minimum(residuals[:, 2], np.quantile(residuals[:, 2], 0.95))
    weight = np.ones(len(off))
    for _ in range(_FITS):  # a small error of a near signature tells as much as a large one
        factors = nnls(parts * weight[:, None], off * weight)[0]
        factors[0] = max(factors[0], _LEAST_REACH.min())
        weight = 1 / (parts @ factors)
    scaled = np.sort(residuals[:, 2] / (parts @ factors))
    rank = min(int(np.ceil((len(scaled) + 1) * coverage)), len(scaled)) - 1
    return np.asarray(factors * scaled[rank], np.float64)


def _interpolate(
    lines: Sequence[Line], point: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    distances, errors = zip(*(_nearest(line, point) for line in lines), strict=True)
    distance = np.array(distances)
    weights = np.exp(-0.5 * ((distance - distance.min()) / _SOFTNESS) ** 2)
    return weights @ np.array(errors) / weights.sum(), float(distance.min())


def _nearest(line: Line, point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Distance from a line, and the error at its nearest point."""
    start, step = line.points[:-1], np.diff(line.points, axis=0)
    length = np.maximum((step**2).sum(1), 1e-12)
    share = np.clip(((point - start) * step).sum(1) / length, 0, 1)
    distances = np.linalg.norm(point - start - share[:, None] * step, axis=1)
    best = int(distances.argmin())
    error = line.errors[best] + share[best] * (line.errors[best + 1] - line.errors[best])
    return float(distances[best]), error
