"""Measures how much each group of layers costs in accuracy when it alone is int8.

The error is measured on the candidates, the boxes and scores that enter NMS: it needs no labels and
a few pictures suffice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from tqdm import tqdm

from scripts.model.candidates import Candidates
from scripts.model.quantize.calibration import Feed
from scripts.model.quantize.edits import to_int8
from scripts.model.quantize.layers import WEIGHTED_OPS, LayerGroup, find_nms

SENSITIVITY_PICTURES = 6
MAX_ERROR = 2.0


@dataclass(frozen=True)
class GroupSensitivity:
    """The error that int8 in one group alone brings into the candidates, from 0 to MAX_ERROR.

    layer: the name of the group's first node. layers: how many the group has.
    """

    layer: str
    layers: int
    error: float


def measure_sensitivity(
    prepared: onnx.ModelProto,
    feeds: Sequence[Feed],
    groups: Sequence[LayerGroup],
    work_dir: Path,
    *,
    score_floor: float,
    reduce_range: bool = False,
) -> list[GroupSensitivity]:
    """The sensitivity of each group, as a mean over the first SENSITIVITY_PICTURES feeds.

    The error of a picture is the mean of |score - float score| + 1 - IoU(box, float box) over the
    candidates that the float graph scores above `score_floor`. Raises ToolError.
    """
    test_feeds = feeds[:SENSITIVITY_PICTURES]
    float_session = open_candidates_session(prepared)
    expected = [run_candidates(float_session, feed) for feed in test_feeds]
    op_types = {node.name: node.op_type for node in prepared.graph.node}
    sensitivities = []
    for group in tqdm(groups, unit="group", desc="sensitivity", disable=None, leave=False):
        model = to_int8(prepared, feeds, [group], work_dir, reduce_range=reduce_range)
        session = open_candidates_session(model)
        error = np.mean(
            [
                _candidates_error(run_candidates(session, feed), reference, score_floor)
                for feed, reference in zip(test_feeds, expected, strict=True)
            ]
        )
        layers = sum(op_types[name] in WEIGHTED_OPS for name in group.nodes)
        sensitivities.append(GroupSensitivity(group.nodes[0], layers, float(error)))
    return sensitivities


def open_candidates_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session on one thread whose only outputs are the candidates. Raises ToolError."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    boxes, scores = find_nms(model).input[:2]
    del model.graph.output[:]
    for name in (boxes, scores):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run_candidates(session: onnxruntime.InferenceSession, feed: Feed) -> Candidates:
    """The candidates of one picture. Thresholds in the feed that the session lacks are ignored."""
    input_names = {item.name for item in session.get_inputs()}
    boxes, scores = session.run(None, {key: feed[key] for key in feed if key in input_names})
    return Candidates(boxes, scores)


def _candidates_error(candidates: Candidates, expected: Candidates, score_floor: float) -> float:
    """The mean distance of candidates from those of the float graph, 0 to MAX_ERROR."""
    boxes, scores = candidates.boxes, candidates.scores
    if boxes.shape != expected.boxes.shape or scores.shape != expected.scores.shape:
        return MAX_ERROR  # a network that selects its candidates itself selected others
    best = expected.scores.max(1)
    rows = best > min(score_floor, float(best.max()) / 2)
    if not rows.any():
        return 0.0
    score_error = np.abs(scores - expected.scores).max(1)[rows].mean()
    first, second = boxes[rows].astype(np.float64), expected.boxes[rows].astype(np.float64)
    overlap = np.clip(
        np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2]), 0, None
    ).prod(1)
    areas = (first[:, 2:] - first[:, :2]).prod(1) + (second[:, 2:] - second[:, :2]).prod(1)
    box_error = 1 - (overlap / np.maximum(areas - overlap, 1e-9)).mean()
    return float(np.nan_to_num(score_error, nan=1.0) + np.nan_to_num(box_error, nan=1.0))
