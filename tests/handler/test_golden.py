"""The default bundle detects on a committed picture what it detected when it was released.

`python -m tests.handler.test_golden` writes tests/golden/microalgae.json; run it with every new
default model. The picture is PNG, whose pixels do not depend on a decoder's version.
"""

from __future__ import annotations

import json

import pytest

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from tests.support.paths import ROOT

GOLDEN = ROOT / "tests" / "golden" / "microalgae.json"


def detect_now() -> dict:
    bundle = load_bundle(ROOT / "handler" / "model")
    defaults = bundle.manifest.thresholds
    thresholds = Thresholds(defaults.score, defaults.iou, defaults.max_detections)
    picture = decode(GOLDEN.with_suffix(".png").read_bytes(), max_pixels=10**6)
    output = Detector.load(bundle, threads=1).detect(picture, thresholds)
    return {
        "model_sha256": bundle.manifest.sha256,
        "detections": output.detections.to_json(bundle.manifest.classes),
    }


def test_the_default_model_finds_what_it_found() -> None:
    golden, now = json.loads(GOLDEN.read_text()), detect_now()
    assert golden["model_sha256"] == now["model_sha256"], "run python -m tests.handler.test_golden"
    assert len(now["detections"]) == len(golden["detections"]) > 20
    for expected, got in zip(golden["detections"], now["detections"], strict=True):
        assert got["label"] == expected["label"]
        assert got["score"] == pytest.approx(expected["score"], abs=1e-3)
        assert got["box"] == pytest.approx(expected["box"], abs=0.05)


def test_the_default_model_does_not_say_who_made_it() -> None:
    onnx_bytes = (ROOT / "handler" / "model" / "model.onnx").read_bytes()
    assert b"site-packages" not in onnx_bytes
    assert b"stack_trace" not in onnx_bytes


def test_the_default_model_is_small_and_says_what_it_reaches() -> None:
    assert (ROOT / "handler" / "model" / "model.onnx").stat().st_size < 8e6
    manifest = load_bundle(ROOT / "handler" / "model").manifest
    assert manifest.evaluation
    assert all(row.command for row in manifest.evaluation)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(detect_now(), indent=1) + "\n")
