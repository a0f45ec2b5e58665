"""PyTorch to ONNX: make a network fast for ONNX Runtime, and export it."""

from __future__ import annotations

import copy
import io
import logging
import types
import warnings

import scripts.model.icevision  # noqa: F401  (before effdet)
import onnx
import torch
from effdet.efficientdet import FpnCombine
from torch import nn

from scripts.model.graph import OPSET
from scripts.model.icevision.region_operators import ONNX_TRANSLATIONS
from scripts.tool import ToolError


def optimize(module: nn.Module) -> nn.Module:
    """A copy that computes the same numbers with operations that ONNX Runtime runs faster."""
    module = copy.deepcopy(module)
    for submodule in module.modules():
        if isinstance(submodule, FpnCombine) and submodule.weight_method == "fastattn":
            submodule.forward = types.MethodType(_weighted_sum, submodule)
    return module


def _weighted_sum(combine: FpnCombine, features: list[torch.Tensor]) -> torch.Tensor:
    """effdet's FpnCombine.forward with fast attention, by additions.

    effdet stacks the weighted features and sums over the new, innermost axis, which is slower.
    """
    weights = torch.relu(combine.edge_weights)
    weights = weights / (weights.sum() + 0.0001)
    pairs = zip(combine.inputs_offsets, combine.resample.values(), strict=True)
    nodes = [resample(features[offset]) for offset, resample in pairs]
    total = nodes[0] * weights[0]
    for node, weight in zip(nodes[1:], weights[1:], strict=True):
        total = total + node * weight
    return total


def to_onnx(module: nn.Module, width: int, height: int) -> onnx.ModelProto:
    """Export a network at graph.OPSET, with the input and outputs that graph.wrap expects.

    module: float32 [1, 3, height, width] to boxes [B, A, 4] and scores [B, C, A]. Raises ToolError
    where PyTorch cannot export it.
    """
    serialized = io.BytesIO()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                module,
                (torch.zeros(1, 3, height, width),),
                input_names=["image"],
                output_names=["boxes", "scores"],
                opset_version=OPSET,
                dynamo=True,
                custom_translation_table=ONNX_TRANSLATIONS,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0]
            raise ToolError(f"PyTorch cannot export this network ({reason})") from error
    assert program is not None
    program.optimize()
    program.save(serialized)
    return onnx.load_from_string(serialized.getvalue())
