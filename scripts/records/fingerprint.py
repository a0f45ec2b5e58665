"""How records lie against a reference, property by property: the fingerprint of a change.

Each value counts in robust standard deviations of the reference, z, as asinh(z): like z near the
reference, like ln(2z) far from it. So one picture of another world does not outweigh a hundred that
are a little darker, and yet what grows stays larger. Means and standard deviations of these are
smooth in the strength of a change and in the share of the pictures that it befell, which medians
are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.records.observations import CLASS_SHARE, PROPERTIES, Observations, round_property

MIN_KNOWN = 10  # values of a property, on either side
_MIN_SCALE = 1e-3  # of a property that does not vary, in its own units
_MIN_SPREAD = 0.05  # of asinh(z): the spread of a constant column is not ln 0


@dataclass(frozen=True, eq=False)
class Scale:
    """The reference's median and robust standard deviation of each property, (p,) each."""

    names: tuple[str, ...]
    medians: NDArray[np.float64]
    deviations: NDArray[np.float64]

    def transform(self, observations: Observations) -> NDArray[np.float64]:
        """asinh(z) of the properties, float64 (n, p); NaN where a value is not known."""
        values = observations.matrix(self.names)
        for column, name in enumerate(self.names):
            if name.startswith(CLASS_SHARE) and name not in observations.properties:
                values[:, column] = 0.0
        values = np.where(np.isfinite(values), round_property(values), np.nan)
        return np.arcsinh((values - self.medians) / self.deviations)


@dataclass(frozen=True)
class Fingerprint:
    """effects: by property, the mean of asinh(z) less that of what it is compared with; about the
    difference in robust standard deviations while that is small. spreads: ln of the ratio of the
    standard deviations of asinh(z)."""

    effects: Mapping[str, float]
    spreads: Mapping[str, float]


def measure_scale(reference: Observations) -> Scale:
    """The scale of the properties that enough records of the reference know."""
    classes = sorted(name for name in reference.properties if name.startswith(CLASS_SHARE))
    names, medians, deviations = [], [], []
    for name in (*PROPERTIES, *classes):
        values = reference.properties.get(name)
        if values is None or np.isfinite(values).sum() < MIN_KNOWN:
            continue
        values = round_property(values[np.isfinite(values)])
        names.append(name)
        medians.append(float(np.median(values)))
        deviations.append(_robust_deviation(values))
    return Scale(tuple(names), np.array(medians), np.array(deviations))


def compare(scale: Scale, before: NDArray[np.float64], after: NDArray[np.float64]) -> Fingerprint:
    """The fingerprint of `after` against `before`, both as `Scale.transform` makes them; of the
    properties that enough records of both know."""
    effects, spreads = {}, {}
    for name, old, new in zip(scale.names, before.T, after.T, strict=True):
        old, new = old[~np.isnan(old)], new[~np.isnan(new)]
        if min(len(old), len(new)) < MIN_KNOWN:
            continue
        effects[name] = float(new.mean() - old.mean())
        spreads[name] = float(np.log(_spread(new) / _spread(old)))
    return Fingerprint(effects, spreads)


def to_vector(
    effects: Mapping[str, float], spreads: Mapping[str, float], names: Sequence[str]
) -> NDArray[np.float64]:
    """Effects, then spreads of these properties, (2 p,); NaN for one that is not known."""
    return np.array([part.get(name, np.nan) for part in (effects, spreads) for name in names])


def rescale_effects(effects: Mapping[str, float], old: Scale, new: Scale) -> dict[str, float]:
    """Effects that were measured on one scale as another would measure them, about; properties that
    one of the scales does not know are left out."""
    ratios = {
        name: float(old.deviations[index] / new.deviations[new.names.index(name)])
        for index, name in enumerate(old.names)
        if name in new.names
    }
    return {
        name: float(np.arcsinh(np.sinh(effect) * ratios[name]))
        for name, effect in effects.items()
        if name in ratios
    }


def _spread(values: NDArray[np.float64]) -> float:
    return float(np.hypot(values.std(), _MIN_SPREAD))


def _robust_deviation(values: NDArray[np.float64]) -> float:
    """1.4826 times the median absolute deviation; of a column that is mostly one value, the
    standard deviation."""
    deviation = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    plain = float(values.std())
    if deviation < 0.1 * plain:
        deviation = plain
    return max(deviation, _MIN_SCALE)
