"""Runs a foreign graph on trial pictures, which show its outputs' shapes and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.loading.trial_pictures import TrialPicture
from scripts.tool import ToolError


@dataclass(frozen=True, eq=False)
class TrialRun:
    """outputs: what the graph gave for the picture, in its own order."""

    picture: TrialPicture
    outputs: list[np.ndarray]


def run_trials(
    model: onnx.ModelProto, image: ImageInput, pictures: Sequence[TrialPicture], source: str
) -> list[TrialRun]:
    """The graph on every picture that it stands; the others are left out.

    source: the graph's name in error texts. Raises ToolError where it stands none.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # cores are shared
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime has no public error type
        raise ToolError(f"{source}: ONNX Runtime cannot load it ({one_line(error)})") from None
    runs, failure = [], ""
    for picture in pictures:
        try:
            runs.append(TrialRun(picture, session.run(None, {image.name: picture.values})))
        except Exception as error:
            failure = one_line(error)
    if not runs:
        raise ToolError(
            f"{source}: fails on every picture of {image.width} x {image.height} px, "
            f"{image.layout} ({failure}); if that is not its size or layout, say so by --size or "
            "--layout"
        )
    return runs


def one_line(error: Exception) -> str:
    """The first 300 characters of an error's text, on one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
