"""Each format's golden boxes: a tiny graph of that format against its own published decoding.

The references in `cases` are written from the formats' own post-processing (named at each), in
numpy and apart from the code under test. Boxes must be within 0.01 px, with the same labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases import CASES
from tests.scripts.model.adapt.foreign_graphs import (
    CLASSES,
    HEIGHT,
    WIDTH,
)

PICTURE_SIZES = [(499, 666), (1000, 333), (64, 50), (301, 207), (WIDTH, HEIGHT)]


@pytest.mark.parametrize("case", CASES)
def test_a_format_is_recognised_and_its_boxes_are_its_own_codes(case: str, tmp_path: Path) -> None:
    format_name, make_case, options = CASES[case]
    model, objects, map_back = make_case()
    result = adapt_model(tmp_path, model, **options)
    assert result.reading.format == format_name
    classes = options.get("classes") or ",".join(CLASSES)
    assert result.manifest.classes == tuple(classes.split(","))
    assert len(objects) >= 2
    expected = sorted(objects, key=lambda o: -o[1])
    tolerance = 0.51 if case == "yolov5 half" else 0.01
    for width, height in PICTURE_SIZES:
        detections = detect(tmp_path, width, height)
        scale = 1 / min(WIDTH / width, HEIGHT / height, 1)
        assert [label for label, _, _ in detections] == [o[0] for o in expected], (width, height)
        for (_, score, box), (_, expected_score, input_box) in zip(
            detections, expected, strict=True
        ):
            limits = [width, height, width, height]
            expected_box = np.clip(map_back(input_box, width, height), 0, limits)
            assert score == pytest.approx(expected_score, abs=1e-3)
            assert np.abs(box - expected_box).max() <= tolerance * scale


@pytest.mark.parametrize(
    ("case", "order", "scale", "mean", "std"),
    [
        ("yolox raw", "bgr", 255, 0, 1),
        ("yolov5", "rgb", 1, 0, 1),
        ("detr", "rgb", 1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("ssd", "rgb", 255, 127, 128),
        ("nanodet plus", "bgr", 255, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)),
        ("tf-ssd", "rgb", 255, 0, 1),
        ("torchvision", "rgb", 1, 0, 1),
        ("yolov5 half", "rgb", 1, 0, 1),
        ("scrfd", "rgb", 255, 127.5, 128),
        ("yunet", "bgr", 255, 0, 1),
        ("paddle before nms", "rgb", 1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("picodet", "rgb", 1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("damo-yolo", "rgb", 255, 0, 1),
        ("rtmdet heads", "bgr", 255, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)),
        ("yolov8 heads", "rgb", 1, 0, 1),
        ("yolov6 heads", "rgb", 1, 0, 1),
        ("yolox heads", "bgr", 255, 0, 1),
    ],
)
def test_the_network_gets_what_its_own_code_gives_it(
    case: str, order: str, scale: float, mean: Any, std: Any, tmp_path: Path
) -> None:
    _, make_case, options = CASES[case]
    result = adapt_model(tmp_path, make_case().model, **options)
    model = onnx.load(tmp_path / "bundle" / "model.onnx")
    name = f"network/foreign/{result.foreign.image.name}"
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    rgb = np.random.default_rng(0).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)
    network_input = session.run(
        [name],
        {
            "image": rgb,
            "score_threshold": np.array(0.5, np.float32),
            "iou_threshold": np.array(0.5, np.float32),
            "max_detections": np.array(9),
        },
    )[0]
    pixels = rgb[..., ::-1] if order == "bgr" else rgb
    expected = (pixels / 255 * scale - np.array(mean)) / np.array(std)
    if result.foreign.image.layout == "nchw":
        expected = expected.transpose(0, 3, 1, 2)
    expected = expected.reshape(network_input.shape)
    tolerance = 1e-3 if network_input.dtype == np.float16 else 1e-4 * scale
    assert np.abs(network_input - expected).max() <= tolerance
