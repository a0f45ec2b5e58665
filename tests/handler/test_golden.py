"""The default bundle detects on a committed picture what it detected when it was released.

`python -m tests.golden.make CHECKPOINT` writes the files; run it with every new default model.
"""

from __future__ import annotations

import hashlib
import json

import pytest

from handler.bundle.files import load_bundle
from tests.golden import make

HINT = "run python -m tests.golden.make CHECKPOINT"


def test_the_default_model_finds_what_it_found() -> None:
    golden, now = json.loads(make.DETECTIONS.read_text()), make.detect()
    assert golden["model_sha256"] == now["model_sha256"], HINT
    assert len(now["detections"]) == len(golden["detections"]) > 20
    for expected, got in zip(golden["detections"], now["detections"], strict=True):
        assert got["label"] == expected["label"]
        assert got["score"] == pytest.approx(expected["score"], abs=1e-3)
        assert got["box"] == pytest.approx(expected["box"], abs=0.05)


def test_the_golden_checkpoint_and_float_bundle_are_the_default_models() -> None:
    shipped = load_bundle(make.MODEL).manifest
    checkpoint_sha256 = hashlib.sha256(make.CHECKPOINT.read_bytes()).hexdigest()
    assert shipped.provenance.checkpoint_sha256 == checkpoint_sha256, HINT
    in_float = load_bundle(make.FLOAT_BUNDLE).manifest
    assert in_float.provenance.checkpoint_sha256 == checkpoint_sha256, HINT
    assert in_float.version == shipped.version and in_float.thresholds == shipped.thresholds, HINT


def test_another_models_checkpoint_is_no_golden_one() -> None:
    with pytest.raises(SystemExit, match="is not what handler/model was exported from"):
        make.write(make.DETECTIONS)


def test_the_default_model_does_not_say_who_made_it() -> None:
    onnx_bytes = (make.MODEL / "model.onnx").read_bytes()
    assert b"site-packages" not in onnx_bytes
    assert b"stack_trace" not in onnx_bytes


def test_the_default_model_is_small_and_says_what_it_reaches() -> None:
    assert (make.MODEL / "model.onnx").stat().st_size < 8e6
    manifest = load_bundle(make.MODEL).manifest
    assert manifest.evaluation
    assert all(row.command for row in manifest.evaluation)
