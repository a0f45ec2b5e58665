"""Vectors of detections: which is which, in what units, without padding, and their first label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from scripts.model.adapt.label_evidence import find_real_labels
from scripts.model.adapt.recognition.layouts.detection_vectors import find_detection_vectors
from scripts.model.adapt.recognition.observed_model import ObservedModel
from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import nms_inside
from tests.scripts.model.adapt.cases.references import (
    map_back_stretch,
    map_back_ultralytics,
    objects_above,
)
from tests.scripts.model.adapt.foreign_graphs import HEIGHT, OBJECTS, WIDTH, make_model

SIZE = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
PICTURE = (301, 207)


def vectors(
    names: tuple[str, str, str],
    *,
    first_label: int = 0,
    label_dtype: type = np.int64,
    normalised: bool = False,
    padding: int = 0,
    padding_label: int = -1,
    only: tuple[int, ...] = (0, 1, 2),
) -> dict[str, np.ndarray]:
    """Boxes [1, N, 4], scores and labels [1, N] of OBJECTS, and rows of padding behind them."""
    objects = [o for o in OBJECTS if o[0] in only]
    boxes = [np.array(o[2]) / (SIZE if normalised else 1) for o in objects]
    boxes += [np.zeros(4)] * padding
    scores = [o[1] for o in objects] + [0.0] * padding
    labels = [o[0] + first_label for o in objects] + [padding_label] * padding
    return {
        names[0]: np.array(boxes, np.float32).reshape(1, -1, 4),
        names[1]: np.array([scores], np.float32),
        names[2]: np.array([labels], label_dtype),
    }


def with_count(
    outputs: Mapping[str, np.ndarray], name: str, dtype: type = np.int32
) -> dict[str, np.ndarray]:
    scores = next(a for a in outputs.values() if a.ndim == 2 and a.dtype == np.float32)
    return {name: np.array([[int((scores > 0).sum())]], dtype), **outputs}


def assert_right(folder: Path, map_back: Any, score: float = 0.5) -> None:
    """The bundle's boxes and labels are those of OBJECTS."""
    found = detect(folder, *PICTURE)
    expected = sorted(objects_above(score), key=lambda o: -o[1])
    assert [label for label, _, _ in found] == [o[0] for o in expected]
    for (_, _, box), (_, _, input_box) in zip(found, expected, strict=True):
        limits = [*PICTURE, *PICTURE]
        assert np.abs(box - np.clip(map_back(input_box, *PICTURE), 0, limits)).max() < 0.05


PLAIN = ("boxes_xyxy", "confidences", "class_ids")
TENSORRT: dict[str, dict[str, np.ndarray]] = {
    "yolov7 and yolov8": with_count(
        vectors(("det_boxes", "det_scores", "det_classes"), label_dtype=np.int32, padding=95),
        "num_dets",
    ),
    "yolov8-tensorrt": with_count(
        vectors(("bboxes", "scores", "labels"), label_dtype=np.int32, padding=95), "num_dets"
    ),
    "float class ids": with_count(
        vectors(("det_boxes", "det_scores", "det_classes"), label_dtype=np.float32, padding=9),
        "num_dets",
    ),
    "batched nms": with_count(
        vectors(
            ("nmsed_boxes", "nmsed_scores", "nmsed_classes"),
            label_dtype=np.float32,
            normalised=True,
            padding=20,
        ),
        "num_detections",
    ),
    "named as tensorflow names": with_count(
        vectors(("detection_boxes", "detection_scores", "detection_classes"), padding=5),
        "num_detections",
    ),
    "yolo-nas": with_count(
        vectors(("pred_boxes", "pred_scores", "pred_classes"), padding=5, padding_label=0),
        "num_predictions",
        np.int64,
    ),
    "no names": with_count(vectors(("a", "b", "c"), label_dtype=np.float32, padding=5), "d"),
    "names that lie": with_count(
        vectors(("a", "labels", "scores"), label_dtype=np.float32, padding=2), "x"
    ),
}


@pytest.mark.parametrize("case", TENSORRT)
def test_outputs_as_tensorrts_are_read_with_labels_from_0(case: str, tmp_path: Path) -> None:
    result = adapt_model(tmp_path, make_model(TENSORRT[case]))
    assert result.reading.format == "efficientnms"
    assert result.reading.count_output is not None
    assert_right(tmp_path, map_back_ultralytics)
    assert not any("label" in warning for warning in result.warnings), result.warnings


