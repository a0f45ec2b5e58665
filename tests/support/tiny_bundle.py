"""A bundle made in milliseconds whose detector really looks: it finds coloured squares.

The graph is of the bundle's contract. Every 8 x 8 px cell of the input gives one candidate box; its
score for class "red" is how far red lies above the other channels on average, out of 255, and so
for "green". Behind it stands the same NonMaxSuppression and TopK that scripts.model.graph puts
behind a trained network.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from handler.bundle.manifest import PictureRanges
from scripts.model import graph

CELL = 8


def make_tiny_bundle(
    folder: Path,
    *,
    size: tuple[int, int] = (64, 64),
    rule: str = "antialias",
    name: str = "squares",
) -> Path:
    """Write model.onnx and model.json for an input of size (width, height), multiples of 8 px; the
    folder."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = graph.wrap(
        _network(*size), width=size[0], height=size[1], mean=(0, 0, 0), std=(1, 1, 1)
    )
    data = whole.SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    (folder / "model.json").write_text(
        json.dumps(tiny_manifest(data, size=size, rule=rule, name=name), indent=2)
    )
    return folder


def tiny_manifest(
    data: bytes, *, size: tuple[int, int] = (64, 64), rule: str = "antialias", name: str = "squares"
) -> dict:
    """model.json of the tiny bundle, as JSON values."""
    return {
        "schema": "bundle/1",
        "name": name,
        "version": "1.0.0",
        "sha256": hashlib.sha256(data).hexdigest(),
        "classes": ["red", "green"],
        "input": {"width": size[0], "height": size[1]},
        "resize": {"rule": rule, "fill": [124, 116, 104], "fit": "centre"},
        "thresholds": {"score": 0.5, "iou": 0.5, "max_detections": 100, "score_floor": 0.1},
        "opset": graph.OPSET,
        "provenance": {
            "framework": "none",
            "model": "coloured squares",
            "backbone": "average pooling",
            "checkpoint_sha256": None,
            "dataset": "none",
            "training_command": None,
            "versions": {"onnx": onnx.__version__},
        },
        "evaluation": [],
        "count_calibration": None,
        "monitoring_baseline": None,
        "parity": None,
    }


def calibrate_tiny_bundle(folder: Path, **changed: object) -> None:
    """Give its model.json a count interval of count - √(count + 1) to count + 1.5·√(count + 1), for
    every picture on which something is found. changed: fields of the calibration."""
    path = folder / "model.json"
    manifest = json.loads(path.read_text())
    manifest["count_calibration"] = {
        "coverage": 0.9,
        "below": -1.0,
        "above": 1.5,
        "pictures": 40,
        "dataset": "squares",
        "score_threshold": 0.5,
        "iou_threshold": 0.5,
        "command": "evaluate",
        "ranges": {name: [0, 1000] for name in PictureRanges._fields},
        **changed,
    }
    path.write_text(json.dumps(manifest, indent=2))


def paint(
    width: int,
    height: int,
    squares: list[tuple[str, tuple[int, int, int, int]]],
    background: int = 200,
) -> np.ndarray:
    """A grey picture uint8 (height, width, 3) with "red" or "green" rectangles (xyxy px) on it."""
    colours = {"red": (255, 0, 0), "green": (0, 255, 0)}
    picture = np.full((height, width, 3), background, np.uint8)
    for colour, (x0, y0, x1, y1) in squares:
        picture[y0:y1, x0:x1] = colours[colour]
    return picture


def _network(width: int, height: int) -> onnx.ModelProto:
    columns, rows = width // CELL, height // CELL
    x, y = np.meshgrid(np.arange(columns) * CELL, np.arange(rows) * CELL)
    boxes = np.stack([x, y, x + CELL, y + CELL], -1).reshape(1, -1, 4).astype(np.float32)
    excess = np.array([[1, -0.5, -0.5], [-0.5, 1, -0.5]], np.float32).reshape(2, 3, 1, 1)
    nodes = [
        helper.make_node(
            "AveragePool", ["image"], ["mean"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]
        ),
        helper.make_node("Conv", ["mean", "excess"], ["raw"]),
        helper.make_node("Clip", ["raw", "zero", "one"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "flat"], ["scores"]),
        helper.make_node("Identity", ["cells"], ["boxes"]),
    ]
    made = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, height, width])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, columns * rows, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2, columns * rows]),
        ],
        [
            numpy_helper.from_array(excess, "excess"),
            numpy_helper.from_array(np.float32(0), "zero"),
            numpy_helper.from_array(np.float32(1), "one"),
            numpy_helper.from_array(np.array([1, 2, -1], np.int64), "flat"),
            numpy_helper.from_array(boxes, "cells"),
        ],
    )
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", graph.OPSET)], ir_version=graph.IR_VERSION
    )
