"""A bundle like the tiny one, with layers between its first and its last that may become int8."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.model import graph
from tests.support.tiny_bundle import tiny_manifest

SIDE, CELL, CHANNELS = 96, 8, 64


def make_network(*, side: int = SIDE, seed: int = 0) -> onnx.ModelProto:
    """The tiny bundle's detector of coloured squares with layers between: 3 x 3 convolutions that
    pass the colours on (an identity and small random weights), as a trained network's would."""
    rng = np.random.default_rng(seed)
    columns = side // CELL
    x, y = np.meshgrid(np.arange(columns) * CELL, np.arange(columns) * CELL)
    boxes = np.stack([x, y, x + CELL, y + CELL], -1).reshape(1, -1, 4).astype(np.float32)
    first = np.zeros((CHANNELS, 3, 1, 1), np.float32)
    first[np.arange(3), np.arange(3)] = 1
    weights = {"first": first}
    nodes = [helper.make_node("Conv", ["image", "first"], ["conv0"])]
    nodes.append(helper.make_node("Relu", ["conv0"], ["relu0"]))
    for number in (1, 2, 3):
        weight = rng.normal(0, 0.002, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
        weight[np.arange(CHANNELS), np.arange(CHANNELS), 1, 1] = 1
        weights[f"carry{number}"] = weight
        nodes += [
            helper.make_node(
                "Conv",
                [f"relu{number - 1}", f"carry{number}"],
                [f"conv{number}"],
                pads=[1, 1, 1, 1],
                name=f"carry/{number}",
            ),
            helper.make_node("Relu", [f"conv{number}"], [f"relu{number}"]),
        ]
    excess = np.zeros((2, CHANNELS, 1, 1), np.float32)
    excess[:, :3, 0, 0] = [[1, -0.5, -0.5], [-0.5, 1, -0.5]]
    weights["excess"] = excess
    weights |= {"zero": np.float32(0), "one": np.float32(1), "cells": boxes}
    nodes += [
        helper.make_node(
            "AveragePool", ["relu3"], ["mean"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]
        ),
        helper.make_node("Conv", ["mean", "excess"], ["raw"]),
        helper.make_node("Clip", ["raw", "zero", "one"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "flat"], ["scores"]),
        helper.make_node("Identity", ["cells"], ["boxes"]),
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1, 2, -1], np.int64), "flat"))
    count = columns * columns
    network = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, count, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2, count]),
        ],
        constants,
    )
    return helper.make_model(
        network, opset_imports=[helper.make_opsetid("", graph.OPSET)], ir_version=graph.IR_VERSION
    )


def write_network_bundle(folder: Path, network: onnx.ModelProto) -> Path:
    model = graph.wrap(network, width=SIDE, height=SIDE, mean=(0, 0, 0), std=(1, 1, 1))
    onnx_bytes = model.SerializeToString()
    folder.mkdir()
    (folder / "model.onnx").write_bytes(onnx_bytes)
    (folder / "model.json").write_text(json.dumps(tiny_manifest(onnx_bytes, size=(SIDE, SIDE))))
    return folder
