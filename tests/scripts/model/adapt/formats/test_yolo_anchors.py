"""YOLOs whose heads need anchors: refused by name, and read where the user says which they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.cases import anchor_heads
from tests.scripts.model.adapt.cases.raw_heads import map_back_rounded, map_back_stretched
from tests.scripts.model.adapt.formats.raw_head_checks import check_golden_boxes

SIZE = (160, 128)
V5: dict[str, Any] = {"coding": "yolov5", "thresholds": (0.25, 0.45)}
V3: dict[str, Any] = {
    "coding": "yolov3",
    "thresholds": (0.5, 0.45),
    "single_label": False,
    "way_back": map_back_rounded,
}
V4: dict[str, Any] = {"coding": "yolov3", "thresholds": (0.4, 0.6), "way_back": map_back_stretched}


@pytest.mark.parametrize(
    ("format_name", "anchors", "options"),
    [
        ("yolov5-heads", anchor_heads.YOLOV5, V5),
        ("yolov5-heads", anchor_heads.YOLOV5, V5 | {"form": "by-anchor"}),
        ("yolov5-heads", anchor_heads.YOLOV5, V5 | {"activated": "all", "form": "by-anchor"}),
        (
            "yolov5-heads",
            anchor_heads.YOLOV5_P6,
            V5 | {"strides": (8, 16, 32, 64), "form": "by-anchor"},
        ),
        ("yolov7-heads", anchor_heads.YOLOV4, V5 | {"activated": "all"}),
        ("yolov3-heads", anchor_heads.YOLOV5, V3),
        ("yolov3-heads", anchor_heads.YOLOV5, V3 | {"activated": "all"}),
        ("yolov3-heads", anchor_heads.YOLOV3_TINY, V3 | {"strides": (16, 32)}),
        ("yolov4-heads", anchor_heads.YOLOV4, V4 | {"scales": (1.2, 1.1, 1.05)}),
        (
            "yolov4-heads",  # as the ONNX zoo's has them
            anchor_heads.YOLOV4,
            V4
            | {"scales": (1.2, 1.1, 1.05), "form": "by-cell", "activated": "scores"}
            | {"way_back": map_back_rounded},
        ),
    ],
)
def test_heads_with_published_anchors(
    format_name: str, anchors: tuple[float, ...], options: dict[str, Any], tmp_path: Path
) -> None:
    case = anchor_heads.yolo(SIZE, anchors, **options)
    result = check_golden_boxes(tmp_path, case, format_name=format_name, format=format_name)
    assert "--anchors" in result.reading.doubts[0]


@pytest.mark.parametrize(
    ("format_name", "anchors", "classes"),
    [
        ("yolov2-heads", anchor_heads.YOLOV2_VOC, 20),
        ("tiny-yolov2-heads", anchor_heads.TINY_YOLOV2_VOC, 20),
    ],
)
def test_yolov2_of_vocs_classes(
    format_name: str, anchors: tuple[float, ...], classes: int, tmp_path: Path
) -> None:
    case = anchor_heads.yolov2((416, 352), anchors, classes)
    names = ",".join(f"c{number}" for number in range(classes))
    with pytest.raises(ToolError, match=r"--format yolov2-heads[\s\S]*--format tiny-yolov2-heads"):
        adapt_model(tmp_path, case.model, classes=names)
    options = {"classes": names, "format": format_name}
    check_golden_boxes(tmp_path, case, format_name=format_name, **options)


def test_yolov2_of_cocos_classes(tmp_path: Path) -> None:
    """Tiny YOLOv2 has the same anchors then, so that nothing is left open."""
    case = anchor_heads.yolov2((416, 416), anchor_heads.YOLOV2_COCO, 80)
    names = ",".join(f"c{number}" for number in range(80))
    check_golden_boxes(tmp_path, case, format_name="yolov2-heads", classes=names)


def test_other_anchors(tmp_path: Path) -> None:
    anchors = tuple(float(number) for number in range(12, 48, 2))
    case = anchor_heads.yolo(SIZE, anchors, **V5)
    options = {"format": "yolov5-heads", "anchors": anchors}
    result = check_golden_boxes(tmp_path, case, format_name="yolov5-heads", **options)
    assert not result.reading.doubts


@pytest.mark.parametrize("options", [{}, {"form": "by-anchor"}, {"activated": "all"}])
def test_heads_are_refused_by_name_where_the_user_does_not_say_which(
    options: dict[str, Any], tmp_path: Path
) -> None:
    case = anchor_heads.yolo(SIZE, anchor_heads.YOLOV5, **V5, **options)
    with pytest.raises(ToolError, match=r"does not have its anchors\. .*--format yolov5-heads \("):
        adapt_model(tmp_path, case.model)


def test_a_coding_that_needs_more_than_rows_is_refused(tmp_path: Path) -> None:
    case = anchor_heads.fastestdet((96, 128), 3)
    for coding in ("anchors", "prior-offsets"):
        with pytest.raises(ToolError, match=f"--coding {coding} goes with a format"):
            adapt_model(tmp_path, case.model, format="fastestdet", coding=coding)
