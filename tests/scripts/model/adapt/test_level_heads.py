"""Heads with outputs for each stride: at several sizes, and however their outputs lie.

The references are in cases.level_heads. The picture is as large as the input, so that boxes are in
px of the input.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import level_heads
from tests.scripts.model.adapt.cases.golden import GoldenCase

HEADS: dict[str, tuple[str, Callable[..., GoldenCase], str]] = {
    "scrfd": ("scrfd", level_heads.scrfd, "face"),
    "scrfd without landmarks": (
        "scrfd", functools.partial(level_heads.scrfd, landmarks=False), "face",
    ),
    "scrfd of five levels": (
        "scrfd", functools.partial(level_heads.scrfd, levels=5), "face",
    ),
    "scrfd of five levels without landmarks": (
        "scrfd", functools.partial(level_heads.scrfd, levels=5, landmarks=False), "face",
    ),
    "scrfd without a batch": (
        "scrfd", functools.partial(level_heads.scrfd, batched=False), "face",
    ),
    "scrfd as maps": ("scrfd", functools.partial(level_heads.scrfd, maps=True), "face"),
    "yunet": ("yunet", level_heads.yunet, "face"),
    "picodet": ("picodet", level_heads.picodet, "ant,bee,cat"),
    "damo-yolo": ("damo-yolo", level_heads.damo_yolo, "ant,bee,cat"),
    "damo-yolo nano": (
        "damo-yolo", functools.partial(level_heads.damo_yolo, nano=True), "ant,bee,cat",
    ),
    "rtmdet": ("rtmdet-heads", level_heads.rtmdet_heads, "ant,bee,cat"),
    "rtmdet in strides": (
        "rtmdet-heads",
        functools.partial(level_heads.rtmdet_heads, in_strides=True),
        "ant,bee,cat",
    ),
    "rtmdet of four classes": (
        "rtmdet-heads", functools.partial(level_heads.rtmdet_heads, columns=4), "ant,bee,cat,dog",
    ),
    "yolov8": ("yolov8-heads", level_heads.yolov8_heads, "ant,bee,cat"),
    "yolov8 of rockchip": ("yolov8-heads", level_heads.yolov8_rockchip, "ant,bee,cat"),
    "yolov8 of rockchip without sum": (
        "yolov8-heads",
        functools.partial(level_heads.yolov8_rockchip, with_sum=False),
        "ant,bee,cat",
    ),
    "yolov6 of rockchip": ("yolov6-heads", level_heads.yolov6_rockchip, "ant,bee,cat"),
    "yolov6 of rockchip without sum": (
        "yolov6-heads",
        functools.partial(level_heads.yolov6_rockchip, with_sum=False),
        "ant,bee,cat",
    ),
    "yolox": ("yolox-heads", level_heads.yolox_heads, "ant,bee,cat"),
    "yolox of mmdetection": (
        "yolox-heads", functools.partial(level_heads.yolox_heads, mmdet=True), "ant,bee,cat",
    ),
}  # fmt: skip


def assert_boxes(
    folder: Path, make_case: Callable[..., GoldenCase], size: tuple[int, int], **options: Any
) -> None:
    model, objects, _ = make_case(size)
    options.setdefault("classes", "ant,bee,cat")
    result = adapt_model(folder, model, **options)
    assert not result.warnings
    expected = sorted(objects, key=lambda o: -o[1])
    assert len(expected) >= 3
    detections = detect(folder, *size)
    assert [label for label, _, _ in detections] == [o[0] for o in expected]
    for (_, score, box), (_, expected_score, expected_box) in zip(
        detections, expected, strict=True
    ):
        assert score == pytest.approx(expected_score, abs=1e-4)
        assert np.abs(box - np.clip(expected_box, 0, [*size, *size])).max() <= 2e-3


@pytest.mark.parametrize("size", [(160, 64), (100, 76), (256, 256)])
@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_decoded_as_its_own_code_does(
    head: str, size: tuple[int, int], tmp_path: Path
) -> None:
    format_name, make_case, classes = HEADS[head]
    result = adapt_model(tmp_path, make_case(size).model, classes=classes)
    assert result.reading.format == format_name
    assert_boxes(tmp_path, make_case, size, classes=classes)


@pytest.mark.parametrize("head", HEADS)
def test_names_play_no_part(head: str, tmp_path: Path) -> None:
    format_name, make_case, classes = HEADS[head]

    def rename(size: tuple[int, int]) -> GoldenCase:
        case = make_case(size)
        for number, output in enumerate(case.model.graph.output):
            node = next(n for n in case.model.graph.node if output.name in n.output)
            node.output[0] = output.name = str(400 + number * 7)
        onnx.checker.check_model(case.model)
        return case

    assert_boxes(tmp_path, rename, (128, 96), classes=classes)
    assert adapt_model(
        tmp_path, rename((128, 96)).model, classes=classes
    ).reading.format == format_name  # fmt: skip
