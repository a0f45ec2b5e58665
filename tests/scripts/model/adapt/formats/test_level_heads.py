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
from onnx import numpy_helper

from scripts.model.adapt.adapter import AdaptResult
from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import level_heads
from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.cases.references import nms
from tests.scripts.model.adapt.foreign_graphs import make_model
from tests.support.paths import SHARED_DATA

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
    "yunet of 2022": ("yunet", level_heads.yunet_of_2022, "face"),
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
    "yolov6 of 17 bins": ("yolov6-heads", level_heads.yolov6_bins, "ant,bee,cat"),
    "yolox": ("yolox-heads", level_heads.yolox_heads, "ant,bee,cat"),
    "yolox of mmdetection": (
        "yolox-heads", functools.partial(level_heads.yolox_heads, mmdet=True), "ant,bee,cat",
    ),
}  # fmt: skip


def assert_boxes(
    folder: Path, make_case: Callable[..., GoldenCase], size: tuple[int, int], **options: Any
) -> AdaptResult:
    model, objects, _ = make_case(size)
    options.setdefault("classes", "ant,bee,cat")
    result = adapt_model(folder, model, **options)
    expected = sorted(objects, key=lambda o: -o[1])
    assert len(expected) >= 3
    detections = detect(folder, *size)
    assert [label for label, _, _ in detections] == [o[0] for o in expected]
    for (_, score, box), (_, expected_score, expected_box) in zip(
        detections, expected, strict=True
    ):
        assert score == pytest.approx(expected_score, abs=1e-4)
        assert np.abs(box - np.clip(expected_box, 0, [*size, *size])).max() <= 2e-3
    return result


@pytest.mark.parametrize("size", [(160, 64), (100, 76), (256, 256)])
@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_decoded_as_its_own_code_does(
    head: str, size: tuple[int, int], tmp_path: Path
) -> None:
    format_name, make_case, classes = HEADS[head]
    result = assert_boxes(tmp_path, make_case, size, classes=classes)
    assert result.reading.format == format_name
    assert len(result.warnings) == (head == "yolov6 of 17 bins")


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

    result = assert_boxes(tmp_path, rename, (128, 96), classes=classes)
    assert result.reading.format == format_name


def test_picodet_and_nanodet_are_told_by_the_order_of_their_outputs(tmp_path: Path) -> None:
    by_level = functools.partial(level_heads.picodet, level_by_level=True)
    result = adapt_model(tmp_path, by_level((128, 96)).model)
    assert (result.reading.format, result.reading.cell_centre) == ("nanodet", "opencv")
    assert any("--format picodet" in note for note in result.notes)
    assert_boxes(tmp_path, by_level, (128, 96), format="picodet")


def channels_last(outputs: Tables) -> Tables:
    return {name: array.transpose(0, 2, 3, 1) for name, array in outputs.items()}


def flat(outputs: Tables) -> Tables:
    """[1, c, H, W] to [1, c, cells]."""
    return {name: array.reshape(*array.shape[:2], -1) for name, array in outputs.items()}


@pytest.mark.parametrize("rearrange", [channels_last, flat])
@pytest.mark.parametrize(
    "head", ["damo-yolo", "rtmdet", "yolov8", "yolov8 of rockchip", "yolox", "yolox of mmdetection"]
)
def test_a_head_of_another_layout(
    head: str, rearrange: Callable[[Tables], Tables], tmp_path: Path
) -> None:
    format_name, make_case, _ = HEADS[head]

    def rearranged(size: tuple[int, int]) -> GoldenCase:
        case = make_case(size)
        outputs = rearrange(outputs_of(case))
        return level_heads.head_case(outputs, size, case.objects, case.map_back)

    assert assert_boxes(tmp_path, rearranged, (160, 96)).reading.format == format_name


def test_anchors_side_by_side_with_channels_last(tmp_path: Path) -> None:
    def rearranged(size: tuple[int, int]) -> GoldenCase:
        case = level_heads.scrfd(size, maps=True)
        outputs = channels_last(outputs_of(case))
        return level_heads.head_case(outputs, size, case.objects, case.map_back)

    assert assert_boxes(tmp_path, rearranged, (160, 96), classes="face").reading.format == "scrfd"


