"""What a graph shows on the trial pictures decides; what it does not show is said, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from scripts.model.adapt.adapter import adapt
from scripts.model.adapt.loading.foreign_model import load_foreign_model
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.recognition.recognise import Recognition, recognise_format
from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.foreign_graphs import (
    HEIGHT,
    OBJECTS,
    WIDTH,
    decoded_table,
    make_model,
    save,
)
from tests.support.paths import SHARED_DATA

ODD = SHARED_DATA / "onnx" / "odd"
ULTRALYTICS = {
    "author": "Ultralytics",
    "description": "Ultralytics YOLOv8n model",
    "task": "detect",
    "names": "{0: 'ant', 1: 'bee', 2: 'cat'}",
}
RED = np.full((20, 30, 3), (255, 0, 0), np.uint8)


def rows_of_objects(padding: float = 0.0) -> np.ndarray:
    """[1, N, 6]: xyxy in px, score, label, and padding behind."""
    rows = [(*box, score, label) for label, score, box in OBJECTS] + [(padding,) * 6] * 40
    return np.array([rows], np.float32)


def silence_unless_red(model: onnx.ModelProto) -> onnx.ModelProto:
    """All outputs are 0 unless the picture's red is above its blue by more than 100."""
    picture = model.graph.input[0].name
    nodes = [
        helper.make_node("ReduceMean", [picture], ["colour"], axes=[0, 2, 3], keepdims=0),
        helper.make_node("Split", ["colour"], ["red", "green", "blue"], axis=0),
        helper.make_node("Sub", ["red", "blue"], ["redness"]),
        helper.make_node("Greater", ["redness", "much"], ["is_red"]),
        helper.make_node("Cast", ["is_red"], ["voice"], to=1),
    ]
    for output in model.graph.output:
        last = next(node for node in model.graph.node if output.name in node.output)
        last.output[0] = f"{output.name}_loud"
        nodes.append(helper.make_node("Mul", [f"{output.name}_loud", "voice"], [output.name]))
    model.graph.node.extend(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(100), "much"))
    onnx.checker.check_model(model)
    return model


def recognise(folder: Path, model: onnx.ModelProto, *pictures: np.ndarray) -> Recognition:
    return recognise_format(load_foreign_model(save(model, folder), pictures=pictures))


def test_a_quiet_graph_is_refused_with_the_readings_that_it_leaves_open(tmp_path: Path) -> None:
    model = silence_unless_red(make_model({"output0": rows_of_objects()}))
    with pytest.raises(ToolError) as refusal:
        recognise(tmp_path, model)
    message = str(refusal.value)
    assert "found nothing on the trial pictures" in message and "--check" in message
    assert "--format end2end" in message and "--format rt-detr-ultralytics" in message


def test_the_users_picture_shows_what_drawings_do_not(tmp_path: Path) -> None:
    model = silence_unless_red(make_model({"output0": rows_of_objects()}))
    recognition = recognise(tmp_path, model, RED)
    reading = recognition.reading
    assert (reading.format, reading.coding, reading.units) == ("end2end", "xyxy", "px")
    assert recognition.warnings == ()


def test_the_files_own_word_comes_before_silence_and_is_said(tmp_path: Path) -> None:
    model = make_model({"output0": rows_of_objects()}, metadata=ULTRALYTICS)
    recognition = recognise(tmp_path, silence_unless_red(model))
    assert recognition.reading.format == "end2end"
    first_reason = recognition.reading.reasons[0]
    assert first_reason.startswith("the file says: Ultralytics, Ultralytics YOLOv8n model")
    assert "task detect" in first_reason and "3 names" in first_reason
    assert any("found nothing on any trial picture" in text for text in recognition.warnings)
    model.metadata_props.add(key="description", value="Ultralytics rtdetr-l model")
    assert recognise(tmp_path, model).reading.format == "rt-detr-ultralytics"


