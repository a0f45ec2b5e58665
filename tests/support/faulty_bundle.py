"""A bundle whose graph gives the detections that a test names, whatever the picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from scripts.model import graph
from tests.support.tiny_bundle import tiny_manifest

SIDE = 64  # px of the input
GOOD = ((8.0, 8.0, 16.0, 24.0), 0.9, 1)


def make_faulty_bundle(
    folder: Path, detections: Sequence[tuple[tuple[float, float, float, float], float, int]]
) -> Path:
    """detections: box in input px, score and class id of each."""
    outputs = {
        "boxes": np.array([box for box, _, _ in detections], np.float32).reshape(-1, 4),
        "scores": np.array([score for _, score, _ in detections], np.float32),
        "labels": np.array([class_id for _, _, class_id in detections], np.int64),
    }
    made = helper.make_graph(
        [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
            for name, array in outputs.items()
        ],
        "constant",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIDE, SIDE, 3]),
            helper.make_tensor_value_info("score_threshold", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("iou_threshold", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("max_detections", TensorProto.INT64, []),
        ],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["n", 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("labels", TensorProto.INT64, ["n"]),
        ],
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", graph.OPSET)], ir_version=graph.IR_VERSION
    )
    folder.mkdir(parents=True, exist_ok=True)
    onnx_bytes = model.SerializeToString()
    (folder / "model.onnx").write_bytes(onnx_bytes)
    (folder / "model.json").write_text(json.dumps(tiny_manifest(onnx_bytes, size=(SIDE, SIDE))))
    return folder
