"""How far a property moved, in units that a reader can compare between properties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.records.observations import round_property

MAX_EFFECT = 99.0


def shift_of(
    reference: NDArray[np.float64], window: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Medians of both (NaN left out), and their difference in the reference's robust standard
    deviations, within +-MAX_EFFECT. Where most of the reference is one value, its standard
    deviation is taken, and that of both sides where it is all one value."""
    before, after = (round_property(side[np.isfinite(side)]) for side in (reference, window))
    first, second = float(np.median(before)), float(np.median(after))
    spread = 1.4826 * float(np.median(np.abs(before - first)))
    if spread < 1e-9:
        # Medians of a property that is mostly one value hide what moves: its means tell.
        spread = float(np.std(before)) or float(np.std(np.concatenate([before, after])))
        difference = float(np.mean(after) - np.mean(before))
    else:
        difference = second - first
    effect = difference / spread if spread > 1e-12 else 0.0
    return first, second, float(np.clip(effect, -MAX_EFFECT, MAX_EFFECT))
