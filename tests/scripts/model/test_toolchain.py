"""From labelled pictures to a served bundle, through IceVision, in the training environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from scripts.model.evaluate.accuracy import iou
from scripts.model.render import render
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
        render.write(data, seed, 300)
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
    loaded = load_bundle(tmp_path)
    assert loaded.manifest.classes == (render.LABEL,)
    assert (loaded.manifest.input.width, loaded.manifest.input.height) == (256, 256)
    assert loaded.manifest.provenance.framework == "icevision"
    detector = Detector.load(loaded, threads=1)
    picture = decode((GOLDEN / "microalgae.png").read_bytes(), max_pixels=10**6)
    found = detector.detect(picture, Thresholds(0.0, 0.5, 10))
    assert len(found.detections) == 10  # three steps teach nothing, but everything is there


def test_training_continues_from_a_checkpoint(trained: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    render.write(data, 9, 300)
    ran = run(
        "scripts.model.train.__main__",
        *(
            "--data",
            data,
            "--out",
            tmp_path / "run",
            "--init",
            trained / "checkpoint.pth",
            "--size",
            256,
        ),
        *("--crop", 128, "--batch", 1, "--steps", 1, "--loaders", 0),
        *("--model", "ross.efficientdet:micro_050"),
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert (tmp_path / "run" / "checkpoint.pth").is_file()


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.1])
def test_lambda_answers_what_icevision_answers(threshold: float) -> None:
    """The default model's checkpoint in IceVision against its bundle in the handler, on one
    picture."""
    ran = run(
        "tests.scripts.model.icevision.icevision_predict",
        CHECKPOINT,
        GOLDEN / "microalgae.png",
        threshold,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    theirs = json.loads(ran.stdout.splitlines()[-1])
    detector = Detector.load(load_bundle(ROOT / "handler" / "model"), threads=1)
    picture = decode((GOLDEN / "microalgae.png").read_bytes(), max_pixels=10**6)
    ours = detector.detect(picture, Thresholds(threshold, 0.5, 100)).detections  # effdet keeps 100
    assert len(ours) == len(theirs["scores"]) > 20
    boxes = np.array(theirs["boxes"])
    nearest = iou(ours.boxes.astype(float), boxes).argmax(1)
    assert sorted(nearest) == list(range(len(boxes)))  # each has its own
    assert np.abs(ours.boxes - boxes[nearest]).max() < 0.01
    assert np.abs(ours.scores - np.array(theirs["scores"])[nearest]).max() < 1e-4
    assert ours.class_ids.tolist() == [theirs["class_ids"][i] for i in nearest]


PICKLE_THAT_RUNS = """
import sys, torch
class Run:
    def __reduce__(self):
        return (open, (sys.argv[2], "w"))
torch.save({"state_dict": Run(), "meta": {}}, sys.argv[1])
"""


def test_a_checkpoint_that_would_run_code_does_not(tmp_path: Path) -> None:
    trap, proof = tmp_path / "trap.pth", tmp_path / "it-ran"
    subprocess.run([PYTHON, "-c", PICKLE_THAT_RUNS, trap, proof], check=True)
    ran = export(trap, tmp_path / "out")
    assert ran.returncode == 1
    assert "holds more than weights" in ran.stderr
    assert not proof.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[: len(data) // 2], "cut short"),
        (lambda data: b"", "cut short"),
        (lambda data: b"not a checkpoint" * 100, "weights"),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_nothing_written(
    trained: Path, tmp_path: Path, damage, says: str
) -> None:
    broken = tmp_path / "broken.pth"
    broken.write_bytes(damage((trained / "checkpoint.pth").read_bytes()))
    ran = export(broken, tmp_path / "out")
    assert ran.returncode == 1
    assert says in ran.stderr, ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "out").exists()