@pytest.mark.parametrize("padding", [0.0, -1.0])
def test_padding_is_no_evidence(padding: float, tmp_path: Path) -> None:
    reading = recognise(tmp_path, make_model({"output0": rows_of_objects(padding)})).reading
    assert (reading.format, reading.units) == ("end2end", "px")


@pytest.mark.parametrize(
    ("coding", "format_name"), [("xyxy", "end2end"), ("cxcywh", "rt-detr-ultralytics")]
)
def test_rows_in_parts_of_the_picture_are_told_apart_by_their_corners(
    coding: str, format_name: str, tmp_path: Path
) -> None:
    rows = rows_of_objects()[:, : len(OBJECTS)].astype(np.float64)
    boxes = rows[..., :4] / [WIDTH, HEIGHT, WIDTH, HEIGHT]
    if coding == "cxcywh":
        extents = boxes[..., 2:] - boxes[..., :2]
        boxes = np.concatenate([boxes[..., :2] + extents / 2, extents], 2)
    model = make_model({"output0": np.concatenate([boxes, rows[..., 4:]], 2).astype(np.float32)})
    reading = recognise(tmp_path, model).reading
    assert (reading.format, reading.coding) == (format_name, coding)
    assert reading.units == "normalised"


def test_a_box_that_may_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    """One box: corners (0.3, 0.4) and (0.6, 0.5), or a centre and a size."""
    row = np.array([[(0.3, 0.4, 0.6, 0.5, 0.9, 1.0)]], np.float32)
    with pytest.raises(ToolError) as refusal:
        recognise(tmp_path, make_model({"output0": row}))
    message = str(refusal.value)
    assert "xyxy in normalised, --format end2end" in message
    assert "cxcywh in normalised, --format rt-detr-ultralytics" in message


def test_scores_that_are_no_probabilities_speak_against_a_reading(tmp_path: Path) -> None:
    rows = rows_of_objects()
    rows[..., 4] *= 100
    with pytest.raises(ToolError, match=r"end2end: its scores reach from 10 to 90"):
        recognise(tmp_path, make_model({"output0": rows}))


def test_boxes_of_a_larger_picture_than_the_input_are_refused(tmp_path: Path) -> None:
    rows = rows_of_objects()
    rows[..., :4] *= 6
    with pytest.raises(ToolError, match=r"end2end: .* of its boxes lie outside the picture"):
        recognise(tmp_path, make_model({"output0": rows}))


def test_boxes_far_larger_than_the_picture_are_refused(tmp_path: Path) -> None:
    rows = rows_of_objects()[:, : len(OBJECTS)]
    rows[..., :4] += np.array([-5, -5, 5, 5]) * WIDTH
    with pytest.raises(ToolError, match="of its boxes are more than twice as large"):
        recognise(tmp_path, make_model({"output0": rows}))


def test_boxes_without_numbers_are_refused(tmp_path: Path) -> None:
    table = decoded_table(objectness=False)
    table[::5, 2] = np.inf
    columns = table.T[np.newaxis].astype(np.float32)
    with pytest.raises(ToolError, match="20% of its boxes are not finite"):
        recognise(tmp_path, make_model({"output0": columns}))


def test_labels_that_are_no_whole_numbers_are_told(tmp_path: Path) -> None:
    rows = rows_of_objects()
    rows[..., 5] += 7.25  # no angle, either
    model = make_model({"output0": rows})
    with pytest.raises(ToolError, match="end2end: its labels are no whole numbers"):
        recognise(tmp_path, model)
    result = adapt_model(tmp_path, model, format="end2end")
    assert any("its labels are no whole numbers" in warning for warning in result.warnings)


def test_rows_of_corner_and_size_are_no_corners(tmp_path: Path) -> None:
    rows = rows_of_objects()
    rows[..., 2:4] -= rows[..., :2]
    with pytest.raises(ToolError, match=r"end2end: .* of its boxes end left of, or above"):
        recognise(tmp_path, make_model({"output0": rows}))


