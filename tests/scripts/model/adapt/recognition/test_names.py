"""The number of names never changes the format: what it does not fit is refused, with a way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.model.adapt.adapter import adapt
from scripts.model.adapt.options import AdaptOptions
from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.cases import yolo
from tests.scripts.model.adapt.cases.boxes_and_scores import ssd
from tests.scripts.model.adapt.foreign_graphs import decoded_table, make_model
from tests.support.paths import SHARED_DATA

# 8 columns: objectness and 3 classes for YOLOX, 4 classes for YOLOv8.
EIGHT_COLUMNS = decoded_table(objectness=True)[np.newaxis].astype(np.float32)


def test_a_table_that_two_formats_fit_is_read_by_convention_and_says_so(tmp_path: Path) -> None:
    result = adapt_model(tmp_path, make_model({"output": EIGHT_COLUMNS}))
    assert result.reading.format == "yolox"
    assert any("yolov8: 4 classes, --format yolov8" in text for text in result.warnings)


def test_names_that_fit_the_rival_alone_are_refused_with_its_option(tmp_path: Path) -> None:
    model = make_model({"output": EIGHT_COLUMNS})
    with pytest.raises(ToolError) as refusal:
        adapt_model(tmp_path, model, classes="a,b,c,d")
    message = str(refusal.value)
    assert "yolox with 3 classes" in message
    assert "the names fit another reading: yolov8: 4 classes, --format yolov8" in message.replace(
        "The", "the"
    )
    result = adapt_model(tmp_path, model, classes="a,b,c,d", format="yolov8")
    assert result.reading.scores.column_count == 4


@pytest.mark.parametrize("count", [1, 2, 5, 6, 80])
def test_names_that_fit_no_reading_change_nothing(count: int, tmp_path: Path) -> None:
    names = ",".join(f"c{number}" for number in range(count))
    with pytest.raises(ToolError) as refusal:
        adapt_model(tmp_path, make_model({"output": EIGHT_COLUMNS}), classes=names)
    assert "yolox" in str(refusal.value) and "--format" not in str(refusal.value)


@pytest.mark.parametrize(("names", "format_name"), [("abc", "yolox"), ("abcd", "yolov8")])
def test_names_in_the_file_are_its_own_word(names: str, format_name: str, tmp_path: Path) -> None:
    model = make_model({"output": EIGHT_COLUMNS}, metadata={"names": str(list(names))})
    result = adapt_model(tmp_path, model, classes=None)
    assert result.reading.format == format_name
    assert result.reading.reasons[0] == f"the file says: {len(names)} names"
    assert not any("fit as well" in warning for warning in result.warnings)


def test_a_file_whose_names_fit_no_reading_is_refused(tmp_path: Path) -> None:
    columns = yolo.yolov8().model
    columns.metadata_props[0].value = "{0: 'ant', 1: 'bee'}"
    with pytest.raises(ToolError, match="yolov8: the file names 2 classes, it has 3"):
        adapt_model(tmp_path, columns, classes=None)


def test_background_is_not_taken_for_a_class_by_a_name_more(tmp_path: Path) -> None:
    """Rows that add up to 1 have a background column, whatever the number of names."""
    model = ssd().model
    assert adapt_model(tmp_path, model).reading.background == "first"
    with pytest.raises(ToolError, match="ssd"):
        adapt_model(tmp_path, model, classes="a,b,c,d")


@pytest.mark.needs_shared_data
def test_the_class_count_does_not_decide_between_rows_of_yolo(tmp_path: Path) -> None:
    onnx_path = SHARED_DATA / "onnx" / "odd" / "yolov8_rows.onnx"

    def read_as(classes: str, format_name: str | None = None) -> str:
        options = AdaptOptions(classes=classes, format=format_name)
        return adapt(
            onnx_path, tmp_path / "out", name="x", version="1", options=options
        ).reading.format

    assert read_as("a,b") == "yolox"
    with pytest.raises(ToolError, match="yolov8: 3 classes, --format yolov8"):
        read_as("a,b,c")
    assert read_as("a,b,c", "yolov8") == "yolov8"
