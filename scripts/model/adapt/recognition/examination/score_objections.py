"""Whether decoded scores look like a detector's: in 0..1, and low in most rows of a dense head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.examination.objection import Objection
from scripts.model.adapt.recognition.examination.trial_decoding import DecodedTrial

_TOLERANCE = 2e-3  # float16, and int8's steps
_MIN_ROWS = 10  # fewer may all be objects
_SURE = 0.9
_MAX_OF_TWO_SIGMOIDS = 0.732  # the sigmoid of 1


def list_objections(reading: FormatReading, trials: Sequence[DecodedTrial]) -> Iterator[Objection]:
    scores = np.concatenate([trial.scores for trial in trials])
    if not scores.size:
        yield Objection("strong", "it has no class")
        return
    if not np.isfinite(scores).all():
        yield Objection("strong", "its scores are not all finite")
        return
    if reading.labels is not None:  # the others of a row are 0
        scores = scores.max(1, keepdims=True)
    lowest, highest = float(scores.min()), float(scores.max())
    if lowest < -_TOLERANCE or highest > 1 + _TOLERANCE:
        yield Objection(
            "strong",
            f"its scores reach from {lowest:.3g} to {highest:.3g}; probabilities are in 0..1",
        )
        return
    if reading.labels is not None or len(scores) < _MIN_ROWS:
        return
    best = scores.max(1)
    sure = best.min() >= 0.5 - _TOLERANCE
    is_twice = reading.activation == "sigmoid" or best.max() < _MAX_OF_TWO_SIGMOIDS
    if sure and (is_twice or scores.shape[1] == 1):
        yield Objection(
            "strong",
            f"none of its {len(best)} best scores is below 0.5, as if they went through a sigmoid "
            "twice",
        )
    elif scores.shape[1] > 1 and (medians := np.median(scores, 0)).max() > _SURE:
        yield Objection(
            "strong",
            f"its class {int(medians.argmax())} scores above {_SURE:g} in most boxes: background "
            "or objectness, rather than a class",
        )
