"""Hours and weekdays: comparing records with the reference's of the same time of the week.

Pictures of a Monday morning may well differ from those of a Sunday night, and a window has its own
mix of both. A reference of weeks of live records knows that; records are then compared within
their part of the week only. A reference of labelled pictures, or of some days, cannot know it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.records.observations import Observations

MIN_WEEKS = 3
MIN_REFERENCE = 10  # records of a stratum
HOURS = 4  # of a part of the day, UTC


@dataclass(frozen=True, eq=False)
class Seasons:
    """strata: int (r + n,) of the reference's rows and the window's, None where seasons are not
    considered; -1 is a part of the week of which the reference knows too little. note: says so."""

    strata: NDArray[np.int64] | None
    note: str | None


def find_seasons(reference: Observations, window: Observations) -> Seasons:
    """Strata of weekday or weekend by parts of the day, where the reference spans three weeks."""
    before, after = reference.facts["time"], window.facts["time"]
    known = before[~np.isnat(before)]
    span = (known.max() - known.min()) / np.timedelta64(7, "D") if len(known) else 0.0
    if span < MIN_WEEKS or np.isnat(before).any() or np.isnat(after).any():
        return Seasons(
            None,
            "Hours and weekdays are not considered: the reference holds no "
            f"{MIN_WEEKS} weeks of live records.",
        )
    strata = _part_of_week(np.concatenate([before, after]))
    labels, counts = np.unique(strata[: len(before)], return_counts=True)
    enough = labels[counts >= MIN_REFERENCE]
    if len(enough) < 2:
        return Seasons(
            None,
            "Hours and weekdays are not considered: the reference has too few records of each.",
        )
    return Seasons(np.where(np.isin(strata, enough), strata, -1), None)


def _part_of_week(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    hours = times.astype("datetime64[h]").astype(np.int64)
    days = hours // 24
    is_weekend = (days + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    part: NDArray[np.int64] = (hours % 24) // HOURS + np.where(is_weekend, 24 // HOURS, 0)
    return part
