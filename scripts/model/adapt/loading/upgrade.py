"""Upgrades a foreign graph to the opset of bundles, and checks that its outputs stay the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import version_converter

from scripts.model import graph
from scripts.model.adapt.loading import opset
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.loading.trial_run import TrialRun, one_line, run_trials
from scripts.tool import ToolError


def opset_version(model: onnx.ModelProto) -> int:
    """The opset of ONNX's own operators, 0 where the model names none."""
    return next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)


def upgrade_model(
    model: onnx.ModelProto, image: ImageInput, runs: Sequence[TrialRun]
) -> onnx.ModelProto:
    """The same graph at graph.OPSET or later.

    ONNX's converter comes first, then ours. runs: the graph's; the outputs of the upgraded graph on
    the same pictures must be close to theirs. Raises ToolError.
    """
    version = opset_version(model)
    if version >= graph.OPSET:
        return model
    reasons = []
    for convert in (_convert_by_onnx, opset.upgrade):
        try:
            upgraded = convert(model, graph.OPSET)
            upgraded_runs = run_trials(
                upgraded, image, [run.picture for run in runs], "the upgraded graph"
            )
        except Exception as error:  # the converter raises RuntimeErrors of many kinds
            reasons.append(one_line(error))
            continue
        if len(upgraded_runs) == len(runs) and all(
            _are_close(before, after)
            for run, upgraded_run in zip(runs, upgraded_runs, strict=False)
            for before, after in zip(run.outputs, upgraded_run.outputs, strict=False)
        ):
            return upgraded
        reasons.append("it gives other numbers")
    raise ToolError(
        f"the graph is of opset {version} and cannot be brought to {graph.OPSET} "
        f"({'; '.join(reasons)}); export it again with opset {graph.OPSET}"
    )


def _convert_by_onnx(model: onnx.ModelProto, target: int) -> onnx.ModelProto:
    upgraded = version_converter.convert_version(model, target)
    del upgraded.graph.value_info[:]
    return upgraded


def _are_close(before: object, after: object) -> bool:
    if not (isinstance(before, np.ndarray) and isinstance(after, np.ndarray)):
        return type(before) is type(after)
    if before.shape != after.shape:
        return False
    if before.dtype.kind not in "fiub":
        return True
    finite = before[np.isfinite(before)].astype(np.float64)
    scale = float(np.max(np.abs(finite), initial=1.0))
    return bool(np.allclose(before, after, rtol=1e-3, atol=1e-4 * scale, equal_nan=True))