def test_boxes_scores_and_class_ids_without_a_count(tmp_path: Path) -> None:
    result = adapt_model(tmp_path, make_model(vectors(PLAIN)))
    assert result.reading.format == "efficientnms"
    assert "labels from 0: the graph gave the label 0" in result.notes
    assert any("does not say whose NMS this is" in warning for warning in result.warnings)
    assert_right(tmp_path, map_back_ultralytics)


def test_boxes_in_0_to_1_without_a_count(tmp_path: Path) -> None:
    outputs = vectors(PLAIN, normalised=True, first_label=1)
    assert adapt_model(tmp_path, make_model(outputs)).reading.format == "onnx-ssd"
    assert_right(tmp_path, map_back_stretch)
    # a label 0 is background in the ONNX zoo's SSD
    result = adapt_model(tmp_path, make_model(vectors(PLAIN, normalised=True)))
    assert result.reading.format == "efficientnms"
    assert_right(tmp_path, map_back_ultralytics)


@pytest.mark.parametrize("has_count", [False, True])
def test_boxes_in_0_to_1_of_a_picture_with_channels_last_may_be_tensorflows(
    has_count: bool, tmp_path: Path
) -> None:
    outputs = vectors(PLAIN, normalised=True, first_label=1)
    outputs = with_count(outputs, "n") if has_count else outputs
    with pytest.raises(ToolError, match=r"may be read in several ways.*tf-ssd: yxyx"):
        adapt_model(tmp_path, make_model(outputs, shape=(1, HEIGHT, WIDTH, 3)))


def test_a_last_label_that_is_the_number_of_names_shows_labels_from_1(tmp_path: Path) -> None:
    result = adapt_model(tmp_path, make_model(vectors(PLAIN, first_label=1)))
    assert "labels from 1: the graph gave the label 3, of 3 names" in result.notes
    assert_right(tmp_path, map_back_ultralytics)


@pytest.mark.parametrize("padding", [0, 4])
def test_labels_that_fit_both_are_told_with_the_option(padding: int, tmp_path: Path) -> None:
    # only bees: label 1 is the second from 0, or the first from 1
    outputs = vectors(PLAIN, only=(1,), padding=padding, padding_label=0)
    result = adapt_model(tmp_path, make_model(outputs))
    assert any(
        "the labels that it gave (1) fit both" in warning and "--class-offset 1" in warning
        for warning in result.warnings
    ), result.warnings


def test_a_quiet_graph_is_no_proof(tmp_path: Path) -> None:
    result = adapt_model(tmp_path, make_model(vectors(PLAIN, only=())))
    assert any("it gave no label yet" in warning for warning in result.warnings)


def test_padding_of_label_0_is_no_detection(tmp_path: Path) -> None:
    """TensorFlow fills up with label 1 and score 0; others with label 0, before no count."""
    outputs = vectors(
        ("detection_boxes:0", "detection_scores:0", "detection_classes:0"),
        first_label=1,
        normalised=True,
        padding=50,
        padding_label=0,
    )
    outputs["detection_boxes:0"] = outputs["detection_boxes:0"][..., [1, 0, 3, 2]]
    model = make_model(outputs, shape=(1, HEIGHT, WIDTH, 3), dtype=TensorProto.UINT8)
    result = adapt_model(tmp_path, model)
    assert result.reading.format == "tf-ssd"
    assert "labels from 1, as tf-ssd numbers them" in result.notes
    assert_right(tmp_path, map_back_stretch)


def test_a_label_0_shifts_a_format_whose_labels_start_at_1(tmp_path: Path) -> None:
    outputs = vectors(("detection_boxes", "detection_scores", "detection_classes"), normalised=True)
    outputs["detection_boxes"] = outputs["detection_boxes"][..., [1, 0, 3, 2]]
    model = make_model(outputs, shape=(1, HEIGHT, WIDTH, 3), dtype=TensorProto.UINT8)
    result = adapt_model(tmp_path, model)
    assert any("which tf-ssd does not have otherwise" in note for note in result.notes)
    assert_right(tmp_path, map_back_stretch)
    warnings = adapt_model(tmp_path, model, class_offset=1).warnings
    assert any("gave the label 0, which has no name (named are 1 to 3)" in w for w in warnings)


