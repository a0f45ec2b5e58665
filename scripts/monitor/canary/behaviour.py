"""Whether the new version behaves otherwise than the old one: the properties that are compared, by
how much they may differ, and the error that a release may spend on being stopped for nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from scripts.monitor.canary.randomization import Randomization, compare_versions
from scripts.monitor.canary.traffic import Shift
from scripts.records.observations import CLASS_SHARE, Observations

# A release that changes nothing is stopped in one of 1,000 cases at most. Half of that is spent by
# the last look, over all records, and the other half by looks on the way, each of which sees whole
# minutes since the first one. Their number is bounded, however long requests move: errors add up
# to at most their sum (Bonferroni).
LOOKS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30)  # minutes
LOOK_LEVEL, LAST_LEVEL = 0.000_05, 0.000_5
RELEASE_LEVEL = len(LOOKS) * LOOK_LEVEL + LAST_LEVEL
MIN_REQUESTS = 5  # of each version; of fewer nothing is said
MAX_CLASSES = 5  # whose shares are compared, the most frequent ones

Status = Literal["differs", "same", "undecided"]


@dataclass(frozen=True)
class Property:
    """name: in words. column: of Observations. margin: how much it may differ, in its own unit; of
    a ratio in shares of the old version's mean; of a logarithm as a factor."""

    name: str
    column: str
    kind: Literal["difference", "ratio", "logarithm"]
    margin: float


# With much traffic, a better model differs, too: only a difference of a size that matters counts.
PROPERTIES = (
    Property("objects a picture", "detections", "ratio", 0.10),
    Property("objects on a typical picture", "log_count", "logarithm", 1.10),
    Property("mean score", "score_mean", "difference", 0.05),
    Property("share of near misses", "near_miss_share", "difference", 0.10),
    Property("candidates below the score floor", "log_below_floor", "logarithm", 2.0),
    Property("area of a box", "log_box_area_mean", "logarithm", 1.25),
    Property("share of rejected requests", "is_rejected", "difference", 0.05),
)
CLASS_MARGIN = 0.10


@dataclass(frozen=True)
class Difference:
    """One property of both versions. live, new: the means, of logarithms the geometric means; None
    where unknown. change: by which it differs, as its margin is given. visible: the least change
    that so many requests would have shown. p_value: adjusted for all properties."""

    of: Property
    live: float | None
    new: float | None
    change: float | None
    visible: float | None
    p_value: float
    is_significant: bool

    @property
    def matters(self) -> bool:
        """Whether it is larger than the margin, up or down."""
        if self.change is None:
            return False
        if self.of.kind == "logarithm":
            return abs(math.log(self.change)) > math.log(self.of.margin)
        return abs(self.change) > self.of.margin


@dataclass(frozen=True)
class Behaviour:
    """What a look found. status: "same" where no difference is shown that matters, which is no
    proof of none. why: in words, where no property says it. live_requests, new_requests: how many
    were compared. minutes: since requests began to move, None for all of them."""

    status: Status
    live_version: str
    new_version: str
    live_requests: int
    new_requests: int
    minutes: int | None
    level: float
    differences: tuple[Difference, ...] = ()
    why: str = ""

    @property
    def found(self) -> tuple[Difference, ...]:
        """Those for which a release is stopped."""
        return tuple(each for each in self.differences if each.is_significant and each.matters)


def undecided(live_version: str, new_version: str, why: str) -> Behaviour:
    """Where there is nothing to compare."""
    return Behaviour("undecided", live_version, new_version, 0, 0, None, 0.0, why=why)


def compare_behaviour(shift: Shift, *, level: float, minutes: int | None = None) -> Behaviour:
    """Compare what both versions answered. minutes: that the shift is of, None for all."""
    live, new = (len(np.unique(shift.requests[rows])) for rows in (~shift.is_new, shift.is_new))
    facts = (shift.live_version, shift.new_version, live, new, minutes, level)
    if min(live, new) < MIN_REQUESTS:
        few = f"{new} requests to the new version and {live} to the old one are too few to compare"
        return Behaviour("undecided", *facts, why=few)
    properties = [*PROPERTIES, *_classes(shift.rows)]
    values = np.stack([_column(shift.rows, each.column) for each in properties], axis=1)
    test = compare_versions(values, shift.is_new, shift.requests, shift.minutes, level=level)
    if test.smallest > level:
        few = (
            f"{new} requests to the new version and {live} to the old one are too few: not even "
            "the largest difference would show"
        )
        return Behaviour("undecided", *facts, why=few)
    # A normal approximation, for the reader only; the decision is by the shuffles.
    reach = float(-ndtri(level / 2 / len(properties)))
    differences = tuple(
        _difference(each, values[:, place], shift.is_new, test, place, level, reach)
        for place, each in enumerate(properties)
    )
    result = Behaviour("same", *facts, differences)
    return Behaviour("differs", *facts, differences) if result.found else result


def _difference(
    of: Property,
    values: NDArray[np.float64],
    is_new: NDArray[np.bool_],
    test: Randomization,
    place: int,
    level: float,
    reach: float,
) -> Difference:
    live, new = (_mean(values[rows]) for rows in (~is_new, is_new))
    change, spread = float(test.differences[place]), float(test.spreads[place])
    unknown = live is None or new is None or not math.isfinite(change)
    p_value = float(test.p_values[place])
    if unknown or live is None or new is None:
        return Difference(of, live, new, None, None, p_value, False)
    is_significant = p_value <= level
    visible = reach * spread
    if of.kind == "ratio":
        scale = abs(live) if live else math.nan
        # Of nothing, anything is more.
        change = change / scale if live else math.inf if change > 0 else 0.0
        visible = visible / scale
    elif of.kind == "logarithm":
        change, visible = math.exp(change), math.exp(visible)
        live, new = (math.exp(each) - (of.column != "log_box_area_mean") for each in (live, new))
    return Difference(
        of, live, new, change, visible if math.isfinite(visible) else None, p_value, is_significant
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _column(rows: Observations, name: str) -> NDArray[np.float64]:
    if name == "is_rejected":
        return (~rows.is_prediction).astype(np.float64)
    if name in rows.facts:
        column: NDArray[np.float64] = rows.facts[name].astype(np.float64)
        return column
    return rows.matrix([name])[:, 0]


def _classes(rows: Observations) -> list[Property]:
    """The most frequent classes, by the records of both versions together."""
    shares = {}
    for name, column in rows.properties.items():
        if name.startswith(CLASS_SHARE) and np.isfinite(column).any():
            shares[name] = float(np.nanmean(column))
    if len(shares) < 2:
        return []  # the only class has all objects
    frequent = sorted(shares, key=lambda name: (-shares[name], name))[:MAX_CLASSES]
    return [
        Property(f"share of {name.removeprefix(CLASS_SHARE)}", name, "difference", CLASS_MARGIN)
        for name in frequent
    ]
