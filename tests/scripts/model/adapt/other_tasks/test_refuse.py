"""Networks of other tasks are refused by what they are; detectors are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from scripts.model.adapt.loading.foreign_model import load_foreign_model
from scripts.model.adapt.other_tasks.refuse import refuse_other_tasks
from scripts.tool import ToolError
from tests.scripts.model.adapt.cases import CASES
from tests.scripts.model.adapt.foreign_graphs import (
    HEIGHT,
    STRIDES,
    WIDTH,
    decoded_table,
    make_model,
    save,
)
from tests.scripts.model.adapt.other_tasks.networks import (
    OTHERS,
    detections,
    floats,
    named,
    smooth,
)
from tests.support.paths import SHARED_DATA


def refusal(folder: Path, model: onnx.ModelProto, format_name: str | None = None) -> str:
    """The text of the refusal, "" where there is none."""
    foreign = load_foreign_model(save(model, folder), size=(WIDTH, HEIGHT))
    try:
        refuse_other_tasks(foreign, format_name)
    except ToolError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("case", OTHERS)
def test_a_network_of_another_task_is_refused_by_its_name(case: str, tmp_path: Path) -> None:
    make, expected = OTHERS[case]
    text = refusal(tmp_path, make())
    assert text.startswith("this is ") and expected in text, text
    assert "export" in text


@pytest.mark.parametrize("case", CASES)
def test_a_detector_is_not_refused(case: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, CASES[case][1]().model) == ""


def test_heads_beside_decoded_boxes_are_no_prototypes(tmp_path: Path) -> None:
    """YOLOv8's forward returns its decoded table and the maps of three strides."""
    table = decoded_table(objectness=False)
    outputs = {"output0": table.T[np.newaxis]}
    for stride in STRIDES:
        shape = (1, 64 + 3, HEIGHT // stride, WIDTH // stride)
        outputs[f"head_{stride}"] = np.random.default_rng(stride).normal(-3, 1, shape)
    assert refusal(tmp_path, make_model({n: a.astype("f4") for n, a in outputs.items()})) == ""


def many_classes(count: int) -> np.ndarray:
    """YOLOv8 with so many classes: [1, 4 + count, A]."""
    table = decoded_table(objectness=False)
    scores = np.random.default_rng(0).beta(0.1, 3, (len(table), count))
    return floats(np.concatenate([table[:, :4], scores], 1).T[None])


LANDMARKS = floats(np.random.default_rng(0).uniform(0, 96, (1, 3, 5, 2)))
DETECTORS: dict[str, dict[str, np.ndarray]] = {
    "one class": {"output0": floats(decoded_table(objectness=False)[:, :5].T[None])},
    "52 classes, as wide as a pose": {"output0": many_classes(52)},
    "112 classes, as wide as masks": {"output0": many_classes(112)},
    "no detection at all": {"output0": floats(np.zeros((1, 300, 6)))},
    "no row at all": {"output": np.zeros((0, 7), np.float32)},
    "one row": {"output": floats(np.array([[0, 10, 12, 50, 40, 1, 0.9]]))},
    "faces with landmarks": {**detections(), "landmarks": LANDMARKS},
    "boxes and scores of 80 classes": {
        "boxes": floats(decoded_table(objectness=False)[None, :, :4]),
        "scores": floats(np.random.default_rng(0).uniform(0, 1, (1, 252, 80))),
    },
    "boxes and scores of 3 classes": {
        "boxes": floats(decoded_table(objectness=False)[None, :, :4]),
        "scores": floats(np.random.default_rng(0).uniform(0, 1, (1, 252, 3))),
    },
    "scores and logits of no known meaning": {
        "output0": floats(
            np.concatenate(
                [decoded_table(objectness=False), np.random.default_rng(0).normal(0, 2, (252, 32))],
                1,
            ).T[None]
        )
    },
    "a backbone's features beside boxes": {
        "output0": many_classes(80),
        "features": smooth(64, HEIGHT // 4, WIDTH // 4, -2, 2),
    },
    "heads of three strides": {
        f"head{s}": smooth(18, HEIGHT // s, WIDTH // s, -4, 4) for s in STRIDES
    },
    "one head of stride 16": {"head": smooth(85, HEIGHT // 16, WIDTH // 16, 0, 1)},
    "centernet": {
        "hm": smooth(80, HEIGHT // 4, WIDTH // 4, 0, 1),
        "wh": smooth(2, HEIGHT // 4, WIDTH // 4, 0, 9),
        "reg": smooth(2, HEIGHT // 4, WIDTH // 4, 0, 1),
    },
    "caffe's DetectionOutput": {"out": floats(np.array([[[[0, 1, 0.9, 0.1, 0.1, 0.4, 0.4]]]]))},
    "a detection, batch and label first": {
        "output": floats(np.array([[0, 0.5, 12, 50, 40, 2, 0.9], [0, 60, 30, 110, 90, 0, 0.7]]))
    },
}


@pytest.mark.parametrize("case", DETECTORS)
def test_a_detector_of_an_odd_shape_is_not_refused(case: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, make_model(DETECTORS[case])) == ""


@pytest.mark.needs_shared_data
@pytest.mark.parametrize(
    "onnx_path",
    sorted((SHARED_DATA / "onnx" / "odd").glob("*.onnx")),
    ids=lambda path: path.stem,
)
def test_of_the_shared_files_only_the_saliency_map_is_refused(onnx_path: Path) -> None:
    foreign = load_foreign_model(onnx_path)
    if onnx_path.stem != "saliency_map":
        refuse_other_tasks(foreign)
        return
    with pytest.raises(ToolError, match="a network of saliency maps or masks, no detector"):
        refuse_other_tasks(foreign)


def test_a_file_that_says_it_detects_is_believed(tmp_path: Path) -> None:
    outputs = {"output0": smooth(1, HEIGHT, WIDTH, 0, 1)}
    assert refusal(tmp_path, named("detect", outputs)()) == ""
    assert refusal(tmp_path, named("", outputs)()) != ""


@pytest.mark.parametrize(
    ("case", "format_name", "is_refused"),
    [
        ("segment", "yolov8", False),  # its boxes alone are right
        ("pose", "yolov8", False),
        ("segment", "yolov5", True),
        ("obb", "yolov8", True),  # boxes that are turned are wrong as upright ones
        ("task classify", "yolov8", True),
        ("mask r-cnn", "torchvision", False),
        ("saliency", "yolov8", False),  # the user knows better than shapes
    ],
)
def test_format_overrules_shapes_and_takes_boxes_alone(
    case: str, format_name: str, is_refused: bool, tmp_path: Path
) -> None:
    text = refusal(tmp_path, OTHERS[case][0](), format_name)
    assert bool(text) is is_refused, text


def test_the_way_to_its_boxes_is_named_only_where_it_has_some(tmp_path: Path) -> None:
    def text(case: str) -> Any:
        return refusal(tmp_path, OTHERS[case][0]())

    assert "take its boxes alone with --format yolov8" in text("segment")
    assert "take its boxes alone with --format torchvision" in text("mask r-cnn")
    for case in ("obb", "task classify", "task segment, nms inside"):
        assert "--format" not in text(case)
