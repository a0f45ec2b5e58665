"""Every family trains by the same command, from nothing and from weights, and exports."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from handler.bundle.files import load_bundle
from tests.support import shapes
from tests.support.training import Ran, Training, needs_training

pytestmark = needs_training
SHORT = ["--size", 128, "--batch", 2, "--threads", 1, "--steps", 2]
HELPERS = "tests.scripts.model"


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes.write_voc(tmp_path_factory.mktemp("voc"), 6)


@pytest.fixture(scope="module")
def weights(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    made = training.run(f"{HELPERS}.icevision.weight_files", folder, "resnet18", "mobilenet")
    assert made.code == 0, made.error
    return folder


def train(training: Training, voc: Path, out: Path, model: str, *more: object) -> Ran:
    return training.run("train", "--data", voc, "--out", out, "--model", model, *SHORT, *more)


def last_row(out: Path) -> dict[str, float]:
    return json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])


LOSSES = {
    "torchvision.retinanet:resnet18_fpn": {"classification", "bbox_regression"},
    "torchvision.faster_rcnn:resnet18_fpn": {
        "loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"
    },
    "ultralytics.yolov5:small": {"box", "objectness", "class"},
}  # fmt: skip


@pytest.mark.parametrize(
    "model",
    [
        "torchvision.retinanet:resnet18_fpn",
        "torchvision.faster_rcnn:resnet18_fpn",
        pytest.param("ultralytics.yolov5:small", marks=pytest.mark.needs_yolov5),
    ],
)
def test_a_family_trains_and_exports(
    training: Training, voc: Path, tmp_path: Path, model: str
) -> None:
    ran = train(training, voc, tmp_path, model)
    assert ran.code == 0, ran.error
    lines = ran.out.splitlines()
    assert lines[0] == "training on the CPU, 1 thread"
    assert any(line.startswith("step 2 of 2, minute ") for line in lines)
    assert any(line.startswith("best: AP50 ") for line in lines)
    row = last_row(tmp_path)
    assert all(math.isfinite(row[name]) for name in LOSSES[model])
    assert row["loss"] == pytest.approx(sum(row[name] for name in LOSSES[model]), rel=1e-3)
    exported = training.run("export", tmp_path / "checkpoint.pth", "--out", tmp_path / "bundle")
    assert exported.code == 0, exported.error
    assert load_bundle(tmp_path / "bundle").manifest.classes == shapes.CLASSES


def test_a_resnet_from_nothing_learns_its_statistics_and_its_first_layers(
    training: Training, voc: Path, weights: Path, tmp_path: Path
) -> None:
    ran = train(
        training, voc, tmp_path / "a", "torchvision.retinanet:resnet18_fpn", "--held-out", 0
    )
    assert ran.code == 0, ran.error
    facts = read_facts(training, tmp_path / "a", weights)
    assert facts["batches_of_bn1"] == 2


def test_a_resnet_from_published_weights_keeps_what_torchvision_freezes(
    training: Training, voc: Path, weights: Path, tmp_path: Path
) -> None:
    file = weights / "resnet18.pth"
    ran = train(
        training, voc, tmp_path / "a", "torchvision.retinanet:resnet18_fpn",
        "--held-out", 0, "--pretrained", file,
    )  # fmt: skip
    assert ran.code == 0, ran.error
    assert f"weights: 100 of the model's 136 tensors from {file}\n" in ran.out
    assert json.loads((tmp_path / "a" / "settings.json").read_text())["rate"] == 1e-4
    facts = read_facts(training, tmp_path / "a", weights)
    assert facts["batches_of_bn1"] is None
    kernels = {name for name in facts["same"] if "conv" in name or "downsample.0" in name}
    assert kernels == {  # of its stem and its first stage
        "conv1.weight", "layer1.0.conv1.weight", "layer1.0.conv2.weight",
        "layer1.1.conv1.weight", "layer1.1.conv2.weight",
    }  # fmt: skip
    assert sum(name.endswith("running_mean") for name in facts["same"]) == 20


def read_facts(training: Training, out: Path, weights: Path) -> dict:
    read = training.run(
        f"{HELPERS}.train.checkpoint_facts", out / "checkpoint.pth", weights / "resnet18.pth"
    )
    assert read.code == 0, read.error
    return json.loads(read.out)


def test_crops_start_from_weights_too(
    training: Training, voc: Path, weights: Path, tmp_path: Path
) -> None:
    ran = train(
        training, voc, tmp_path / "a", "ross.efficientdet:micro_035",
        "--crop", 64, "--pretrained", weights / "mobilenet.safetensors",
    )  # fmt: skip
    assert ran.code == 0, ran.error
    lines = ran.out.splitlines()
    assert lines[0].startswith("training on the CPU, 1 thread")
    assert "  left in the file: bn2, classifier, conv_head" in lines
    assert any(line.startswith("step 2 of 2, minute 0.") for line in lines)
    assert (tmp_path / "a" / "checkpoint.pth").exists()


def test_without_a_network_published_weights_are_asked_for_as_a_file(
    training: Training, voc: Path, tmp_path: Path
) -> None:
    published = {
        "ross.efficientdet:micro_050": "/mobilenetv2_050-3d30d450.pth (timm's mobilenetv2_050, ",
        "ross.efficientdet:tf_lite0": "/tf_efficientdet_lite0-dfacfc78.pth (effdet's detector, ",
        "torchvision.retinanet:resnet18_fpn": "/resnet18-f37072fd.pth (torchvision's backbone, ",
        "torchvision.faster_rcnn:resnet50_fpn": "/fasterrcnn_resnet50_fpn_coco-258fb6c6.pth (",
    }
    for model, names in published.items():
        ran = training.run(
            f"{HELPERS}.train.without_network",
            "--data", voc, "--out", tmp_path / "out", "--model", model, *SHORT, "--pretrained",
        )  # fmt: skip
        assert ran.code == 1, ran.error
        (sentence,) = ran.error.splitlines()
        assert "did not give the published weights (" in sentence
        assert "Connection refused" in sentence
        assert names in sentence
        assert sentence.endswith(f"--pretrained {names[1:].partition(' ')[0]}")
        assert not (tmp_path / "out").exists()


def test_what_does_not_go_together_is_refused(
    training: Training, voc: Path, weights: Path, tmp_path: Path
) -> None:
    retinanet, out = "torchvision.retinanet:resnet18_fpn", tmp_path / "out"
    file = weights / "mobilenet.safetensors"
    cases = [
        (retinanet, ["--crop", 64], "--crop trains ross.efficientdet only"),
        (retinanet, ["--init", "a.pth", "--pretrained"], "give one of them"),
        (retinanet, ["--pretrained", tmp_path / "no.pth"], "no.pth: no such file"),
        (retinanet, ["--pretrained", file], "It looks like a MobileNet or EfficientNet of timm"),
        (retinanet, ["--rate", 0], "--rate must be above 0"),
        ("ross.efficientdet:micro_035", ["--pretrained"], "neither effdet nor timm publishes"),
        ("ross.efficientdet:d7", [], "backbone 'd7' is not known"),  # effdet lacks it
    ]
    for model, more, says in cases:
        ran = train(training, voc, out, model, *more)
        assert ran.code == 1, (model, more, ran.error)
        assert says in ran.error
        assert not out.exists()


def test_a_training_that_diverges_ends_and_says_what_to_change(
    training: Training, voc: Path, tmp_path: Path
) -> None:
    ran = training.run(
        "train", "--data", voc, "--out", tmp_path / "out", "--model", "ross.efficientdet:micro_035",
        "--size", 64, "--batch", 2, "--threads", 1, "--steps", 40, "--rate", 1e30,
    )  # fmt: skip
    assert ran.code == 1, ran.out
    assert "the training diverged: " in ran.error
    assert "--rate below 1e+30" in ran.error
