"""The choice between formats, and the reasons given for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scripts.model.adapt.formats import FORMATS
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import CASES, yolo
from tests.scripts.model.adapt.cases.raw_cases import RAW_CASES
from tests.scripts.model.adapt.foreign_graphs import (
    HEIGHT,
    WIDTH,
    decoded_table,
    make_model,
)


def test_a_forced_format_reads_the_same_shape_another_way(tmp_path: Path) -> None:
    table = decoded_table(objectness=True)  # 8 columns: 5 + 3 as YOLOX, 4 + 4 as YOLOv8
    model = make_model({"output": table[None].astype(np.float32)})
    as_yolox = adapt_model(tmp_path, model)
    assert as_yolox.reading.format == "yolox"
    as_yolov8 = adapt_model(tmp_path, model, format="yolov8", classes="a,b,c,d")
    assert as_yolov8.reading.format == "yolov8"


def test_the_reasons_show_the_arithmetic(tmp_path: Path) -> None:
    reasons = adapt_model(tmp_path, yolo.yolox_raw().model).reading.reasons[0]
    assert "252 = 12×16 + 6×8 + 3×4 cells (strides 8, 16, 32) × (4 + 1 + 3): YOLOX" in reasons
    assert "decoded: no" in reasons
    assert "decoded: yes" in adapt_model(tmp_path, yolo.yolox_decoded().model).reading.reasons[0]
    assert "756 = 3 × (12×16" in adapt_model(tmp_path, yolo.yolov5().model).reading.reasons[0]


def test_a_segmentation_graph_gives_its_boxes_where_that_is_asked_for(tmp_path: Path) -> None:
    table = decoded_table(objectness=False)
    masks = np.random.default_rng(0).normal(0, 3, (len(table), 32))
    outputs = {
        "output0": np.concatenate([table, masks], 1).T[None].astype(np.float32),
        "output1": np.zeros((1, 32, 24, 32), np.float32),
    }
    metadata = {"names": "{0: 'ant', 1: 'bee', 2: 'cat'}", "task": "segment"}
    adapt_model(tmp_path, make_model(outputs, metadata=metadata), classes=None, format="yolov8")
    assert len(detect(tmp_path, WIDTH, HEIGHT)) == len(yolo.yolov8().objects)


def test_each_format_has_a_name_of_its_own_and_a_golden_case() -> None:
    names = [known.name for known in FORMATS]
    assert len(names) == len(set(names))
    with_case = {format_name for format_name, _, _ in CASES.values()} | set(RAW_CASES)
    assert set(names) - with_case == {"rtmdet", "yolo-nas"}  # variants of mmdeploy and of YOLOv7's


def test_of_two_sides_that_are_a_grids_the_longer_has_the_boxes(tmp_path: Path) -> None:
    """YOLOv8 with COCO's 80 classes at 128 px: [1, 84, 336], and 84 = 8×8 + 4×4 + 2×2."""
    x, y, stride = (values.ravel() for values in _cells_of_128_px())
    table = np.zeros((336, 84))
    table[:, 0], table[:, 1] = (x + 0.5) * stride, (y + 0.5) * stride
    rng = np.random.default_rng(0)
    table[:, 2:4] = stride[:, np.newaxis] * rng.uniform(0.5, 2.5, (336, 2))
    table[:, 4:] = rng.beta(0.05, 3, (336, 80))
    model = make_model({"out": table.T[None].astype(np.float32)}, shape=(1, 3, 128, 128))
    result = adapt_model(tmp_path, model, classes=",".join(f"c{n}" for n in range(80)))
    assert result.reading.format == "yolov8" and result.reading.scores.column_count == 80


def _cells_of_128_px() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Column, row and stride of each cell of strides 8, 16 and 32."""
    cells = [(x, y, s) for s in (8, 16, 32) for y in range(128 // s) for x in range(128 // s)]
    columns, rows, strides = np.array(cells, np.float64).T
    return columns, rows, strides
