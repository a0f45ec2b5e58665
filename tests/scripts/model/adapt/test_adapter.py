"""Real detectors, adapted, against their own published code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.detection.opencv_resize import opencv_linear
from handler.images.decode import decode
from scripts.accuracy.matching import box_iou_batch
from scripts.model.adapt.adapter import adapt
from scripts.model.adapt.options import AdaptOptions
from tests.support.paths import SHARED_DATA as SHARED

PHOTOS = sorted((SHARED / "fridge_samples" / "images").glob("*.jpg"))


def yolox_reference(onnx_path: Path, rgb: np.ndarray, score: float, iou: float) -> list[Any]:
    """Megvii YOLOX's demo/ONNXRuntime/onnx_inference.py, in numpy: preproc, demo_postprocess and
    multiclass_nms (class-agnostic). cv2.resize is opencv_linear, which equals it bit for bit."""
    height, width = rgb.shape[:2]
    ratio = min(416 / height, 416 / width)
    padded = np.full((416, 416, 3), 114, np.uint8)
    new_width, new_height = int(width * ratio), int(height * ratio)
    padded[:new_height, :new_width] = opencv_linear(rgb[..., ::-1], new_width, new_height)
    blob = padded.transpose(2, 0, 1)[None].astype(np.float32)
    session = onnxruntime.InferenceSession(str(onnx_path))
    raw = session.run(None, {"images": blob})[0][0].astype(np.float64)
    cells = np.array(
        [(x, y, s) for s in (8, 16, 32) for y in range(416 // s) for x in range(416 // s)]
    )
    centre = (raw[:, :2] + cells[:, :2]) * cells[:, 2:]
    half = np.exp(raw[:, 2:4]) * cells[:, 2:] / 2
    boxes = np.concatenate([centre - half, centre + half], 1) / ratio
    scores = raw[:, 4:5] * raw[:, 5:]
    best, label = scores.max(1), scores.argmax(1)
    selected: list[Any] = []
    for row in np.argsort(-best):
        if best[row] <= score:
            break
        better = np.array([box for _, _, box in selected]).reshape(-1, 4)
        if not (box_iou_batch(boxes[row][None], better) > iou).any():
            selected.append((int(label[row]), best[row], boxes[row]))
    return selected


@pytest.mark.needs_shared_data
@pytest.mark.parametrize("score", [0.3, 0.1])
def test_yolox_nano_gives_what_yolox_gives(score: float, tmp_path: Path) -> None:
    onnx_path = SHARED / "onnx" / "yolox_nano_416" / "model.onnx"
    options = AdaptOptions(classes=str(SHARED / "onnx" / "coco_names.txt"), score_threshold=score)
    adapt(onnx_path, tmp_path / "out", name="yolox", version="1", options=options)
    detector = Detector.load(load_bundle(tmp_path / "out"), threads=1)
    detection_count = 0
    for photo in PHOTOS:
        picture = decode(photo.read_bytes(), max_pixels=10**8)
        detections = detector.detect(picture, Thresholds(score, 0.45, 300)).detections
        expected = yolox_reference(onnx_path, picture.rgb, score, 0.45)
        assert detections.class_ids.tolist() == [label for label, _, _ in expected], photo.name
        limits = [picture.width, picture.height] * 2
        for box, (_, _, expected_box) in zip(detections.boxes, expected, strict=True):
            assert np.abs(box - np.clip(expected_box, 0, limits)).max() < 0.05
        detection_count += len(detections)
    assert detection_count >= 8


@pytest.mark.needs_shared_data
def test_the_same_weights_with_nms_inside_give_the_same_boxes(tmp_path: Path) -> None:
    onnx_path = SHARED / "onnx" / "mmdeploy_style" / "mmdeploy_style.onnx"
    options = AdaptOptions(classes=str(SHARED / "onnx" / "coco_names.txt"))
    result = adapt(
        onnx_path, tmp_path / "out", name="m", version="1", options=options, check_paths=PHOTOS[-1:]
    )
    assert result.reading.format == "mmdeploy" and result.check is not None
    detections = result.check.decision.chosen.pictures[0].detections
    picture = decode(PHOTOS[-1].read_bytes(), max_pixels=10**8)
    reference = SHARED / "onnx" / "yolox_nano_416" / "model.onnx"
    expected = yolox_reference(reference, picture.rgb, 0.3, 0.45)
    assert len(detections) == len(expected) >= 2
    for box, (_, _, expected_box) in zip(detections.boxes, expected, strict=True):
        assert np.abs(box - expected_box).max() < 0.1
    with Image.open(tmp_path / "out" / "check.jpg") as sheet:
        assert sheet.width == 2000
    assert any("score 0.05" in text for text in result.warnings)
