"""Planted shifts of synthetic traffic: `blur@day21`, `fewer:strong@day3.5`, from that time on.

A shift moves the properties of records, in the reference's robust standard deviations: by the
reference's own signature of the same cause where it has one, else by the plain rules below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scripts.monitor.result import CauseName
from scripts.records.fingerprint import measure_scale
from scripts.records.reference import Reference, Signature
from scripts.tool import ToolError

CAUSES: Mapping[str, CauseName] = {
    "blur": "defocused",
    "dark": "darker",
    "bright": "brighter",
    "noise": "noisier",
    "cast": "cast",
    "zoom": "rescaled",
    "jpeg": "jpeg",
    "fewer": "fewer objects",
    "more": "more objects",
    "foreign": "foreign pictures",
    "worse": "worse model",
    "stuck": "stuck camera",
    "camera": "new camera",
    "threshold": "changed threshold",
}
STRENGTHS = ("mild", "medium", "strong")
_FACTORS = {"mild": 0.5, "medium": 1.0, "strong": 2.0}  # of the rules
_SHIFT = re.compile(r"([a-z]+)(?::([a-z]+))?@day(\d+(?:\.\d+)?)")

# Medium strength, by property in robust standard deviations.
_RULES: Mapping[str, Mapping[str, float]] = {
    "blur": {"sharpness": -2.5, "focus": -3, "noise": -1, "contrast": -0.3, "score_mean": -1.5,
             "score_max": -0.8, "log_count": -0.7, "log_near_misses": 0.8,
             "log_bytes_per_pixel": -1.5},
    "dark": {"brightness": -2.5, "contrast": -1, "score_mean": -0.6, "log_count": -0.3},
    "bright": {"brightness": 2.5, "contrast": -1, "score_mean": -0.6, "log_count": -0.3},
    "noise": {"noise": 4, "sharpness": 2, "focus": 1, "score_mean": -0.8,
              "log_bytes_per_pixel": 2},
    "cast": {"red_to_green": 3, "blue_to_green": -2.5, "score_mean": -0.2},
    "zoom": {"log_box_area_mean": -3, "log_count": 0.8, "score_mean": -1, "sharpness": 1},
    "jpeg": {"jpeg_quality": -15, "log_bytes_per_pixel": -3, "sharpness": -0.8, "noise": -1,
             "score_mean": -0.5},
    "fewer": {"log_count": -1.8, "log_near_misses": -0.9},
    "more": {"log_count": 1.4, "log_near_misses": 0.9},
    "foreign": {"brightness": 1.5, "contrast": -2, "sharpness": 3, "focus": 2, "log_count": -4,
                "score_mean": -3, "score_max": -2.5, "log_near_misses": -2, "red_to_green": 2,
                "embedding_0": 3, "embedding_1": -3, "embedding_2": 2.5, "embedding_3": -2},
    "worse": {"score_mean": -2, "score_max": -1.5, "log_count": -1, "log_near_misses": 1.2},
    "camera": {"brightness": 0.8, "noise": -1, "log_bytes_per_pixel": -0.8},
    "stuck": {},
    "threshold": {},
}  # fmt: skip
_LUMA_MOVES = {"dark": -0.16, "bright": 0.16}  # of the luma histogram, of its whole width


@dataclass(frozen=True)
class Shift:
    """One planted shift. day: from the start of the traffic, 0 at its first instant."""

    name: str
    strength: str
    day: float

    @property
    def cause(self) -> CauseName:
        return CAUSES[self.name]

    def starts(self, start: datetime) -> datetime:
        """When it begins in traffic that begins at `start`."""
        return start + timedelta(days=self.day)


def parse_shift(text: str) -> Shift:
    """Read `NAME[:STRENGTH]@dayN`. Raises ToolError."""
    match = _SHIFT.fullmatch(text)
    if match is None or match[1] not in CAUSES or (match[2] or "medium") not in STRENGTHS:
        raise ToolError(
            f"{text!r} is no shift: expected such as blur@day21 or fewer:strong@day3.5, by one of "
            f"{', '.join(CAUSES)}; strengths are {', '.join(STRENGTHS)}"
        )
    return Shift(match[1], match[2] or "medium", float(match[3]))


class PropertyMover:
    """Moves rows of properties as one shift does. names: of the columns."""

    def __init__(self, shift: Shift, reference: Reference, names: Sequence[str]) -> None:
        self._names = list(names)
        self._signature = _find_signature(reference.signatures, shift)
        scale = measure_scale(reference.observations)
        self._scale = {
            name: (median, deviation)
            for name, median, deviation in zip(
                scale.names, scale.medians.tolist(), scale.deviations.tolist(), strict=True
            )
        }
        factor = _FACTORS[shift.strength]
        self._rule = {name: factor * by for name, by in _RULES[shift.name].items()}
        self._luma_move = _LUMA_MOVES.get(shift.name, 0.0) * factor

    def move(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rows (n, names) with the shift in them."""
        moved = rows.copy()
        if not len(rows):
            return moved
        for column, name in enumerate(self._names):
            if name in self._scale:
                moved[:, column] = self._move_one(name, rows[:, column])
        if self._luma_move and self._signature is None:
            self._move_luma(moved)
        return moved

    def _move_one(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """One property. A signature is of asinh(z), in which it is undone here."""
        median, deviation = self._scale[name]
        if self._signature is None:
            shifted: NDArray[np.float64] = values + self._rule.get(name, 0.0) * deviation
            return shifted
        effect = self._signature.effects.get(name, 0.0)
        spread = self._signature.spreads.get(name, 0.0)
        if not effect and not spread:
            return values
        scaled = np.arcsinh((values - median) / deviation)
        moved: NDArray[np.float64] = median + deviation * np.sinh(
            np.clip(scaled * np.exp(np.clip(spread, -3, 3)) + effect, -8, 8)
        )
        return moved

    def _move_luma(self, rows: NDArray[np.float64]) -> None:
        columns = [i for i, name in enumerate(self._names) if name.startswith("luma_")]
        if columns:
            bins = np.arange(len(columns))
            source = np.clip(bins - self._luma_move * len(bins), 0, len(bins) - 1)
            rows[:, columns] = [np.interp(source, bins, row) for row in rows[:, columns]]


def robust_scale(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Medians and robust standard deviations of columns (n, k), NaN left out; (k,) each. A column
    without numbers has a median of 0."""
    medians, deviations = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for column in range(values.shape[1]):
        known = values[:, column][np.isfinite(values[:, column])]
        if len(known):
            medians[column] = np.median(known)
            deviations[column] = 1.4826 * np.median(np.abs(known - medians[column]))
            if not deviations[column]:
                deviations[column] = known.std()
    return medians, deviations


def _find_signature(signatures: Sequence[Signature], shift: Shift) -> Signature | None:
    """The cause's weakest, middle or strongest signature."""
    of_cause = sorted(
        (each for each in signatures if each.cause == shift.cause and each.effects),
        key=lambda each: each.strength,
    )
    if not of_cause:
        return None
    return of_cause[round(STRENGTHS.index(shift.strength) / 2 * (len(of_cause) - 1))]
