"""The toolchain in the training environment: train, export, serve, and compare with IceVision."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from scripts.accuracy.matching import box_iou_batch
from scripts.model.render.photo import LABEL, write_photo
from tests.support.training import PYTHON, ROOT, needs_training

GOLDEN = ROOT / "tests" / "golden"
CHECKPOINT = GOLDEN / "microalgae.pth"

pytestmark = needs_training


def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def export(checkpoint: Path, out: Path) -> subprocess.CompletedProcess[str]:
    names = ("--name", "cells", "--version", "1", "--resize", "antialias")
    return run("scripts.model.export.__main__", checkpoint, "--out", out, *names)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of a few steps."""
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("run")
    for seed in range(3):
        write_photo(data, seed, 300)
    ran = run(
        "scripts.model.train.__main__",
        *("--data", data, "--out", out, "--size", 256, "--crop", 128, "--batch", 2, "--steps", 3),
        *("--threads", 2, "--loaders", 0, "--model", "ross.efficientdet:micro_050"),
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return out


def test_train_then_export_then_serve(trained: Path, tmp_path: Path) -> None:
    ran = export(trained / "checkpoint.pth", tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    bundle = load_bundle(tmp_path)
    assert bundle.manifest.classes == (LABEL,)
    assert (bundle.manifest.input.width, bundle.manifest.input.height) == (256, 256)
    assert bundle.manifest.provenance.framework == "icevision"
    detector = Detector.load(bundle, threads=1)
    picture = decode((GOLDEN / "microalgae.png").read_bytes(), max_pixels=10**6)
    output = detector.detect(picture, Thresholds(0.0, 0.5, 10))
    assert len(output.detections) == 10  # three steps teach nothing, but everything is there


def test_training_continues_from_a_checkpoint(trained: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_photo(data, 9, 300)
    ran = run(
        "scripts.model.train.__main__",
        *("--data", data, "--out", tmp_path / "run", "--init", trained / "checkpoint.pth"),
        *("--size", 256, "--crop", 128, "--batch", 1, "--steps", 1, "--loaders", 0),
        *("--model", "ross.efficientdet:micro_050"),
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert (tmp_path / "run" / "checkpoint.pth").is_file()


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.1])
def test_lambda_answers_what_icevision_answers(threshold: float) -> None:
    """The default model's checkpoint in IceVision against its float bundle in the handler, on one
    picture."""
    ran = run(
        "tests.scripts.model.icevision.icevision_predict",
        CHECKPOINT,
        GOLDEN / "microalgae.png",
        threshold,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    theirs = json.loads(ran.stdout.splitlines()[-1])
    detector = Detector.load(load_bundle(GOLDEN / "microalgae-float"), threads=1)
    picture = decode((GOLDEN / "microalgae.png").read_bytes(), max_pixels=10**6)
    ours = detector.detect(picture, Thresholds(threshold, 0.5, 100)).detections  # effdet keeps 100
    assert len(ours) == len(theirs["scores"]) > 20
    boxes = np.array(theirs["boxes"])
    nearest = box_iou_batch(ours.boxes.astype(float), boxes).argmax(1)
    assert sorted(nearest) == list(range(len(boxes)))  # each has its own
    assert np.abs(ours.boxes - boxes[nearest]).max() < 0.01
    assert np.abs(ours.scores - np.array(theirs["scores"])[nearest]).max() < 1e-4
    assert ours.class_ids.tolist() == [theirs["class_ids"][i] for i in nearest]
