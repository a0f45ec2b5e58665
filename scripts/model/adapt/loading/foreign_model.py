"""Loads an ONNX detector made elsewhere, with one input of a fixed size and an opset of bundles.

Shapes in the file are not trusted: the graph runs on trial pictures, and the shapes that ONNX
Runtime returns count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from scripts.model import graph
from scripts.model.adapt.loading import metadata as file_metadata
from scripts.model.adapt.loading.image_input import (
    ImageInput,
    find_image_input,
    fix_other_inputs,
    set_static_shape,
)
from scripts.model.adapt.loading.mending import drop_unused_weights, mend
from scripts.model.adapt.loading.model_file import read_model
from scripts.model.adapt.loading.trial_pictures import TrialKind, trial_pictures
from scripts.model.adapt.loading.trial_run import TrialRun, run_trials
from scripts.model.adapt.loading.upgrade import upgrade_model
from scripts.model.adapt.recognition.observed_output import ObservedOutput

UPGRADE_RUNS = 4  # on which the upgraded graph is compared


@dataclass(frozen=True, eq=False)
class ForeignModel:
    """A graph whose only input is one picture, and its outputs on trial pictures.

    trials: the pictures that it ran on, in the order of the outputs' samples.
    fixed_inputs: the other inputs of the file, and the constants that replace them. class_names:
    from the file's metadata. sha256: of the file. notes: sentences about what was mended in it.
    """

    model: onnx.ModelProto
    image: ImageInput
    trials: tuple[TrialKind, ...]
    outputs: tuple[ObservedOutput, ...]
    metadata: Mapping[str, str]
    fixed_inputs: Mapping[str, str]
    class_names: tuple[str, ...] | None
    sha256: str
    producer: str
    notes: tuple[str, ...] = ()


def load_foreign_model(
    onnx_path: Path,
    *,
    size: tuple[int, int] | None = None,
    layout: graph.Layout | None = None,
    input_values: Mapping[str, tuple[float, ...]] | None = None,
    pictures: Sequence[NDArray[np.uint8]] = (),
) -> ForeignModel:
    """Read the graph, give its input a size, run it on trial pictures and upgrade its opset.

    size: (width, height) in px where the graph leaves its own open. input_values: of inputs other
    than the picture's that are not known by their names. pictures: RGB [h, w, 3] of the user's, on
    which it is tried as well. Raises ToolError.
    """
    model, digest = read_model(onnx_path)
    metadata = {item.key: item.value for item in model.metadata_props}
    producer = f"{model.producer_name} {model.producer_version}".strip()
    model, notes = mend(model)
    image = find_image_input(
        model, size=size, size_in_file=file_metadata.input_size(metadata), layout=layout
    )
    fixed_inputs = fix_other_inputs(model, image, input_values or {})
    set_static_shape(model, image)
    runs = run_trials(model, image, trial_pictures(image, pictures), str(onnx_path))
    upgraded = upgrade_model(model, image, runs[:UPGRADE_RUNS])
    drop_unused_weights(upgraded)
    return ForeignModel(
        model=upgraded,
        image=image,
        trials=tuple(run.picture.kind for run in runs),
        outputs=_observe(model, runs),
        metadata=metadata,
        fixed_inputs=fixed_inputs,
        class_names=file_metadata.class_names(metadata),
        sha256=digest,
        producer=producer,
        notes=notes,
    )


def _observe(model: onnx.ModelProto, runs: Sequence[TrialRun]) -> tuple[ObservedOutput, ...]:
    """The outputs that are arrays of numbers."""
    columns = zip(*(run.outputs for run in runs), strict=True)
    return tuple(
        ObservedOutput(item.name, arrays)
        for item, arrays in zip(model.graph.output, columns, strict=True)
        if all(isinstance(array, np.ndarray) and array.dtype.kind in "fiub" for array in arrays)
    )
