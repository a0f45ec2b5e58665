"""Warnings about NMS inside a graph: thresholds that requests cannot lower, unnamed labels."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import numpy_helper

from scripts.model.adapt.label_evidence import find_real_labels
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.reading import FormatReading


def list_warnings(
    foreign: ForeignModel, reading: FormatReading, class_ids: Sequence[int]
) -> list[str]:
    """A sentence for each; class_ids: the labels that have a name."""
    warnings = []
    if reading.nms_in_graph:
        warnings += _threshold_warnings(foreign.model.graph, reading.score_threshold)
    if reading.labels is not None:
        seen = find_real_labels(foreign, reading)
        unnamed = sorted(seen - set(class_ids))
        if unnamed:
            lowest, highest = min(class_ids), max(class_ids)
            starts_at_1 = lowest == 0 not in seen and max(seen) == highest + 1
            doubt = (
                "do labels start at 1 (--class-offset 1), or is a name missing?"
                if starts_at_1
                else "is a name missing, or --class-offset wrong? Such boxes are left out"
            )
            warnings.append(
                f"the graph gave the label {unnamed[0]}, which has no name (named are {lowest} to "
                f"{highest}): {doubt}"
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
