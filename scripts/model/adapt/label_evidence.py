"""The labels that a graph with NMS inside gave, without padding, and what the first one is.

Formats number their labels from 0 or from 1, and a label read from the wrong one is the next
class's. So what was seen counts before what is usual.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.reading import FormatReading, OutputSlice
from scripts.model.plurals import counted

_MIN_SCORE = 1e-3  # lower ones are padding that is not quite 0


def find_real_labels(
    foreign: ForeignModel, reading: FormatReading, above: float = _MIN_SCORE
) -> frozenset[int]:
    """The labels of rows that are detections: with a score above `above`, a label of 0 or more, a
    box that is not all 0, and before the count where there is one. Empty for no column of labels.
    """
    if reading.labels is None:
        return frozenset()
    samples = {output.name: output.samples for output in foreign.outputs}
    found: set[int] = set()
    for index in range(len(samples[reading.labels.outputs[0]])):

        def columns(part: OutputSlice, index: int = index) -> NDArray[np.float64]:
            array = np.asarray(samples[part.outputs[0]][index], np.float64)
            if part.layout == "columns":
                array = array.reshape(part.width, -1).T
            return array.reshape(-1, part.width)[:, part.first : part.last]

        labels, scores = columns(reading.labels)[:, 0], columns(reading.scores)[:, 0]
        boxes = columns(reading.boxes)
        if not len(labels) == len(scores) == len(boxes):
            continue
        is_real = np.isfinite(labels) & (labels >= -0.5) & (labels < 2**31) & (scores > above)
        is_real &= boxes.any(1)
        if reading.count_output is not None:
            count = float(np.asarray(samples[reading.count_output][index]).reshape(-1)[0])
            is_real &= np.arange(len(labels)) < count
        found |= {round(float(label)) for label in labels[is_real]}
    return frozenset(found)


@dataclass(frozen=True)
class LabelBase:
    """first: the label of the first name. note, warnings: sentences for the user."""

    first: int
    note: str | None = None
    warnings: tuple[str, ...] = ()


def find_base(
    name_count: int,
    reading: FormatReading,
    seen_labels: Collection[int],
    file_starts_at_0: bool = False,
) -> LabelBase:
    """The first label by what was seen, else by the format's convention.

    A label 0 is nobody's background: networks with NMS inside leave background out. Where the
    convention is a mere assumption, the numbers in the file's own names count, and a last label
    that is the number of names shows a first of 1. file_starts_at_0: whether those are from 0.
    """
    first = reading.class_offset
    if first not in (0, 1):
        return LabelBase(first)
    if 0 in seen_labels:
        usual = "" if first == 0 else f", which {reading.format} does not have otherwise"
        return LabelBase(0, f"labels from 0: the graph gave the label 0{usual}")
    if not reading.is_class_offset_assumed:
        return LabelBase(first, f"labels from {first}, as {reading.format} numbers them")
    if file_starts_at_0:
        return LabelBase(0, "labels from 0, as the file numbers its names")
    if seen_labels and max(seen_labels) == name_count:
        names = counted(name_count, "name")
        return LabelBase(1, f"labels from 1: the graph gave the label {name_count}, of {names}")
    shown = ", ".join(map(str, sorted(seen_labels)[:5])) + ("…" if len(seen_labels) > 5 else "")
    saw = f"the labels that it gave ({shown}) fit both" if seen_labels else "it gave no label yet"
    doubt = (
        f"whether labels start at 0 or 1 is not certain: {saw}, and {first} is taken by "
        f"convention; look at the names that --check draws (--class-offset {1 - first} otherwise)"
    )
    return LabelBase(first, f"labels from {first}, by convention", (doubt,))
