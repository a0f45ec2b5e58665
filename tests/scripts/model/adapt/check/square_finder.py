"""A tiny detector that really looks: it finds squares of a colour, of 16 px in its input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

from scripts.model.adapt.check.pictures import CheckPicture, read_check_pictures

WIDTH, HEIGHT, SIDE, STEP = 128, 96, 16, 2
RED, BLUE = (230, 20, 20), (20, 20, 230)


def square_finder(
    *, scale: float = 1, channels: Sequence[int] = (0,), dtype: int = TensorProto.FLOAT
) -> onnx.ModelProto:
    """Boxes float32 [1, A, 4], xyxy in px, and scores [1, A, C], one class a channel.

    A score is the mean, over a window of 16 px, of what a channel has above the mean of the three,
    in pixels of 0..`scale`, times 1.7, cut to 1, to the power of 6.
    """
    columns, rows = (WIDTH - SIDE) // STEP + 1, (HEIGHT - SIDE) // STEP + 1
    y, x = np.mgrid[:rows, :columns] * STEP
    boxes = np.stack([x, y, x + SIDE, y + SIDE], -1).reshape(1, -1, 4)
    boxes = boxes + np.random.default_rng(0).uniform(-0.5, 0.5, boxes.shape)  # no mere cells
    constants = {
        "factor": np.float32(1.7 / scale),
        "channels": np.array(channels),
        "windows": boxes.astype(np.float32),
        "nothing": np.float32(0),
        "low": np.float32(0),
        "high": np.float32(1),
        "six": np.float32(6),
        "table": np.array([1, len(channels), -1]),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["pixels", "grey"], ["colour"]),
        helper.make_node("Gather", ["colour", "channels"], ["own"], axis=1),
        helper.make_node("Mul", ["own", "factor"], ["strength"]),
        helper.make_node(
            "AveragePool", ["strength"], ["means"], kernel_shape=[SIDE] * 2, strides=[STEP] * 2
        ),
        helper.make_node("Clip", ["means", "low", "high"], ["clipped"]),
        helper.make_node("Pow", ["clipped", "six"], ["steep"]),
        helper.make_node("Reshape", ["steep", "table"], ["by_class"]),
        helper.make_node("Transpose", ["by_class"], ["scores"], perm=[0, 2, 1]),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Add", ["windows", "zero"], ["boxes"]),
    ]
    count = columns * rows
    graph = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("images", dtype, [1, 3, HEIGHT, WIDTH])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, count, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, count, len(channels)]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def draw_squares(
    path: Path, places: Sequence[tuple[int, int, tuple[int, int, int]]], seed: int = 0
) -> Path:
    """A picture of 256 x 192 px, grey with grain, with squares of 32 px: (left, top, colour)."""
    rng = np.random.default_rng(seed)
    rgb = rng.integers(90, 130, (192, 256, 1)).repeat(3, axis=2).astype(np.uint8)
    image = Image.fromarray(rgb)
    pen = ImageDraw.Draw(image)
    for left, top, colour in places:
        pen.rectangle((left, top, left + 31, top + 31), fill=colour)
    image.save(path)
    return path


def red_pictures(folder: Path, count: int = 3) -> list[Path]:
    """Pictures with three red squares each, at other places in each."""
    folder.mkdir(exist_ok=True)
    return [
        draw_squares(
            folder / f"{number}.png",
            [(24 + 16 * number, 40, RED), (120 + 8 * number, 56, RED), (64, 120 + 8 * number, RED)],
            seed=number,
        )
        for number in range(count)
    ]


def read_pictures(folder: Path) -> tuple[CheckPicture, ...]:
    return read_check_pictures([folder]).pictures
