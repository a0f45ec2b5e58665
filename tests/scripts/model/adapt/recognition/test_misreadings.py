"""Heads in every state before decoding are refused or read exactly: none gives boxes of its own.

The tiny graphs of the formats are undone step by step: offsets to cells, logits, logarithms, other
units, orders and axes. Whatever adapt then finds must be a box of the table before it was undone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.foreign_graphs import (
    CLASSES,
    HEIGHT,
    STRIDES,
    WIDTH,
    decoded_table,
    grid,
    make_model,
)

Undo = Callable[[np.ndarray, np.ndarray], np.ndarray]
SIZE = np.array([WIDTH, HEIGHT], float)


def logit(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores))


def boxes_by(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Undo:
    """Changes the first four columns only; `change` gets them and the cells."""
    return lambda table, cells: np.concatenate([change(table[:, :4], cells), table[:, 4:]], 1)


def to_corners(boxes: np.ndarray) -> np.ndarray:
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], 1)


def to_offsets(boxes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """YOLOX before decoding: offsets to the cell, logarithms of sizes in cells."""
    centre = boxes[:, :2] / cells[:, 2:] - cells[:, :2]
    return np.concatenate([centre, np.log(boxes[:, 2:] / cells[:, 2:])], 1)


def to_sigmoid(boxes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-to_offsets(boxes, cells)))


def to_distances(boxes: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """FCOS: px from the middle of the cell to the four sides."""
    middle = (cells[:, :2] + 0.5) * cells[:, 2:]
    corners = to_corners(boxes)
    return np.abs(np.concatenate([middle - corners[:, :2], corners[:, 2:] - middle], 1))


UNDONE: dict[str, Undo] = {
    "as it is": lambda table, cells: table,
    "offsets": boxes_by(to_offsets),
    "offsets through a sigmoid": boxes_by(to_sigmoid),
    "distances in px": boxes_by(to_distances),
    "distances in strides": boxes_by(lambda b, cells: to_distances(b, cells) / cells[:, 2:]),
    "in cells": boxes_by(lambda b, cells: b / cells[:, 2:]),
    "sizes in cells": boxes_by(
        lambda b, cells: np.concatenate([b[:, :2], b[:, 2:] / cells[:, 2:]], 1)
    ),
    "logarithms of sizes": boxes_by(
        lambda b, cells: np.concatenate([b[:, :2], np.log(b[:, 2:])], 1)
    ),
    "normalised": boxes_by(lambda b, cells: b / np.tile(SIZE, 2)),
    "of a larger input": boxes_by(lambda b, cells: b * 5),
    "corners": boxes_by(lambda b, cells: to_corners(b)),
    "top left corners": boxes_by(
        lambda b, cells: np.concatenate([b[:, :2] - b[:, 2:] / 2, b[:, 2:]], 1)
    ),
    "y before x": boxes_by(lambda b, cells: b[:, [1, 0, 3, 2]]),
    "logits": lambda table, cells: np.concatenate([table[:, :4], logit(table[:, 4:])], 1),
    "percent": lambda table, cells: table * np.array([1] * 4 + [100] * (table.shape[1] - 4)),
    "priors alone": boxes_by(
        lambda b, cells: np.concatenate(
            [(cells[:, :2] + 0.5) * cells[:, 2:]] + [cells[:, 2:]] * 2, 1
        )
    ),
}


def assert_refused_or_exact(folder: Path, outputs: dict[str, np.ndarray], truth: np.ndarray) -> str:
    """truth: [A, 4 + classes], cxcywh and scores. Returns what was read, or "refused"."""
    model = make_model({name: array.astype(np.float32) for name, array in outputs.items()})
    try:
        result = adapt_model(folder, model)
    except ToolError:
        return "refused"
    corners = np.clip(to_corners(truth[:, :4]), 0, np.tile(SIZE, 2))
    found = detect(folder, WIDTH, HEIGHT)  # a picture of the input's size: nothing is scaled
    assert len(found) >= 2
    for label, score, box in found:
        distance = np.abs(corners - box).max(1) + np.abs(truth[:, 4 + label] - score)
        assert distance.min() < 0.05, (result.reading, box, score)
    return result.reading.format


def scores_of(table: np.ndarray, objectness: bool) -> np.ndarray:
    return table[:, 5:] * table[:, 4:5] if objectness else table[:, 4:]


@pytest.mark.parametrize("undone", UNDONE)
@pytest.mark.parametrize("layout", ["rows", "rows of three anchors", "columns", "a pair"])
def test_an_undone_table_is_refused_or_read_exactly(
    undone: str, layout: str, tmp_path: Path
) -> None:
    objectness, anchors = layout.startswith("rows"), 3 if "three" in layout else 1
    table = decoded_table(objectness=objectness, anchors=anchors)
    truth = np.concatenate([table[:, :4], scores_of(table, objectness)], 1)
    changed = UNDONE[undone](table, np.repeat(grid(), anchors, 0))[np.newaxis]
    outputs = {
        "rows": {"output": changed},
        "rows of three anchors": {"output": changed},
        "columns": {"output": changed.transpose(0, 2, 1)},
        "a pair": {"boxes": changed[..., :4], "scores": changed[..., 4:]},
    }[layout]
    read_as = assert_refused_or_exact(tmp_path, outputs, truth)
    if undone == "as it is":
        expected = {"rows": "yolox", "rows of three anchors": "yolov5", "columns": "yolov8"}
        assert read_as == expected.get(layout, "boxes-scores")


@pytest.mark.parametrize("undone", ["as it is", "offsets", "logits", "normalised"])
def test_a_table_cut_by_stride_is_refused_or_read_exactly(undone: str, tmp_path: Path) -> None:
    table, cells = decoded_table(objectness=True), grid()
    truth = np.concatenate([table[:, :4], scores_of(table, True)], 1)
    changed = UNDONE[undone](table, cells)
    outputs = {f"out{stride}": changed[cells[:, 2] == stride][np.newaxis] for stride in STRIDES}
    assert_refused_or_exact(tmp_path, outputs, truth)


def test_an_output_without_a_meaning_speaks_against_a_reading(tmp_path: Path) -> None:
    table = decoded_table(objectness=False)
    outputs = {"boxes": to_corners(table[:, :4]), "scores": table[:, 4:]}
    arrays = {name: array[np.newaxis].astype(np.float32) for name, array in outputs.items()}
    assert adapt_model(tmp_path, make_model(arrays)).reading.format == "boxes-scores"
    arrays["centerness"] = np.full((1, len(table), 1), 0.5, np.float32)
    with pytest.raises(ToolError, match=r"leaves centerness \[1, 252, 1\] without a meaning"):
        adapt_model(tmp_path, make_model(arrays))


def test_a_column_that_is_nearly_always_sure_is_no_class(tmp_path: Path) -> None:
    table = decoded_table(objectness=False)
    surely = np.insert(table, 4, 0.97, axis=1).T[np.newaxis].astype(np.float32)
    with pytest.raises(ToolError, match=r"its class 0 scores above 0\.9 in most boxes"):
        adapt_model(tmp_path, make_model({"output": surely}))


def test_a_refusal_says_what_each_reading_lacks_and_what_it_looks_like(tmp_path: Path) -> None:
    cells = grid()
    outputs = {
        f"head{stride}": np.zeros((1, 3, HEIGHT // stride, WIDTH // stride, 8), np.float32)
        for stride in STRIDES
    }
    with pytest.raises(ToolError) as refusal:
        adapt_model(tmp_path, make_model(outputs))
    assert "head8 (stride 8), head16 (stride 16), head32 (stride 32)" in str(refusal.value)
    table = UNDONE["in cells"](decoded_table(objectness=True), cells)[np.newaxis]
    with pytest.raises(ToolError) as refusal:
        adapt_model(tmp_path, make_model({"output": table.astype(np.float32)}))
    assert "yolov8: the centres of its boxes lie within" in str(refusal.value)


def test_the_users_format_is_taken_with_what_speaks_against_it(tmp_path: Path) -> None:
    table = UNDONE["in cells"](decoded_table(objectness=True), grid())[np.newaxis]
    result = adapt_model(
        tmp_path, make_model({"output": table.astype(np.float32)}), format="yolox", coding="cxcywh"
    )
    assert any("the centres of its boxes lie within" in warning for warning in result.warnings)
    with pytest.raises(ToolError, match="do not read as detr"):
        adapt_model(tmp_path, make_model({"output": table.astype(np.float32)}), format="detr")


def test_an_option_that_a_refusal_names_makes_it_right(tmp_path: Path) -> None:
    table = decoded_table(objectness=False)
    columns = UNDONE["corners"](table, grid()).T[np.newaxis].astype(np.float32)
    with pytest.raises(ToolError, match="--coding xyxy"):
        adapt_model(tmp_path, make_model({"output": columns}))
    adapt_model(tmp_path, make_model({"output": columns}), coding="xyxy")
    found = detect(tmp_path, WIDTH, HEIGHT)
    assert len(found) >= 2 and {label for label, _, _ in found} <= set(range(len(CLASSES)))