def test_picodets_boxes_end_at_the_input_before_nms(tmp_path: Path) -> None:
    """Two boxes whose overlap lies mostly outside are two objects, as PicoDetPostProcess has it."""
    outputs = outputs_of(level_heads.picodet())
    outputs |= {f"cls_{level}": np.full_like(outputs[f"cls_{level}"], 0.01) for level in range(4)}
    outputs["box_2"] = outputs["box_2"].copy()
    outputs["cls_2"][0, :2, 0] = 0.9, 0.8  # the first two cells of stride 32
    outputs["box_2"][0, :2] = -20
    for side, distance in enumerate((7, 0, 0, 1)):  # left, top, right, bottom
        outputs["box_2"][0, :2, side * 8 + distance] = 20
    adapt_model(tmp_path, make_model(outputs))
    boxes = [box.tolist() for _, _, box in detect(tmp_path, 128, 96)]
    assert boxes == [pytest.approx([0, 16, 16, 48]), pytest.approx([0, 16, 48, 48])]


def test_yunet_of_2022_at_a_size_that_convolutions_round_up(tmp_path: Path) -> None:
    assert_boxes(tmp_path, level_heads.yunet_of_2022, (159, 127), classes="face")


@pytest.mark.needs_shared_data
def test_a_foreign_scrfd(tmp_path: Path) -> None:
    """Its outputs are random numbers of a plausible size, in the order of InsightFace's exports."""
    path = SHARED_DATA / "onnx" / "odd" / "scrfd_like.onnx"
    result = adapt_model(tmp_path, onnx.load(path), classes="face")
    values = {o.name: np.asarray(o.samples[0], np.float64) for o in result.foreign.outputs}
    found = []
    for level, stride in enumerate((8, 16, 32)):
        scores, boxes = values[f"score_{level}"][0, :, 0], values[f"bbox_{level}"][0]
        for row in np.flatnonzero(scores > 0.5):
            y, x = divmod(row // 2, 64 // stride)
            box = level_heads.around(x * stride, y * stride, boxes[row] * stride)
            found.append((0, scores[row], box))
    expected = nms(found, 0.4)
    detections = detect(tmp_path, 64, 64)
    assert len(detections) == len(expected) > 10
    for (_, score, box), (_, expected_score, expected_box) in zip(
        detections, expected, strict=True
    ):
        assert score == pytest.approx(expected_score, abs=6e-5)  # of four decimals
        assert np.abs(box - np.clip(expected_box, 0, 64)).max() <= 1e-3


Tables = dict[str, np.ndarray]
_FIVE = (8, 16, 32, 64, 128)


def maps(strides: tuple[int, ...], **columns: int) -> Tables:
    """Random maps of these columns at 128 x 96 px, all of a kind together."""
    rng = np.random.default_rng(0)
    return {
        f"{kind}_{stride}": rng.normal(
            0, 1, (1, count, *level_heads.level_shape((128, 96), stride))
        ).astype(np.float32)
        for kind, count in columns.items()
        for stride in strides
    }


def without(outputs: Tables, name: str) -> Tables:
    return {key: array for key, array in outputs.items() if key != name}


def outputs_of(case: GoldenCase) -> Tables:
    """The constant outputs of a golden case."""
    constants = {tensor.name: tensor for tensor in case.model.graph.initializer}
    return {
        output.name: numpy_helper.to_array(constants[f"{output.name}_value"])
        for output in case.model.graph.output
    }


def joined(case: GoldenCase, axis: int) -> Tables:
    """All levels of a kind of output in one."""
    kinds: dict[str, list[np.ndarray]] = {}
    for name, array in outputs_of(case).items():
        kinds.setdefault(name.rpartition("_")[0], []).append(array)
    flattened = {
        kind: [a.reshape(*a.shape[:2], -1) if a.ndim == 4 else a for a in arrays]
        for kind, arrays in kinds.items()
    }
    return {kind: np.concatenate(arrays, axis) for kind, arrays in flattened.items()}


@pytest.mark.parametrize(
    ("make_outputs", "message_part"),
    [
        (lambda: maps(_FIVE, cls=80, bbox=4, centre=1), "FCOS's or ATSS's"),
        (lambda: maps(_FIVE, cls=9 * 3, bbox=36), "RetinaNet's or EfficientDet's"),
        (lambda: maps(_FIVE, cls=3, bbox=68), "Generalized Focal Loss's"),
        (lambda: maps((4,), heat=3, size=2, offset=2), "CenterNet's"),
        (lambda: maps((8, 16, 32), out=64 + 191), "no known format"),
        (lambda: joined(level_heads.scrfd(), 1), "no known format"),
        (lambda: joined(level_heads.yunet(), 1), "YuNet's before decoding, with all strides"),
        (lambda: joined(level_heads.picodet(), 1), "PicoDet's or NanoDet's before decoding"),
        (lambda: joined(level_heads.yolov8_heads(), 2), "YOLOv8's before decoding"),
        (
            lambda: {
                name: array.transpose(0, 2, 1)
                for name, array in joined(level_heads.yolov8_heads(), 2).items()
            },
            "YOLOv8's before decoding",
        ),
        (lambda: maps((8, 16, 32), out=8), "--format yolox-heads"),
        (lambda: without(outputs_of(level_heads.scrfd()), "score_1"), "no known format"),
        (lambda: without(outputs_of(level_heads.yunet()), "obj_2"), "no known format"),
        (lambda: outputs_of(level_heads.scrfd((160, 96))), "no known format"),
        (lambda: outputs_of(level_heads.scrfd()) | maps((8,), more=3), "no known format"),
    ],
)  # fmt: skip
def test_other_heads_are_refused(
    make_outputs: Callable[[], Tables], message_part: str, tmp_path: Path
) -> None:
    with pytest.raises(ToolError, match=message_part):
        adapt_model(tmp_path, make_model(make_outputs()))


def test_distances_of_unclear_units_are_refused_with_the_option(tmp_path: Path) -> None:
    """They grow with the stride, but are too small for px."""
    outputs = outputs_of(level_heads.rtmdet_heads(in_strides=True))
    for level, factor in enumerate((1, 1.7, 2.6)):
        outputs[f"bbox_{level}"] = outputs[f"bbox_{level}"] * np.float32(factor)
    with pytest.raises(ToolError, match="--format rtmdet-heads"):
        adapt_model(tmp_path, make_model(outputs))
    result = adapt_model(
        tmp_path, make_model(outputs), format="rtmdet-heads", coding="pixel-distances"
    )
    assert any("--coding" in note for note in result.notes)


def test_distances_beyond_the_picture_are_px_however_they_grow(tmp_path: Path) -> None:
    outputs = outputs_of(level_heads.rtmdet_heads(in_strides=True))
    outputs |= {name: array * 8 for name, array in outputs.items() if name.startswith("bbox")}
    assert adapt_model(tmp_path, make_model(outputs)).reading.coding == "pixel-distances"


def test_logarithms_of_distances_are_refused_with_the_option(tmp_path: Path) -> None:
    """Exports that end at RTMDet's last convolution; YOLOX's offsets look alike."""
    in_strides = functools.partial(level_heads.rtmdet_heads, in_strides=True)

    def logarithms(size: tuple[int, int]) -> GoldenCase:
        case = in_strides(size)
        outputs = outputs_of(case)
        outputs |= {n: np.log(array) for n, array in outputs.items() if n.startswith("bbox")}
        return level_heads.head_case(outputs, size, case.objects, case.map_back)

    with pytest.raises(ToolError, match="--coding pixel-distances, distances or log-distances"):
        adapt_model(tmp_path, logarithms((128, 96)).model)
    options = {"format": "rtmdet-heads", "coding": "log-distances"}
    assert_boxes(tmp_path, logarithms, (128, 96), **options)
