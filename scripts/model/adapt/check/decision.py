"""Decides which of the tried readings is right, or that the pictures do not tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scripts.accuracy.matching import MATCH_IOU, box_iou_batch
from scripts.model.adapt.check.pixel_schemes import scheme_index
from scripts.model.adapt.check.trial import MANY_BOXES, VariantTrial

# Enough evidence without labels: this many confirmed boxes with this mass, and a mass that is so
# many times the other's, on three pictures and more or on fewer.
MIN_CONFIRMED, MIN_CONFIRMED_FOR_ORDER, MIN_CONFIRMED_MASS = 3, 6, 1.5
TIMES_ON_THREE, TIMES_ON_FEWER = 2.0, 3.0
MIN_SHARE_OF_PICTURES = 2 / 3  # of those where either finds something
MIN_SHARE_KEPT = 0.5  # of what the other has confirmed
# With labels: AP50 higher by one over the root of the objects, but by 0.05 at least.
MIN_OBJECTS, MIN_AP50_MARGIN = 10, 0.05
# Less than this is no difference: of the confirmed score mass, and of that margin.
_NOTABLE_TIMES, _NOTABLE_MASS, _NOTABLE_SHARE = 1.15, 0.5, 0.5
_EQUAL_SHARE = 0.05

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
    best, chosen, rival = ranked[0], default, None
    outcome: Outcome = "default"
    if not any(trial.found for trial in trials):
        outcome = "nothing"
    else:
        good = [
            trial
            for trial in ranked
            if is_decisive(trial, default, objects)
            and not is_decisive(best, trial, objects)
            and not _is_placed_elsewhere(trial, default)
            and _has_enough(trial, default, objects)
        ]
        better = [
            trial
            for trial in ranked
            if _is_notable(trial, default, objects)
            and not _is_notable(best, trial, objects)
            and not _is_placed_elsewhere(trial, default)
        ]
        if good:
            outcome, chosen = "decided", _least_different(good, default)
        elif better:
            outcome, rival = "proposed", _least_different(better, default)
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
    rival = rival or (others[0] if others else None)
    return CheckDecision(
        outcome, measure_for(objects), default, chosen, rival, tuple(alike), objects
    )


def _has_enough(trial: VariantTrial, default: VariantTrial, objects: int) -> bool:
    """Whether there are enough boxes to tell what makes little difference; a wrong scale finds
    nothing, but a wrong order nearly as much."""
    is_hard_to_tell = bool({"order", "placing"} & set(trial.variant.axes_from(default.variant)))
    return (
        not is_hard_to_tell
        or measure_for(objects) == "ap50"
        or trial.confirmed >= MIN_CONFIRMED_FOR_ORDER
    )


def _is_placed_elsewhere(trial: VariantTrial, default: VariantTrial) -> bool:
    """Whether the same picture only lies elsewhere in the input, which is no evidence."""
    fits = {each.variant.reading.preprocessing.fit for each in (trial, default)}
    return "placing" in trial.variant.axes_from(default.variant) and "stretch" not in fits


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
    near = 0.0
    if measure_for(objects) == "ap50":
        near = max(_ap50(trial) for trial in trials) - _NOTABLE_SHARE * ap50_margin(objects)
    return sorted(
        trials,
        key=lambda trial: (
            trial.failure is not None,
            0.0 if _ap50(trial) >= near else 1 - _ap50(trial),
            trial.junk is not None,
            trial.found >= MANY_BOXES and not trial.is_evidence,
            -trial.confirmed_mass,
        ),
    )


def ap50_margin(objects: int) -> float:
    """By how much AP50 must be higher to be decisive."""
    return max(MIN_AP50_MARGIN, 1 / math.sqrt(objects))


def _is_notable(best: VariantTrial, default: VariantTrial, objects: int) -> bool:
    """Whether the best is so much better than the default that it is worth a word."""
    if best is default or best.failure:
        return False
    if measure_for(objects) == "ap50":
        difference = _ap50(best) - _ap50(default)
        if abs(difference) >= _NOTABLE_SHARE * ap50_margin(objects):
            return difference > 0
    if not best.is_evidence or best.confirmed < MIN_CONFIRMED:
        return False
    if default.failure or default.junk:
        return True
    least = max(_NOTABLE_TIMES * default.confirmed_mass, default.confirmed_mass + _NOTABLE_MASS)
    return best.confirmed_mass >= least and _keeps_finds(best, default)


def is_decisive(better: VariantTrial, worse: VariantTrial, objects: int) -> bool:
    """Whether the pictures leave no doubt that one reading is better than another."""
    if better is worse or better.failure:
        return False
    if measure_for(objects) == "ap50":
        return _ap50(better) - _ap50(worse) >= ap50_margin(objects)
    if (
        not better.is_evidence
        or better.confirmed < MIN_CONFIRMED
        or better.confirmed_mass < MIN_CONFIRMED_MASS
    ):
        return False
    if worse.failure or worse.junk:
        return True
    if not _keeps_finds(better, worse):
        return False
    sums = np.array(
        [
            [first.confirmed_mass, second.confirmed_mass]
            for first, second in zip(better.pictures, worse.pictures, strict=True)
        ]
    )
    counting = sums[sums.max(axis=1) > 0]
    times = TIMES_ON_THREE if len(counting) >= 3 else TIMES_ON_FEWER
    wins = float(np.mean(counting[:, 0] > counting[:, 1]))
    return better.confirmed_mass >= times * worse.confirmed_mass and wins >= MIN_SHARE_OF_PICTURES


def _keeps_finds(better: VariantTrial, worse: VariantTrial) -> bool:
    """Whether the better reading finds most of what the worse one has confirmed, too.

    What a wrong reading finds in earnest the right one finds, too; amplified noise finds others.
    """
    kept = total = 0.0
    for mine, other in zip(better.pictures, worse.pictures, strict=True):
        total += other.confirmed.sum()
        if len(mine.detections) and len(other.detections):
            pairs = (other.detections.boxes, mine.detections.boxes)
            overlaps = box_iou_batch(*(boxes.astype(np.float64) for boxes in pairs))
            kept += other.confirmed[overlaps.max(axis=1) >= MATCH_IOU].sum()
    return bool(kept >= MIN_SHARE_KEPT * total)


def _ap50(trial: VariantTrial) -> float:
    return trial.ap50 or 0.0
