"""Decodes a foreign graph's outputs on the trial pictures as a reading has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from scripts.model import graph
from scripts.model.adapt.decoding.boxes import decode_boxes
from scripts.model.adapt.decoding.graph_builder import FOREIGN_PREFIX, GraphBuilder
from scripts.model.adapt.decoding.scores import decode_scores
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.loading.trial_pictures import InputScale
from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.observed_model import ObservedModel


class ImpossibleReadingError(Exception):
    """The outputs have no such columns or rows."""


@dataclass(frozen=True, eq=False)
class DecodedTrial:
    """One picture's rows without padding: boxes [n, 4] xyxy in input px, scores [n, classes].

    is_real: of all rows, those that are not padding.
    """

    scale: InputScale
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    is_real: NDArray[np.bool_]

    def select(self, rows: NDArray[np.bool_]) -> DecodedTrial:
        is_real = self.is_real.copy()
        is_real[is_real] = rows
        return DecodedTrial(self.scale, self.boxes[rows], self.scores[rows], is_real)


def decode_trials(model: ObservedModel, reading: FormatReading) -> list[DecodedTrial]:
    """The decoding that the bundle would have, of every class, on every trial picture.

    Raises ImpossibleReadingError.
    """
    foreign = model.foreign
    samples = {output.name: output.samples for output in foreign.outputs}
    names = sorted(reading.outputs)
    if missing := [name for name in names if name not in samples]:
        raise ImpossibleReadingError(f"there is no output {missing[0]}")
    try:
        class_ids = list_class_ids(model, reading)
        session = _session(foreign, reading, class_ids or [0], names)
        return [
            _run(session, trial.scale, {name: samples[name][index] for name in names})
            for index, trial in enumerate(foreign.trials)
        ]
    except Exception as error:  # of numpy, onnx or onnxruntime: shapes that do not fit
        reason = " ".join(str(error).split())[:200]
        raise ImpossibleReadingError(f"its decoding cannot be computed ({reason})") from None


def list_class_ids(model: ObservedModel, reading: FormatReading) -> list[int]:
    """Every label that was seen, or every column of a class."""
    if reading.labels is None:
        column_count = reading.scores.column_count
        first = 1 if reading.background == "first" else 0
        return list(range(first, column_count - (reading.background == "last")))
    return sorted({int(label) for label in np.round(seen_labels(model, reading)) if label >= 0})


def seen_labels(model: ObservedModel, reading: FormatReading) -> NDArray[np.float64]:
    """The labels on all trial pictures, as they are; -1 is padding, as is the rest of a row of
    zeros."""
    assert reading.labels is not None
    labels = np.concatenate(model.values(reading.labels))[:, 0]
    return labels[np.isfinite(labels) & (np.abs(labels) < 2**31)]


def _session(
    foreign: ForeignModel, reading: FormatReading, class_ids: list[int], names: list[str]
) -> onnxruntime.InferenceSession:
    builder = GraphBuilder()
    boxes = decode_boxes(builder, reading, (foreign.image.width, foreign.image.height))
    scores = decode_scores(builder, reading, class_ids)
    dtypes = {output.name: output.samples[0].dtype for output in foreign.outputs}
    decoder = helper.make_graph(
        builder.nodes,
        "decoder",
        [
            helper.make_tensor_value_info(
                FOREIGN_PREFIX + name, helper.np_dtype_to_tensor_dtype(dtypes[name]), None
            )
            for name in names
        ],
        [
            helper.make_tensor_value_info(boxes, TensorProto.FLOAT, None),
            helper.make_tensor_value_info(scores, TensorProto.FLOAT, None),
        ],
        builder.constants,
    )
    model = helper.make_model(
        decoder,
        opset_imports=[helper.make_opsetid("", graph.OPSET)],
        ir_version=graph.IR_VERSION,
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _run(
    session: onnxruntime.InferenceSession, scale: InputScale, outputs: dict[str, np.ndarray]
) -> DecodedTrial:
    feeds = {FOREIGN_PREFIX + name: array for name, array in outputs.items()}
    boxes, scores = session.run(None, feeds)
    boxes, scores = boxes.astype(np.float64)[0], scores.astype(np.float64)[0].T
    if len(boxes) != len(scores):
        raise ValueError(f"{len(boxes)} boxes and {len(scores)} rows of scores")
    is_real = ~((boxes == 0).all(1) | (boxes == -1).all(1))
    return DecodedTrial(scale, boxes[is_real], scores[is_real], is_real)