def test_a_label_beyond_the_names_is_told(tmp_path: Path) -> None:
    outputs = TENSORRT["yolov7 and yolov8"]
    warnings = adapt_model(tmp_path, make_model(outputs), classes="ant,bee").warnings
    assert any("gave the label 2, which has no name (named are 0 to 1)" in w for w in warnings)
    outputs = with_count(vectors(("bboxes", "scores", "labels"), first_label=1), "num_dets")
    warnings = adapt_model(tmp_path, make_model(outputs)).warnings
    assert any("do labels start at 1 (--class-offset 1)" in w for w in warnings)


# Rows (box, score, label) that are no detections, whatever their label says.
PADDING = {
    "behind the count": ((1, 2, 30, 40), 0.9, 7),
    "a score of 0": ((1, 2, 30, 40), 0.0, 7),
    "a box of zeros": ((0, 0, 0, 0), 0.9, 7),
    "a label of -1": ((1, 2, 30, 40), 0.9, -1),
}


@pytest.mark.parametrize("padding", PADDING)
def test_padding_has_no_labels(padding: str, tmp_path: Path) -> None:
    box, score, label = PADDING[padding]
    model = make_model(
        {
            "boxes": np.array([[(10, 12, 50, 40), box]], np.float32),
            "scores": np.array([[0.8, score]], np.float32),
            "classes": np.array([[2, label]], np.float32),
            "count": np.array([[1 if padding == "behind the count" else 2]], np.int32),
        }
    )
    result = adapt_model(tmp_path, model, format="efficientnms")
    assert find_real_labels(result.foreign, result.reading) == {2}
    found = find_detection_vectors(ObservedModel(result.foreign))
    assert found is not None and found.real_labels == {2}
    assert {tuple(row) for row in found.real_boxes} == {(10, 12, 50, 40)}


def test_what_tensorflow_2_gives_besides_is_left_out(tmp_path: Path) -> None:
    case = nms_inside.tf_ssd()
    more = {
        "raw_detection_boxes": np.zeros((1, 90, 4), np.float32),
        "raw_detection_scores": np.full((1, 90, 4), 0.01, np.float32),
        "detection_anchor_indices": np.arange(7, dtype=np.float32)[None],
        "detection_multiclass_scores": np.full((1, 7, 4), 0.01, np.float32),
    }
    for output in make_model(more, image="inputs").graph.output:
        case.model.graph.output.append(output)
    for name, array in more.items():
        case.model.graph.initializer.append(numpy_helper.from_array(array, f"{name}_value"))
        case.model.graph.node.append(helper.make_node("Identity", [f"{name}_value"], [name]))
    result = adapt_model(tmp_path, case.model, size=(WIDTH, HEIGHT))
    assert result.reading.format == "tf-ssd"
    assert_right(tmp_path, map_back_stretch)


def torchvision_of_a_batch(first_label: int = 1) -> onnx.ModelProto:
    """torchvision's export of one picture [1, 3, H, W]: its transform's mean is in the graph."""
    model = make_model(vectors(("p", "q", "r"), first_label=first_label), image="x")
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
    model.graph.initializer.append(numpy_helper.from_array(mean, "mean_of_transform"))
    model.graph.node.insert(0, helper.make_node("Sub", ["x", "mean_of_transform"], ["centred"]))
    for node in model.graph.node[1:]:
        node.input[:] = ["centred" if name == "x" else name for name in node.input]
    return model


def test_torchvision_is_known_by_its_own_preprocessing(tmp_path: Path) -> None:
    result = adapt_model(tmp_path, torchvision_of_a_batch())
    assert result.reading.format == "torchvision"
    assert "labels from 1, as torchvision numbers them" in result.notes
    assert not any("only the outputs speak" in warning for warning in result.warnings)
    assert_right(tmp_path, map_back_stretch)
    # its label 0 is background, which it never gives
    result = adapt_model(tmp_path, torchvision_of_a_batch(first_label=0))
    assert result.reading.format == "efficientnms"


def test_torchvisions_names_alone_are_a_doubt(tmp_path: Path) -> None:
    outputs = vectors(("boxes", "scores", "labels"), first_label=1)
    result = adapt_model(tmp_path, make_model(outputs))
    assert result.reading.format == "torchvision"
    assert any("only the outputs speak for torchvision" in warning for warning in result.warnings)
    assert_right(tmp_path, map_back_stretch)
    # a label 0 is none of torchvision's
    outputs = vectors(("boxes", "scores", "labels"))
    assert adapt_model(tmp_path, make_model(outputs)).reading.format == "efficientnms"
    assert_right(tmp_path, map_back_ultralytics)
