"""Warnings about what the chosen reading finds on the pictures of --check."""

from __future__ import annotations

import dataclasses

import numpy as np

from scripts.model.adapt.check.run import VariantRunner
from scripts.model.adapt.check.trial import MAX_SHARE_ALIKE, PictureTrial, VariantTrial
from scripts.model.adapt.class_ids import ClassAssignment
from scripts.model.plurals import counted

_BORDER_PX, _FEW, _MANY = 1.0, 3, 10
_FEW_ODD, _ODD_SHARE = 2, 0.2  # one box of a whole picture is a fridge seen from within
_MOST = 0.8  # of the boxes
_ALIKE_SIDES = 0.01
_MORE_LABELS = 20  # beyond the last one that has a name


def list_findings(trial: VariantTrial, runner: VariantRunner) -> list[str]:
    """A sentence for each: degenerate boxes, boxes that are alike, labels without a name."""
    found = trial.found
    if not found:
        return ["nothing is found on the pictures of --check"]
    warnings = []
    if trial.junk:
        warnings.append(f"this looks like junk: {trial.junk}; --format, --scale and --order decide")
    elif trial.odd_boxes >= max(_FEW_ODD, _ODD_SHARE * found):
        warnings.append(
            f"{trial.odd_boxes} of {counted(found, 'box')} on the pictures of --check have no size "
            "or fill the whole picture"
        )
    if found >= _FEW:
        at_border = sum(_count_at_border(picture) for picture in trial.pictures)
        if at_border >= _MOST * found:
            warnings.append(
                f"{at_border} of {found} boxes lie at their picture's border: are --units, "
                "--coding and --fit right?"
            )
        if trial.share_alike >= MAX_SHARE_ALIKE:
            warnings.append(
                "the boxes lie at the same places in every picture of --check, whatever it shows; "
                "give it pictures that differ"
            )
    if found >= _MANY:
        if _have_one_size(trial):
            warnings.append(f"all {found} boxes are of one size: is --coding right?")
        labels = {int(label) for each in trial.pictures for label in each.detections.class_ids}
        if len(labels) == 1 and len(trial.class_names) > 2 and len(trial.pictures) > 1:
            name = trial.class_names[labels.pop()]
            warnings.append(
                f"all {found} boxes are {name!r}, one of {len(trial.class_names)} classes: is that "
                "so on these pictures? --class-offset and --background say where classes start"
            )
    return warnings + _warn_of_unnamed(trial, runner)


def _count_at_border(trial: PictureTrial) -> int:
    boxes, size = trial.detections.boxes, (trial.width - _BORDER_PX, trial.height - _BORDER_PX)
    is_at = (boxes[:, :2] <= _BORDER_PX).any(axis=1) | (boxes[:, 2:] >= size).any(axis=1)
    return int(np.count_nonzero(is_at))


def _have_one_size(trial: VariantTrial) -> bool:
    """Whether no side differs from the mean one by more than a hundredth of it."""
    boxes = np.concatenate([each.relative_boxes for each in trial.pictures])
    sides = boxes[:, 2:] - boxes[:, :2]
    return bool(np.all(np.abs(sides - sides.mean(axis=0)) <= _ALIKE_SIDES * sides.mean(axis=0)))


def _warn_of_unnamed(trial: VariantTrial, runner: VariantRunner) -> list[str]:
    """Boxes of labels that have no name are left out, so they are looked for with stand-ins."""
    if trial.variant.reading.labels is None:
        return []

    def name_all(classes: ClassAssignment) -> ClassAssignment:
        numbers = range(max(classes.ids) + _MORE_LABELS)
        unnamed = tuple(number for number in numbers if number not in set(classes.ids))
        names = classes.names + tuple(f"label {number}" for number in unnamed)
        return dataclasses.replace(classes, names=names, ids=classes.ids + unnamed)

    named = len(trial.class_names)
    everything = runner.run(trial.variant, name_all)
    labels = [
        everything.class_names[label].removeprefix("label ")
        for each in everything.pictures
        for label in each.detections.class_ids
        if label >= named
    ]
    if not labels:
        return []
    numbers = sorted(set(labels), key=int)
    shown = ", ".join(numbers[:5]) + ("…" if len(numbers) > 5 else "")
    return [
        f"{counted(len(labels), 'box')} on the pictures of --check have labels without a name "
        f"({shown}) and are left out: is a name missing, or --class-offset wrong?"
    ]
