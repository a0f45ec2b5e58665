"""Graphs without a picture among their inputs are refused by what they take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from scripts.model.adapt.loading.foreign_model import load_foreign_model
from scripts.tool import ToolError
from tests.scripts.model.adapt.foreign_graphs import HEIGHT, WIDTH, make_model, save

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
Input = tuple[str, int, Sequence[int | str]]

OTHERS: dict[str, tuple[list[Input], str]] = {
    "bert": (
        [("input_ids", INT64, ("b", "n")), ("attention_mask", INT64, ("b", "n"))],
        "a network of texts",
    ),
    "gpt with a cache": (
        [("input_ids", INT64, ("b", "n")), ("past_key_values.0.key", FLOAT, ("b", 12, "p", 64))],
        "a network of texts",
    ),
    "strings": ([("query", STRING, (1,))], "a network of texts"),
    "whisper": ([("input_features", FLOAT, (1, 80, 3000))], "a network of sounds"),
    "waves": ([("waveform", FLOAT, (1, 16000))], "a network of sounds"),
    "clip of a video": ([("x", FLOAT, (1, 3, 16, 112, 112))], "a network of videos or of volumes"),
    "table": ([("features", FLOAT, ("n", 30))], "a network of tables or features"),
}


def model_of(inputs: Sequence[Input]) -> onnx.ModelProto:
    kinds = {STRING: "StringNormalizer"}
    node = helper.make_node(kinds.get(inputs[0][1], "Identity"), [inputs[0][0]], ["y"])
    graph = helper.make_graph(
        [node],
        "other",
        [helper.make_tensor_value_info(*item) for item in inputs],
        [helper.make_tensor_value_info("y", inputs[0][1], None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def refusal(folder: Path, model: onnx.ModelProto) -> str:
    with pytest.raises(ToolError) as raised:
        load_foreign_model(save(model, folder))
    return str(raised.value)


@pytest.mark.parametrize("case", OTHERS)
def test_a_graph_without_a_picture_is_refused_by_what_it_takes(case: str, tmp_path: Path) -> None:
    inputs, expected = OTHERS[case]
    text = refusal(tmp_path, model_of(inputs))
    assert text.startswith(f"this is {expected}, no detector of pictures: its inputs are "), text
    assert inputs[0][0] in text


def test_a_text_beside_the_picture_is_refused(tmp_path: Path) -> None:
    model = make_model(
        {"y": np.zeros((1, 9, 4), np.float32)}, inputs=[("input_ids", INT64, (1, 16))]
    )
    assert "takes a text beside the picture (input_ids int64 [1, 16])" in refusal(tmp_path, model)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, HEIGHT, WIDTH), "1 channel read as nchw, and 3 are wanted: grey pictures"),
        ((1, 4, HEIGHT, WIDTH), "4 channels read as nchw, and 3 are wanted: pictures with alpha"),
        ((1, 256, 64, 64), "256 channels read as nchw, and 3 are wanted: that may be another"),
    ],
)
def test_other_channels_are_counted(shape: tuple[int, ...], message: str, tmp_path: Path) -> None:
    model = make_model({"y": np.zeros((1, 9, 4), np.float32)}, shape=shape)
    assert message in refusal(tmp_path, model)


@pytest.mark.parametrize("shape", [("h", "w", 3), ("b", "c", "h", "w"), (3, "h", "w")])
def test_a_picture_of_open_sides_is_one(shape: tuple[int | str, ...], tmp_path: Path) -> None:
    model = make_model({"y": np.zeros((1, 9, 4), np.float32)}, shape=shape)
    assert load_foreign_model(save(model, tmp_path), size=(WIDTH, HEIGHT)).image.width == WIDTH
