"""FastestDet and YOLO-FastestV2 in the forms that their exports have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.cases import anchor_heads
from tests.scripts.model.adapt.foreign_graphs import CLASSES, make_model
from tests.scripts.model.adapt.formats.raw_head_checks import (
    check_golden_boxes,
    check_network_input,
)
from tests.support.paths import SHARED_DATA

COCO = ",".join(f"c{number}" for number in range(80))
OTHER_ANCHORS = (8.0, 9.0, 20.0, 30.0, 44.0, 40.0, 60.0, 70.0, 90.0, 50.0, 120.0, 140.0)


@pytest.mark.parametrize(("size", "classes"), [((352, 352), 80), ((224, 160), 3), ((96, 128), 1)])
def test_fastestdet(size: tuple[int, int], classes: int, tmp_path: Path) -> None:
    case = anchor_heads.fastestdet(size, classes)
    names = ",".join(f"c{number}" for number in range(classes))
    result = check_golden_boxes(tmp_path, case, format_name="fastestdet", classes=names)
    check_network_input(result, tmp_path, order="bgr", scale=1, mean=(0,) * 3, std=(1,) * 3)


def test_a_map_of_other_values_is_named_a_head_before_decoding(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(1, 8, 6, 8)).astype(np.float32)
    model = make_model({"758": values})  # 128 x 96 px
    with pytest.raises(ToolError, match=r"6×8 cells of stride 16, 8 columns .* Export with dec"):
        adapt_model(tmp_path, model)


@pytest.mark.parametrize(
    ("size", "form"),
    [
        ((352, 352), "rows"),
        ((352, 352), "channels-last"),
        ((352, 256), "maps"),
        ((256, 352), "parts"),
    ],
)
def test_yolo_fastestv2(size: tuple[int, int], form: anchor_heads.Form, tmp_path: Path) -> None:
    case = anchor_heads.fastestv2(size, form=form)
    result = check_golden_boxes(tmp_path, case, format_name="yolo-fastestv2", classes=COCO)
    check_network_input(result, tmp_path, order="bgr", scale=1, mean=(0,) * 3, std=(1,) * 3)
    assert bool(result.reading.doubts) == (size != (352, 352))


def test_yolo_fastestv2_of_other_classes_needs_its_format_and_anchors(tmp_path: Path) -> None:
    case = anchor_heads.fastestv2((224, 160), classes=3, anchors=OTHER_ANCHORS)
    with pytest.raises(ToolError, match=r"--format yolo-fastestv2: .*anchors"):
        adapt_model(tmp_path, case.model)
    options = {"format": "yolo-fastestv2", "anchors": OTHER_ANCHORS}
    result = check_golden_boxes(tmp_path, case, format_name="yolo-fastestv2", **options)
    assert result.manifest.classes == CLASSES
    with pytest.raises(ToolError, match=r"2 numbers; .* has 6 anchors here, 3 \+ 3 by level"):
        adapt_model(tmp_path, case.model, format="yolo-fastestv2", anchors=(8.0, 9.0))


@pytest.mark.needs_shared_data
def test_rows_like_yolo_fastestv2s(tmp_path: Path) -> None:
    """Its classes do not add up to 1, as those of YOLO-FastestV2 do."""
    model = onnx.load(SHARED_DATA / "onnx" / "odd" / "fastestv2_like.onnx")
    with pytest.raises(ToolError, match=r"--format yolo-fastestv2: .* do not add up to 1"):
        adapt_model(tmp_path, model, classes=COCO)
    result = adapt_model(tmp_path, model, classes=COCO, format="yolo-fastestv2")
    assert len(result.reading.doubts) == 2
