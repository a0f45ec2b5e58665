"""Training on one's own folder: what it writes, how it resumes, what it refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from handler.bundle.files import load_bundle
from scripts.model.dataset import read_labelled_pictures
from tests.support import shapes
from tests.support.training import PYTHON, ROOT, Training, needs_training

pytestmark = needs_training
SMALL = ["--model", "ross.efficientdet:micro_035", "--size", 128, "--batch", 4, "--threads", 1]


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def train(data: Path, out: Path, *more: object) -> tuple[str, list[object]]:
    return "train", ["--data", data, "--out", out, *SMALL, *more]


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes.write_voc(tmp_path_factory.mktemp("voc"), 24)


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes.write_coco(tmp_path_factory.mktemp("coco"), 24)


@pytest.fixture(scope="module")
def ended(
    training: Training, voc: Path, coco: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Trainings of twelve steps: of VOC, of the same as COCO, and one exported."""
    root = tmp_path_factory.mktemp("runs")
    short = ["--steps", 12, "--evaluate-every", 6]
    made = training.runs(
        train(voc, root / "voc", *short),
        train(coco, root / "coco", *short),
        ("export", [root / "voc" / "checkpoint.pth", "--out", root / "bundle"]),
    )
    for each in made:
        assert each.code == 0, each.error[-2000:]
    checkpoint, bundle = root / "voc" / "checkpoint.pth", root / "voc" / "bundle"
    held_out = root / "voc" / "held-out.json"
    assert [line.strip() for line in made[0].out.partition("next:\n")[2].splitlines()] == [
        f"scripts/run export {checkpoint} --out {bundle} --parity {held_out}",
        f"scripts/run evaluate {bundle} {held_out} --out {root}/voc "
        "--write-threshold --write-baseline",
        f"scripts/release {bundle} dev",
    ]
    return {"voc": root / "voc", "coco": root / "coco", "bundle": root / "bundle"}


def test_a_run_leaves_all_that_is_needed(ended: dict[str, Path], voc: Path) -> None:
    run = ended["voc"]
    assert [row["step"] for row in metrics(run)] == [6, 12]
    assert all(np.isfinite(row["loss"]) and 0 <= row["val_ap50"] <= 1 for row in metrics(run))
    assert json.loads((run / "settings.json").read_text())["steps"] == 12
    assert (run / "curves.png").stat().st_size > 5000
    held = read_labelled_pictures(run / "held-out.json")
    assert len(held) == 4  # 15 % of 24
    whole = {each.path.resolve(): each for each in read_labelled_pictures(voc)}
    for picture in held:
        same = whole[picture.path]
        assert np.allclose(picture.boxes, same.boxes) and picture.labels == same.labels


def test_voc_and_coco_of_the_same_pictures_train_alike(ended: dict[str, Path]) -> None:
    ours, theirs = (metrics(ended[name]) for name in ("voc", "coco"))
    for first, second in zip(ours, theirs, strict=True):
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)


def test_export_knows_how_the_training_went(ended: dict[str, Path]) -> None:
    manifest = load_bundle(ended["bundle"]).manifest
    assert manifest.classes == shapes.CLASSES
    assert (manifest.input.width, manifest.resize.rule) == (128, "opencv-linear")
    assert "scripts.model.train" in (manifest.provenance.training_command or "")


def test_a_killed_run_goes_on_as_it_would_have(
    training: Training, voc: Path, tmp_path: Path
) -> None:
    longer = ["--steps", 24, "--evaluate-every", 3, "--held-out", 0]
    name, arguments = train(voc, tmp_path / "cut", *longer)
    command = [PYTHON, "-m", f"scripts.model.{name}", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        deadline = time.monotonic() + 120
        while not (tmp_path / "cut" / "state.pt").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    before = metrics(tmp_path / "cut")[-1]["step"]
    assert before < 24
    whole, resumed = training.runs(
        train(voc, tmp_path / "whole", *longer), train(voc, tmp_path / "cut", *longer, "--resume")
    )
    assert (whole.code, resumed.code) == (0, 0), whole.error + resumed.error
    ours, theirs = metrics(tmp_path / "cut"), metrics(tmp_path / "whole")
    assert [row["step"] for row in ours] == [row["step"] for row in theirs] == list(range(3, 25, 3))
    for first, second in zip(ours, theirs, strict=True):
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-4)


def test_a_run_goes_on_with_its_own_settings_only(
    training: Training, ended: dict[str, Path], voc: Path
) -> None:
    other, truncated = (
        train(voc, ended["voc"], "--resume", "--rate", 0.1),
        train(shapes.write_voc(voc.parent / "cut", 3), voc.parent / "run", "--steps", 1),
    )
    picture = voc.parent / "cut" / "0002.png"
    picture.write_bytes(picture.read_bytes()[:2000])  # its header is whole
    refused, broken = training.runs(other, truncated)
    assert refused.code == 1 and "--rate 0.003" in refused.error
    assert broken.code == 1 and "0002.png: " in broken.error


def test_what_cannot_be_trained_on_is_refused_before_anything_is_made(
    training: Training, voc: Path, tmp_path: Path
) -> None:
    empty, damaged, unlabelled = (tmp_path / name for name in ("empty", "damaged", "unlabelled"))
    empty.mkdir()
    shapes.write_voc(damaged, 3)
    (damaged / "0001.png").write_bytes(b"no picture")
    unlabelled.mkdir()
    (unlabelled / "a.xml").write_text("<annotation><filename>a.png</filename></annotation>")
    shapes.draw(1)[0].save(unlabelled / "a.png")
    out = tmp_path / "out"
    cases = [
        (train(empty, out), "neither VOC"),
        (train(tmp_path / "missing", out), "no such folder"),
        (train(damaged, out), "0001.png"),
        (train(unlabelled, out), "label some"),
        (train(voc, out, "--resume"), "nothing to resume"),
        (train(voc, out, "--model", "ross.efficientdet:none"), "micro_050"),
        (train(voc, out, "--init", voc / "0000.xml"), "0000.xml"),
        (train(voc, out, "--steps", 0), "1 or more"),
        (train(voc, out, "--held-out", 1), "under 1"),
        (train(voc, out, "--batch", 1), "2 or more"),
        (train(voc, out, "--crop", 64, "--resume"), "--crop has no"),
    ]
    made = training.runs(*(command for command, _ in cases))
    for (command, says), each in zip(cases, made, strict=True):
        assert each.code == 1, (command, each)
        assert says in each.error, (command, each.error)
        assert not out.exists()