def test_parts_of_the_picture_are_no_px(tmp_path: Path) -> None:
    rows = rows_of_objects()
    rows[..., :4] /= [WIDTH, HEIGHT, WIDTH, HEIGHT]
    model = make_model({"output0": rows})
    assert adapt_model(tmp_path, model).reading.units == "normalised"
    with pytest.raises(ToolError, match="most of its boxes are smaller than a pixel"):
        adapt_model(tmp_path, model, units="px")


def failing_above(limit: float) -> onnx.ModelProto:
    """A graph of the end2end format that fails where a pixel is above the limit: its rows do not
    fit the shape that they are to have then."""
    model = make_model({"output0": rows_of_objects()})
    last = next(node for node in model.graph.node if node.output[0] == "output0")
    last.output[0] = "whole"
    picture = model.graph.input[0].name
    one, count = np.ones(1, np.int64), np.array([rows_of_objects().shape[1]], np.int64)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name)
        for value, name in (
            (np.float32(limit), "limit"),
            (np.zeros(1, np.int64), "start"),
            (one, "axis"),
            (count, "count"),
            (np.array([1, -1, 6], np.int64), "shape"),
            (np.array([1, int(count[0]), 6], np.int64), "whole_shape"),
        )
    )
    model.graph.node.extend(
        [
            helper.make_node("ReduceMax", [picture], ["highest"], keepdims=0),
            helper.make_node("Less", ["highest", "limit"], ["is_low"]),
            helper.make_node("Cast", ["is_low"], ["low"], to=7),
            helper.make_node("Mul", ["low", "count"], ["end"]),
            helper.make_node("Slice", ["whole", "start", "end", "axis"], ["part"]),
            helper.make_node("Reshape", ["part", "whole_shape"], ["output0"]),
        ]
    )
    return model


def test_a_graph_that_fails_on_some_scales_is_tried_on_the_others(tmp_path: Path) -> None:
    foreign = load_foreign_model(save(failing_above(1.5), tmp_path))
    assert {trial.scale for trial in foreign.trials} == {"unit"}
    assert recognise_format(foreign).reading.format == "end2end"


def test_a_graph_that_fails_on_every_scale_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"fails on every picture of 128 x 96 px.*--size"):
        load_foreign_model(save(failing_above(-10), tmp_path))


def test_one_that_has_no_normalised_boxes_keeps_its_quiet_rows_out(tmp_path: Path) -> None:
    """A graph with a count: what lies behind it is no detection, whatever it holds."""
    boxes = np.array([[o[2] for o in OBJECTS] + [(0.1, 0.1, 0.2, 0.2)] * 30], np.float32)
    scores = np.array([[o[1] for o in OBJECTS] + [0.9] * 30], np.float32)
    labels = np.array([[o[0] for o in OBJECTS] + [0] * 30], np.int32)
    count = np.array([[len(OBJECTS)]], np.int32)
    result = adapt_model(
        tmp_path,
        make_model(
            {"num_dets": count, "det_boxes": boxes, "det_scores": scores, "det_classes": labels}
        ),
    )
    assert (result.reading.format, result.reading.units) == ("efficientnms", "px")


@pytest.mark.needs_shared_data
@pytest.mark.parametrize(
    ("file", "classes", "format_name"),
    [
        ("quiet_nms_u8.onnx", None, "end2end"),
        ("works_on_0_1_only.onnx", "a,b", "torchvision"),
        ("unsorted.onnx", None, "yolov8"),
        ("unused_init.onnx", None, "yolov8"),
    ],
)
def test_odd_graphs_are_read(
    file: str, classes: str | None, format_name: str, tmp_path: Path
) -> None:
    result = adapt(
        ODD / file, tmp_path / "out", name="x", version="1", options=AdaptOptions(classes=classes)
    )
    assert (result.reading.format, result.reading.units) == (format_name, "px")
