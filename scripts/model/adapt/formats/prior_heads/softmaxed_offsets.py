"""The reading that SSDs and face detectors share: offsets to priors, classes beside background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scripts.model.adapt.preprocessing import Preprocessing
from scripts.model.adapt.reading import FormatReading, Priors
from scripts.model.adapt.recognition.layouts.prior_outputs import PriorOutputs
from scripts.model.plurals import counted


def read_softmaxed_offsets(
    outputs: PriorOutputs,
    format_name: str,
    priors: NDArray[np.float32],
    preprocessing: Preprocessing,
    *,
    has_landmarks: bool = False,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.45,
    priority: int = 2,
    plausible: bool = True,
    notes: tuple[str, ...] = (),
    doubts: tuple[str, ...] = (),
) -> FormatReading | None:
    """None unless the outputs are offsets to these priors, beside logits or softmaxed scores whose
    first column is background. priors: float32 [A, 4], cxcywh in px of the input."""
    landmarks = outputs.landmarks
    if (landmarks is not None) != has_landmarks or outputs.score_columns < 2:
        return None
    if outputs.probable and not outputs.softmaxed_in_steps:
        return None
    if not outputs.are_offsets_to(priors):
        return None
    width, height = outputs.input_size
    beside = f", landmarks {landmarks.name}" if landmarks else ""
    return FormatReading(
        format=format_name,
        reasons=(
            f"{outputs.summary}{beside}: offsets to the {len(priors)} priors that {format_name} "
            f"has at {width} x {height} px, background and "
            f"{counted(outputs.score_columns - 1, 'class')}",
        ),
        preprocessing=preprocessing,
        boxes=outputs.offsets_slice,
        coding="prior-offsets",
        priors=Priors(priors),
        scores=outputs.scores_slice,
        activation="none" if outputs.probable else "softmax",
        background="first",
        ignored_outputs=(landmarks.name,) if landmarks else (),
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        priority=priority,
        plausible=plausible,
        notes=(*notes, *(["landmarks are left out"] if landmarks else [])),
        doubts=doubts,
    )
