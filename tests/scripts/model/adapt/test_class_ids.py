"""Class names get the labels, or columns, that the graph gives them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.model.adapt.class_ids import COCO_IDS, assign_class_ids
from scripts.model.adapt.class_refusals import FileNames
from scripts.model.adapt.reading import FormatReading
from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import nms_inside, yolo
from tests.scripts.model.adapt.foreign_graphs import (
    HEIGHT,
    OBJECTS,
    WIDTH,
    decoded_table,
    make_model,
)

COCO = ["person", *(f"thing {n}" for n in range(78)), "toothbrush"]


@pytest.fixture
def torchvision(tmp_path: Path) -> FormatReading:
    return adapt_model(tmp_path, nms_inside.torchvision().model).reading


@pytest.fixture
def yolov8(tmp_path: Path) -> FormatReading:
    return adapt_model(tmp_path, yolo.yolov8().model, classes=None).reading


def test_coco_names_get_cocos_numbers(torchvision: FormatReading) -> None:
    reading = torchvision
    assert assign_class_ids(COCO, reading, "auto").ids == COCO_IDS
    assert assign_class_ids(COCO, reading, "contiguous").ids == tuple(range(1, 81))
    assert (COCO_IDS[0], COCO_IDS[11], COCO_IDS[-1]) == (1, 13, 90)  # stop sign is 13
    numbered = assign_class_ids(["7: train", "3: car"], reading, "auto")
    assert (numbered.names, numbered.ids) == (("train", "car"), (7, 3))
    with_background = assign_class_ids(["__background__", "a", "N/A", "b"], reading, "auto")
    assert (with_background.names, with_background.ids) == (("a", "b"), (1, 3))


def test_labels_that_coco_does_not_have_speak_against_its_gaps(torchvision: FormatReading) -> None:
    for label, first in ((12, 1), (0, 0)):  # 12 is dropped from COCO, 0 is its background
        ids = assign_class_ids(COCO, torchvision, "auto", seen_labels={1, label}).ids
        assert ids == tuple(range(first, first + 80))


@pytest.mark.parametrize(
    ("convention", "is_assumed", "seen", "first", "note", "is_doubtful"),
    [
        (1, False, {1, 2}, 1, "labels from 1, as torchvision numbers them", False),
        (1, False, {0, 2}, 0, "the graph gave the label 0", False),
        (1, True, {0}, 0, "the graph gave the label 0", False),
        (1, True, {1, 3}, 1, "labels from 1: the graph gave the label 3, of 3 names", False),
        (0, True, {1, 3}, 1, "labels from 1: the graph gave the label 3, of 3 names", False),
        (0, True, {1, 2}, 0, "labels from 0, by convention", True),
        (0, True, set(), 0, "labels from 0, by convention", True),
        (1, True, set(), 1, "labels from 1, by convention", True),
        (0, False, {1, 3}, 0, "labels from 0", False),  # graph_warnings tells of the label 3
    ],
)
def test_labels_start_where_those_seen_do(
    convention: int,
    is_assumed: bool,
    seen: set[int],
    first: int,
    note: str,
    is_doubtful: bool,
    torchvision: FormatReading,
) -> None:
    reading = dataclasses.replace(
        torchvision, class_offset=convention, is_class_offset_assumed=is_assumed
    )
    assigned = assign_class_ids(["a", "b", "c"], reading, "auto", seen_labels=seen)
    assert assigned.ids == (first, first + 1, first + 2)
    assert note in (assigned.note or "")
    assert bool(assigned.warnings) is is_doubtful
    if is_doubtful:
        assert f"--class-offset {1 - first}" in assigned.warnings[0]
    given = assign_class_ids(
        ["a", "b", "c"], reading, "auto", seen_labels=seen, is_offset_given=True
    )
    assert given.ids[0] == convention and not given.warnings


def refused(names: Any, reading: FormatReading, **options: Any) -> str:
    with pytest.raises(ToolError) as raised:
        assign_class_ids(names, reading, "auto", **options)
    return str(raised.value)


def test_a_wrong_number_of_names_is_told_with_format_and_metadata(yolov8: FormatReading) -> None:
    names = FileNames(dict(enumerate(["person", "bicycle", "car", "bus"])))
    assert refused(["a"], yolov8, file_names=names) == (
        "read as yolov8 with 3 classes (the file's own names: person, bicycle, car, …); 1 name is "
        "given; name all 3, or some by their number (a line each: 7: train)"
    )
    assert "(the file names none); 5 names are given" in refused(list("abcde"), yolov8)
    one = dataclasses.replace(yolov8, scores=dataclasses.replace(yolov8.scores, first=6))
    assert "with 1 class (the file names none); 2 names are given; name that one" in refused(
        ["a", "b"], one
    )


def test_missing_names_are_counted(yolov8: FormatReading) -> None:
    assert "names no classes; give 3 names with --classes" in refused(None, yolov8)
    one = dataclasses.replace(yolov8, scores=dataclasses.replace(yolov8.scores, first=6))
    assert "give 1 name with --classes" in refused(None, one)


def test_repeated_names_are_refused_and_names_alike_are_told(yolov8: FormatReading) -> None:
    assert "'a' is named more than once (numbers 0, 2)" in refused(["a", "b", "a"], yolov8)
    assert "there is no class 7: read as yolov8, the scores have 3 columns" in (
        refused(["7: train"], yolov8)
    )
    warnings = assign_class_ids(["Cell", "cell", "red blood"], yolov8, "auto").warnings
    assert warnings == ("the names 'Cell' and 'cell' differ by case or spaces alone: are they one "
                        "class?",)  # fmt: skip
    assert not assign_class_ids(["cell", "cells", "red"], yolov8, "auto").warnings


def with_names(names: str) -> Any:
    table = decoded_table(objectness=False)
    return make_model(
        {"output0": table.T[None].astype(np.float32)},
        metadata={"names": names, "task": "detect", "stride": "32"},
    )


def test_gaps_in_the_files_names_are_refused_unless_names_are_given(tmp_path: Path) -> None:
    model = with_names("{0: 'ant', 2: 'cat'}")
    with pytest.raises(ToolError) as raised:
        adapt_model(tmp_path, model, classes=None)
    assert str(raised.value).startswith(
        "the class 1 has no name in the file, which names 0: ant, 2: cat; give all names with "
        "--classes"
    )
    assert adapt_model(tmp_path, model, classes="ant,bee,cat").manifest.classes[1] == "bee"
    adapt_model(tmp_path, model, classes="0: ant,2: cat")
    expected = {{0: 0, 2: 1}[label] for label, score, _ in OBJECTS if score > 0.25 and label != 1}
    assert {label for label, _, _ in detect(tmp_path, WIDTH, HEIGHT)} == expected


def test_names_that_the_file_numbers_from_1_keep_their_numbers(tmp_path: Path) -> None:
    case = nms_inside.tf_ssd()
    case.model.metadata_props.add(key="names", value="{1: 'ant', 2: 'bee', 3: 'cat'}")
    result = adapt_model(tmp_path, case.model, classes=None, size=(WIDTH, HEIGHT))
    assert result.manifest.classes == ("ant", "bee", "cat")
    assert sorted({label for label, _, _ in detect(tmp_path, WIDTH, HEIGHT)}) == [0, 1, 2]
    with pytest.raises(ToolError, match="there is no class 3"):  # columns count from 0
        adapt_model(tmp_path, with_names("{1: 'ant', 2: 'bee', 3: 'cat'}"), classes=None)


def test_the_files_own_numbers_say_where_labels_start(torchvision: FormatReading) -> None:
    reading = dataclasses.replace(torchvision, is_class_offset_assumed=True)
    numbered = FileNames({0: "a", 1: "b", 2: "c"}, are_numbered=True)
    assigned = assign_class_ids(["a", "b", "c"], reading, "auto", file_names=numbered)
    assert assigned.ids == (0, 1, 2) and not assigned.warnings
    assert assigned.note == "labels from 0, as the file numbers its names"
    listed = FileNames({0: "a", 1: "b", 2: "c"})
    assert assign_class_ids(["a", "b", "c"], reading, "auto", file_names=listed).warnings


def test_more_names_than_the_file_has_are_told(torchvision: FormatReading) -> None:
    own = FileNames({0: "a", 1: "b"})
    warnings = assign_class_ids(["a", "b", "c"], torchvision, "auto", file_names=own).warnings
    assert warnings == ("the file has 2 names (the file's own names: a, b), and 3 names are given",)
