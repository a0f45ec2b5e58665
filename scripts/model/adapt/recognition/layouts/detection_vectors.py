"""Boxes, scores and labels after NMS as vectors of one length, and how many of them are real.

Which vector is which, and what the boxes are in, is read off the values of detections; names count
only where there are no values. Rows of padding are no detections: behind the count, with a score
of 0, a label of -1, or a box of zeros.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from scripts.model.adapt.preprocessing import IMAGENET_MEAN
from scripts.model.adapt.reading import OutputSlice
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.model.adapt.recognition.observed_output import ObservedOutput

_SCORE_NAMES = r"score|conf|prob"
_LABEL_NAMES = r"label|class|cls|categor"
_COUNT_NAMES = r"num|count|valid"
_MAX_NORMALISED = 2.0  # no box in 0..1 reaches beyond the picture by the picture's own size


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

    @property
    def names(self) -> str:
        return f"{self.boxes.name}, {self.scores.name} and {self.labels.name}"

    @cached_property
    def real_boxes(self) -> NDArray[np.float64]:
        """The boxes of all detections on all trial pictures, [n, 4]."""
        return np.concatenate([boxes for boxes, _ in self._real_rows])

    @cached_property
    def real_labels(self) -> frozenset[int]:
        return frozenset(round(float(n)) for _, labels in self._real_rows for n in labels)

    @cached_property
    def has_normalised_boxes(self) -> bool | None:
        """Whether boxes are in 0..1 rather than px; None without a detection."""
        boxes = self.real_boxes
        return bool(np.quantile(np.abs(boxes), 0.99) <= _MAX_NORMALISED) if len(boxes) else None

    @cached_property
    def is_torchvision(self) -> bool:
        """Whether the graph itself shows torchvision: no batch around its picture, ImageNet's mean
        inside, or RoiAlign; and no label 0, which is its background."""
        if 0 in self.real_labels:
            return False
        graph = self.model.foreign.model.graph
        constants = [a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute]
        return (
            self.model.foreign.image.rank == 3
            or any(node.op_type == "RoiAlign" for node in graph.node)
            or any(_is_imagenet_mean(tensor) for tensor in (*graph.initializer, *constants))
        )

    @property
    def has_torchvision_names(self) -> bool:
        names = {output.lower_name for output in (self.boxes, self.scores, self.labels)}
        return names == {"boxes", "scores", "labels"}

    @cached_property
    def _real_rows(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Boxes and labels of detections, for each trial picture."""
        counts = next((o for o in self.model.outputs if o.name == self.count_output), None)
        found = []
        for index, boxes in enumerate(self.boxes.samples):
            rows = np.asarray(boxes, np.float64).reshape(-1, 4)
            scores, labels = (
                np.asarray(output.samples[index], np.float64).reshape(-1)
                for output in (self.scores, self.labels)
            )
            if not len(rows) == len(scores) == len(labels):
                continue
            is_real = (scores > 0) & np.isfinite(labels) & (labels >= 0) & (labels < 2**31)
            is_real &= rows.any(1) & np.isfinite(rows).all(1)
            if counts is not None:
                is_real &= np.arange(len(rows)) < float(counts.samples[index].reshape(-1)[0])
            found.append((rows[is_real], labels[is_real]))
        return found or [(np.zeros((0, 4)), np.zeros(0))]


def _is_imagenet_mean(tensor: onnx.TensorProto) -> bool:
    if int(np.prod(tensor.dims)) != 3:
        return False
    try:
        values = numpy_helper.to_array(tensor).astype(np.float64).ravel()
    except (TypeError, ValueError):
        return False
    return bool(np.allclose(np.abs(values), IMAGENET_MEAN, atol=1e-3))


def find_detection_vectors(model: ObservedModel) -> DetectionVectors | None:
    box_outputs = [o for o in model.outputs if (t := o.table_shape) is not None and t[1] == 4]
    for boxes in sorted(box_outputs, key=lambda o: "raw" in o.lower_name):
        assert boxes.table_shape is not None
        detection_count = boxes.table_shape[0]
        others = [o for o in model.outputs if o is not boxes]
        count = _find_count(others, detection_count)
        vectors = [o for o in others if o is not count and o.vector_length == detection_count]
        roles = _scores_and_labels(vectors)
        if roles is not None:
            return DetectionVectors(model, boxes, *roles, count.name if count else None)
    return None


def _find_count(others: Sequence[ObservedOutput], detection_count: int) -> ObservedOutput | None:
    """The output that says how many rows are real: one whole number, at most so many.

    Where there is but one row, everything is a scalar, and the name has to tell.
    """
    scalars = [
        output
        for output in others
        if output.is_scalar
        and "box" not in output.lower_name
        and all(_is_count(array, detection_count) for array in output.samples)
    ]
    named = [output for output in scalars if re.search(_COUNT_NAMES, output.lower_name)]
    if named or detection_count == 1:
        return named[0] if named else None
    return scalars[0] if len(scalars) == 1 else None


def _is_count(array: np.ndarray, most: int) -> bool:
    if array.size != 1:
        return False
    value = float(array.reshape(-1)[0])
    return value == round(value) and 0 <= value <= most


def _scores_and_labels(
    vectors: Sequence[ObservedOutput],
) -> tuple[ObservedOutput, ObservedOutput] | None:
    """Scores are broken numbers in 0..1, labels are whole; names decide where values are all 0."""

    def is_broken(output: ObservedOutput) -> bool:
        values = output.finite_values()
        return bool(np.any(values != np.round(values)))

    def is_named(output: ObservedOutput, pattern: str) -> bool:
        return bool(re.search(pattern, output.lower_name))

    scores = sorted(
        vectors,
        key=lambda o: (
            not is_broken(o),
            o.is_integer,
            not is_named(o, _SCORE_NAMES),
            is_named(o, _LABEL_NAMES),
        ),
    )
    if not scores or scores[0].is_integer:
        return None
    labels = sorted(
        (output for output in vectors if output is not scores[0] and not is_broken(output)),
        key=lambda o: (not is_named(o, _LABEL_NAMES), not o.is_integer),
    )
    return (scores[0], labels[0]) if labels else None
