"""Decides which of the tried readings is right, or that the pictures do not tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scripts.model.adapt.check.pixel_schemes import scheme_index
from scripts.model.adapt.check.trial import VariantTrial

# Enough evidence without labels: this many confirmed boxes with this mass, and a mass that is so
# many times the other's, on several pictures or on one.
MIN_CONFIRMED, MIN_CONFIRMED_MASS = 3, 1.5
TIMES_ON_SEVERAL, TIMES_ON_ONE = 2.0, 3.0
MIN_SHARE_OF_PICTURES = 2 / 3  # of those where either finds something
# With labels: AP50 higher by one over the root of the objects, but by 0.05 at least.
MIN_OBJECTS, MIN_AP50_MARGIN = 10, 0.05
# Less than this is no difference: of the confirmed score mass, and of that margin.
_NOTABLE_TIMES, _NOTABLE_SHARE, _EQUAL_SHARE = 1.2, 0.5, 0.05

Measure = Literal["ap50", "confirmed_mass"]
Outcome = Literal["default", "decided", "proposed", "nothing"]


@dataclass(frozen=True, eq=False)
class CheckDecision:
    """The reading that the bundle gets, and by which measure.

    outcome: `default` keeps the format's default, `decided` replaces it, `proposed` keeps it though
    `rival` looks better, `nothing`: no reading finds anything. rival: the best beside the chosen.
    alike: other readings that these pictures do not tell from the chosen one, the better first.
    objects: how many labelled ones there are.
    """

    outcome: Outcome
    measure: Measure
    default: VariantTrial
    chosen: VariantTrial
    rival: VariantTrial | None
    alike: tuple[VariantTrial, ...]
    objects: int


def decide(trials: Sequence[VariantTrial], objects: int) -> CheckDecision:
    """trials: the default's first. objects: how many labelled ones there are.

    A reading replaces the default where it is decisively better. Of those that are not decisively
    worse than the best, that one is taken which differs from the default in the fewest ways, and of
    those that are equal there to 5 %, the commonest.
    """
    default, ranked = trials[0], rank(trials, objects)
    best, chosen = ranked[0], default
    outcome: Outcome = "default"
    if not any(trial.found for trial in trials):
        outcome = "nothing"
    elif is_decisive(best, default, objects):
        outcome = "decided"
        as_good = [trial for trial in ranked if not is_decisive(best, trial, objects)]
        good = [trial for trial in as_good if is_decisive(trial, default, objects)]
        chosen = _least_different(good, default)
    elif _is_notable(best, default, objects):
        outcome = "proposed"
    others = [trial for trial in ranked if trial is not chosen]
    alike = [
        trial
        for trial in others
        if outcome != "nothing"
        and trial.junk is None
        and trial.confirmed
        and not _is_notable(trial, chosen, objects)
        and not _is_notable(chosen, trial, objects)
    ]
    rival = others[0] if others else None
    return CheckDecision(
        outcome, measure_for(objects), default, chosen, rival, tuple(alike), objects
    )


def _least_different(good: Sequence[VariantTrial], default: VariantTrial) -> VariantTrial:
    def differences(trial: VariantTrial) -> int:
        return len(trial.variant.axes_from(default.variant))

    fewest = min(map(differences, good))
    simplest = [trial for trial in good if differences(trial) == fewest]
    enough = (1 - _EQUAL_SHARE) * simplest[0].confirmed_mass
    equal = [trial for trial in simplest if trial.confirmed_mass >= enough]
    return min(equal, key=lambda trial: scheme_index(trial.variant.reading.preprocessing))


def measure_for(objects: int) -> Measure:
    """AP50 where there are enough labelled objects, else the confirmed score mass."""
    return "ap50" if objects >= MIN_OBJECTS else "confirmed_mass"


def rank(trials: Sequence[VariantTrial], objects: int) -> list[VariantTrial]:
    """Best first: by AP50 where there are enough labels, but those near the best one, and all
    without labels, by confirmed score mass. Junk comes last; equal ones stay in their order."""
    near = math.inf
    if measure_for(objects) == "ap50":
        near = max(_ap50(trial) for trial in trials) - _NOTABLE_SHARE * ap50_margin(objects)
    return sorted(
        trials,
        key=lambda trial: (
            trial.failure is not None,
            trial.junk is not None,
            0.0 if math.isinf(near) or _ap50(trial) >= near else -_ap50(trial) + 2,
            -trial.confirmed_mass,
        ),
    )


def ap50_margin(objects: int) -> float:
    """By how much AP50 must be higher to be decisive."""
    return max(MIN_AP50_MARGIN, 1 / math.sqrt(objects))


def _is_notable(best: VariantTrial, default: VariantTrial, objects: int) -> bool:
    """Whether the best is so much better than the default that it is worth a word."""
    if best is default or best.failure or best.junk or not best.confirmed:
        return False
    if default.failure or default.junk:
        return True
    if measure_for(objects) == "ap50":
        difference = _ap50(best) - _ap50(default)
        if abs(difference) >= _NOTABLE_SHARE * ap50_margin(objects):
            return difference > 0
    return best.confirmed_mass >= _NOTABLE_TIMES * default.confirmed_mass


def is_decisive(better: VariantTrial, worse: VariantTrial, objects: int) -> bool:
    """Whether the pictures leave no doubt that one reading is better than another."""
    if better is worse or better.failure or better.junk:
        return False
    if measure_for(objects) == "ap50":
        return _ap50(better) - _ap50(worse) >= ap50_margin(objects)
    if better.confirmed < MIN_CONFIRMED or better.confirmed_mass < MIN_CONFIRMED_MASS:
        return False
    if worse.failure or worse.junk:
        return True
    sums = np.array(
        [
            [first.confirmed.sum(), second.confirmed.sum()]
            for first, second in zip(better.pictures, worse.pictures, strict=True)
        ]
    )
    counting = sums[sums.max(axis=1) > 0]
    times = TIMES_ON_SEVERAL if len(counting) > 1 else TIMES_ON_ONE
    wins = float(np.mean(counting[:, 0] > counting[:, 1]))
    return better.confirmed_mass >= times * worse.confirmed_mass and wins >= MIN_SHARE_OF_PICTURES


def _ap50(trial: VariantTrial) -> float:
    return trial.ap50 or 0.0
