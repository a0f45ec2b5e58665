"""Boxes, scores and labels after NMS as vectors of one length, and how many of them are real."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scripts.model.adapt.reading import OutputSlice
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput


@dataclass(frozen=True, eq=False)
class DetectionVectors:
    """After NMS: boxes [N, 4], scores [N] and labels [N]; count_output says how many are real."""

    model: ObservedModel
    boxes: ObservedOutput
    scores: ObservedOutput
    labels: ObservedOutput
    count_output: str | None

    @property
    def boxes_slice(self) -> OutputSlice:
        return OutputSlice((self.boxes.name,), 4)

    @property
    def scores_slice(self) -> OutputSlice:
        return OutputSlice((self.scores.name,), 1)

    @property
    def labels_slice(self) -> OutputSlice:
        return OutputSlice((self.labels.name,), 1)


def find_detection_vectors(model: ObservedModel) -> DetectionVectors | None:
    box_outputs = [o for o in model.outputs if (t := o.table_shape) is not None and t[1] == 4]
    count = next(
        (
            o
            for o in model.outputs
            if re.search(r"num|count|valid", o.lower_name)
            and "box" not in o.lower_name
            and o.is_scalar
        ),
        None,
    )
    for boxes in sorted(box_outputs, key=lambda o: "raw" in o.lower_name):
        assert boxes.table_shape is not None
        detection_count = boxes.table_shape[0]
        vectors = [
            o
            for o in model.outputs
            if o is not boxes and o is not count and o.vector_length == detection_count
        ]
        labels = next(
            (o for o in vectors if re.search(r"label|class|cls|categor", o.lower_name)), None
        )
        scores = next((o for o in vectors if re.search(r"score|conf|prob", o.lower_name)), None)
        labels = labels or next((o for o in vectors if o.is_integer and o is not scores), None)
        scores = scores or next((o for o in vectors if not o.is_integer and o is not labels), None)
        if labels is not None and scores is not None:
            return DetectionVectors(model, boxes, scores, labels, count.name if count else None)
    return None
