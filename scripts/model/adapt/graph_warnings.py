"""Warnings about NMS inside a graph: thresholds that requests cannot lower, unnamed labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.reading import FormatReading, OutputSlice


def list_warnings(
    foreign: ForeignModel, reading: FormatReading, class_ids: Sequence[int]
) -> list[str]:
    """A sentence for each; class_ids: the labels that have a name."""
    warnings = []
    if reading.nms_in_graph:
        warnings += _threshold_warnings(foreign.model.graph, reading.score_threshold)
    if reading.labels is not None:
        unnamed = sorted(_likely_labels(foreign, reading, reading.labels) - set(class_ids))
        if unnamed:
            warnings.append(
                f"the graph gave the label {unnamed[0]}, which has no name (named are "
                f"{min(class_ids)} to {max(class_ids)}): is --class-offset right?"
            )
    return warnings


def _threshold_warnings(graph: onnx.GraphProto, score_threshold: float) -> list[str]:
    inside = _score_threshold_inside(graph)
    score = "" if inside is None else f" (score {inside:g})"
    warnings = [
        f"NMS and its thresholds are inside the graph{score}: a request for lower scores or "
        "more overlap gets no more than that"
    ]
    if inside is not None and inside > score_threshold:
        warnings.append(
            f"the default score threshold {score_threshold:g} lies below the graph's own {inside:g}"
        )
    return warnings


def _score_threshold_inside(graph: onnx.GraphProto) -> float | None:
    """The constant score threshold of the graph's NonMaxSuppression, where it has one."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                constants[node.output[0]] = attribute.t
            if attribute.g.node:
                inside = _score_threshold_inside(attribute.g)
                if inside is not None:
                    return inside
    for node in graph.node:
        if node.op_type == "NonMaxSuppression" and len(node.input) > 4:
            tensor = constants.get(node.input[4])
            if tensor is not None:
                return float(numpy_helper.to_array(tensor).reshape(-1)[0])
    return None


def _likely_labels(foreign: ForeignModel, reading: FormatReading, labels: OutputSlice) -> set[int]:
    """Labels that the graph gave on noise with a score above the default threshold."""
    samples = {output.name: output.samples for output in foreign.outputs}
    likely: set[int] = set()
    for scores, numbers in zip(
        samples[reading.scores.outputs[0]], samples[labels.outputs[0]], strict=True
    ):
        is_likely = _first_column(scores, reading.scores) > reading.score_threshold
        likely |= {round(float(number)) for number in _first_column(numbers, labels)[is_likely]}
    return likely


def _first_column(table: np.ndarray, part: OutputSlice) -> NDArray[np.float64]:
    return np.asarray(table, np.float64).reshape(-1, part.width)[:, part.first]
