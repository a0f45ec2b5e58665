"""Adapts a golden case of a raw head, and compares what the bundle detects with its objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from scripts.model.adapt.adapter import AdaptResult
from tests.scripts.model.adapt.bundles import adapt_model, detect
from tests.scripts.model.adapt.cases.golden import GoldenCase

PICTURE_SIZES = [(499, 666), (301, 207)]


def check_golden_boxes(
    folder: Path, case: GoldenCase, *, format_name: str, **options: Any
) -> AdaptResult:
    """Within 0.01 px of the input, and 1e-3 in score, with the same labels."""
    result = adapt_model(folder, case.model, **options)
    assert result.reading.format == format_name
    image = result.foreign.image
    expected = sorted(case.objects, key=lambda o: -o[1])
    assert len(expected) >= 3
    for width, height in [*PICTURE_SIZES, (image.width, image.height)]:
        detections = detect(folder, width, height)
        scale = 1 / min(image.width / width, image.height / height, 1)
        assert [label for label, _, _ in detections] == [label for label, _, _ in expected]
        for (_, score, box), (_, expected_score, input_box) in zip(
            detections, expected, strict=True
        ):
            limits = [width, height, width, height]
            expected_box = np.clip(case.map_back(input_box, width, height), 0, limits)
            assert score == pytest.approx(expected_score, abs=1e-3)
            assert np.abs(box - expected_box).max() <= 0.01 * scale
    return result


def check_priors(result: AdaptResult, priors: np.ndarray) -> None:
    """Every prior box, cx, cy, w, h in 0..1, within 0.001 px."""
    image, known = result.foreign.image, result.reading.priors
    assert known is not None
    expected = priors * np.array([image.width, image.height] * 2)
    assert np.abs(known.boxes - expected).max() <= 1e-3


def network_input(result: AdaptResult, folder: Path, rgb: np.ndarray) -> np.ndarray:
    """What the foreign graph gets for a picture uint8 [height, width, 3] of the input's size, as
    [height, width, 3]."""
    model = onnx.load(folder / "bundle" / "model.onnx")
    name = f"network/foreign/{result.foreign.image.name}"
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds = {
        "image": rgb[np.newaxis],
        "score_threshold": np.array(0.5, np.float32),
        "iou_threshold": np.array(0.5, np.float32),
        "max_detections": np.array(9),
    }
    pixels = np.asarray(session.run([name], feeds)[0])[0]
    return pixels.transpose(1, 2, 0) if result.foreign.image.layout == "nchw" else pixels


def check_network_input(
    result: AdaptResult, folder: Path, *, order: str, scale: float, mean: Any, std: Any
) -> None:
    """(pixel · scale / 255 - mean) / std, with the channels in that order."""
    image = result.foreign.image
    shape = (image.height, image.width, 3)
    rgb = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    pixels = rgb[..., ::-1] if order == "bgr" else rgb
    expected = (pixels / 255 * scale - np.array(mean)) / np.array(std)
    assert np.abs(network_input(result, folder, rgb) - expected).max() <= 1e-4 * scale
