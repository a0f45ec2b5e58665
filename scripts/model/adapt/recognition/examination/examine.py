"""Tries a reading before it is believed: what it makes of the outputs on the trial pictures.

Boxes and scores of a right reading look like boxes and scores. Those of a wrong one seldom do: a
head before decoding has its boxes in one corner, logits are no probabilities, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from scripts.model.adapt.loading.trial_pictures import InputScale
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.examination import (
    box_objections,
    cell_objections,
    score_objections,
)
from scripts.model.adapt.recognition.examination.objection import Objection
from scripts.model.adapt.recognition.examination.trial_decoding import (
    DecodedTrial,
    ImpossibleReadingError,
    decode_trials,
    seen_labels,
)
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.plurals import counted

_MAX_LABEL = 20_000  # more than any data set of boxes has


@dataclass(frozen=True)
class Examination:
    """objections: sentences' ends, "it …", each naming what is seen and what would be expected.

    row_count: of the boxes that were looked at; with none, nothing speaks for the reading.
    """

    objections: tuple[Objection, ...]
    row_count: int

    @property
    def is_impossible(self) -> bool:
        return any(objection.strength == "impossible" for objection in self.objections)

    @property
    def is_refused(self) -> bool:
        return any(objection.strength != "weak" for objection in self.objections)

    @property
    def text(self) -> str:
        return "; ".join(objection.text for objection in self.objections)


class _Verdict(NamedTuple):
    objections: tuple[Objection, ...]
    row_count: int

    @property
    def badness(self) -> tuple[int, int]:
        strong = sum(objection.strength == "strong" for objection in self.objections)
        return strong, len(self.objections)


def examine(model: ObservedModel, reading: FormatReading) -> Examination:
    """Every objection to a reading, judged at the scale of pixels that it looks best at.

    The graph wants one scale, and on the others even a right reading may look wrong.
    """
    try:
        trials = decode_trials(model, reading)
    except ImpossibleReadingError as error:
        return Examination((Objection("impossible", str(error)),), 0)
    general = tuple(_general_objections(model, reading))
    verdicts = [
        _judge(model, reading, [trial for trial in trials if trial.scale == scale])
        for scale in _scales(reading, trials)
    ]
    seen = [verdict for verdict in verdicts if verdict.row_count] or verdicts
    best = min(seen, key=lambda verdict: verdict.badness)
    return Examination(general + best.objections, best.row_count)


def _scales(reading: FormatReading, trials: list[DecodedTrial]) -> list[InputScale]:
    """The scales that were tried, the reading's own first."""
    preprocessing = reading.preprocessing
    own: InputScale = "bytes" if preprocessing.scale == 255 else "unit"
    if any(preprocessing.mean):
        own = "normalised"
    return sorted({trial.scale for trial in trials}, key=lambda scale: (scale != own, scale))


def _judge(model: ObservedModel, reading: FormatReading, trials: list[DecodedTrial]) -> _Verdict:
    if reading.labels is not None:  # a score of 0 is padding's, too
        trials = [trial.select(trial.scores.max(1, initial=0) > 0) for trial in trials]
    row_count = sum(len(trial.boxes) for trial in trials)
    if not row_count:
        return _Verdict((), 0)
    objections = [
        *score_objections.list_objections(reading, trials),
        *box_objections.list_objections(model, reading, trials),
    ]
    if not any(objection.strength == "strong" for objection in objections):
        objections += cell_objections.list_objections(model, reading, trials)
    return _Verdict(tuple(objections), row_count)


def _general_objections(model: ObservedModel, reading: FormatReading) -> Iterator[Objection]:
    left_out = [
        output
        for output in model.outputs
        if output.name not in reading.outputs and output.name not in reading.ignored_outputs
    ]
    if left_out:
        names = ", ".join(f"{output.name} {list(output.shape)}" for output in left_out[:4])
        more = f" and {len(left_out) - 4} more outputs" if len(left_out) > 4 else ""
        yield Objection("strong", f"it leaves {names}{more} without a meaning")
    named = model.claims.class_count
    if reading.labels is None and named is not None:
        columns = reading.scores.column_count
        if named not in (columns, columns - (reading.background != "none")):
            yield Objection("strong", f"the file names {counted(named, 'class')}, it has {columns}")
    if reading.labels is not None:
        labels = seen_labels(model, reading)
        if (labels != labels.round()).any():
            value = labels[labels != labels.round()][0]
            yield Objection("strong", f"its labels are no whole numbers ({value:.4g})")
        elif (labels > _MAX_LABEL).any():
            yield Objection("strong", f"its labels reach {labels.max():.4g}")
