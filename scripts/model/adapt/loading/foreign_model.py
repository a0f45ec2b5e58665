"""Loads an ONNX detector made elsewhere, with one input of a fixed size and an opset of bundles.

Shapes in the file are not trusted: the graph runs on trial pictures, and the shapes that ONNX
Runtime returns count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from scripts.model import graph
from scripts.model.adapt.loading import metadata as file_metadata
from scripts.model.adapt.loading.image_input import (
    ImageInput,
    find_image_input,
    fix_other_inputs,
    set_static_shape,
)
from scripts.model.adapt.loading.trial_pictures import TrialKind, trial_pictures
from scripts.model.adapt.loading.trial_run import TrialRun, one_line, run_trials
from scripts.model.adapt.loading.upgrade import upgrade_model
from scripts.model.adapt.recognition.observed_output import ObservedOutput
from scripts.tool import ToolError

MAX_BYTES = 2_000_000_000  # protobuf's limit of one message, and so of a bundle's graph
UPGRADE_RUNS = 6  # on which the upgraded graph is compared


@dataclass(frozen=True, eq=False)
class ForeignModel:
    """A graph whose only input is one picture, and its outputs on trial pictures.

    trials: the pictures that it ran on, in the order of the outputs' samples.
    fixed_inputs: the other inputs of the file, and the constants that replace them. class_names:
    from the file's metadata. sha256: of the file.
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
    model, digest = _read(onnx_path)
    metadata = {item.key: item.value for item in model.metadata_props}
    _drop_initializers_from_inputs(model)
    image = find_image_input(
        model, size=size, size_in_file=file_metadata.input_size(metadata), layout=layout
    )
    fixed_inputs = fix_other_inputs(model, image, input_values or {})
    set_static_shape(model, image)
    runs = run_trials(model, image, trial_pictures(image, pictures), str(onnx_path))
    upgraded = upgrade_model(model, image, runs[:UPGRADE_RUNS])
    return ForeignModel(
        model=upgraded,
        image=image,
        trials=tuple(run.picture.kind for run in runs),
        outputs=_observe(model, runs),
        metadata=metadata,
        fixed_inputs=fixed_inputs,
        class_names=file_metadata.class_names(metadata),
        sha256=digest,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
    )


def _observe(model: onnx.ModelProto, runs: Sequence[TrialRun]) -> tuple[ObservedOutput, ...]:
    """The outputs that are arrays of numbers."""
    columns = zip(*(run.outputs for run in runs), strict=True)
    return tuple(
        ObservedOutput(item.name, arrays)
        for item, arrays in zip(model.graph.output, columns, strict=True)
        if all(isinstance(array, np.ndarray) and array.dtype.kind in "fiub" for array in arrays)
    )


def _read(onnx_path: Path) -> tuple[onnx.ModelProto, str]:
    """The model with its external weights, and the file's sha256."""
    if not onnx_path.is_file():
        raise ToolError(f"{onnx_path} is no file")
    size_bytes = onnx_path.stat().st_size
    if size_bytes > MAX_BYTES:
        raise ToolError(
            f"{onnx_path} has {size_bytes / 1e9:.1f} GB; at most 2 GB fit into one graph"
        )
    content = onnx_path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # protobuf's own kinds
        raise ToolError(f"{onnx_path} is not ONNX, or cut short ({one_line(error)})") from None
    del content
    if not model.graph.node or not model.opset_import:
        raise ToolError(f"{onnx_path} is not an ONNX model: it has no nodes; is it the whole file?")
    _load_external_weights(model, onnx_path)
    if model.ByteSize() > MAX_BYTES:
        raise ToolError(f"{onnx_path} has more than 2 GB with its weights; too many for a bundle")
    return model, digest


def _load_external_weights(model: onnx.ModelProto, onnx_path: Path) -> None:
    """Take the weights that lie in files beside the model into it."""
    weight_files = {
        entry.value
        for tensor in model.graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    if not weight_files:
        return
    folder = onnx_path.parent
    for name in sorted(weight_files):
        if not (folder / name).is_file():
            raise ToolError(
                f"{onnx_path} keeps its weights in {name}, which is not beside it; copy both"
            )
    if sum((folder / name).stat().st_size for name in weight_files) > MAX_BYTES:
        raise ToolError(f"the weights beside {onnx_path} are more than 2 GB; too many for a bundle")
    try:
        onnx.load_external_data_for_model(model, str(folder))
    except Exception as error:
        raise ToolError(f"{onnx_path}: its weights cannot be read ({one_line(error)})") from None


def _drop_initializers_from_inputs(model: onnx.ModelProto) -> None:
    """Before IR 4 weights were inputs, too."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
