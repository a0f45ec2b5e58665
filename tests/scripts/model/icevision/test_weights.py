"""Weights made elsewhere: what fits is taken and said, another model's are refused by what they
are, and no code in a file runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.training import Training, needs_training

pytestmark = needs_training
HELPERS = "tests.scripts.model.icevision"


@pytest.fixture(scope="module")
def files(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    kinds = ("resnet18", "resnet34", "mobilenet", "effdet", "trap", "not_finite")
    made = training.run(f"{HELPERS}.weight_files", folder, *kinds)
    assert made.code == 0, made.error
    return folder


def take(training: Training, model: str, file: Path, prefix: str = "", classes: int = 3) -> dict:
    ran = training.run(f"{HELPERS}.taken_weights", *model.split(":"), classes, file, prefix)
    assert ran.code == 0, ran.error
    return json.loads(ran.out)


def test_a_backbone_fills_the_backbone(training: Training, files: Path) -> None:
    taken = take(
        training, "torchvision.retinanet:resnet18_fpn", files / "resnet18.pth", "backbone.body."
    )
    # ResNet-18 has 20 convolutions, 20 normalisations of four tensors each, and a classifier, fc.
    assert taken["says"].splitlines() == [
        "weights: 100 of the model's 136 tensors from resnet18.pth",
        "  begun anew, not in the file: backbone.fpn, head",
        "  left in the file: fc",
    ]
    assert taken["parts"] == ["backbone.body"]
    # Biases, variances and scales of an untrained file are those of an untrained model.
    assert taken["same"] == taken["changed"] >= 20


def test_timms_backbone_as_safetensors_fills_a_small_efficientdet(
    training: Training, files: Path
) -> None:
    taken = take(
        training, "ross.efficientdet:micro_035", files / "mobilenet.safetensors", "model.backbone."
    )
    assert "left in the file: bn2, classifier, conv_head" in taken["says"]
    assert "not in the file: model.fpn, model.class_net, model.box_net" in taken["says"]
    assert taken["parts"] == ["model.backbone"]
    assert taken["same"] == taken["changed"] >= 50  # MobileNetV2 has 51 kernels before its head


def test_a_detector_of_other_classes_fills_all_but_their_head(
    training: Training, files: Path
) -> None:
    taken = take(training, "ross.efficientdet:micro_035", files / "effdet.pth", "model.")
    report = taken["says"].splitlines()
    assert report[1:] == ["  begun anew, of another shape there: model.class_net.predict.conv_pw"]
    counts = [int(word) for word in report[0].replace("model's ", "").split() if word.isdigit()]
    assert counts[1] - counts[0] == 2  # all but that layer's weight and bias
    assert taken["same"] == taken["changed"]
    assert set(taken["parts"]) == {
        "model.backbone", "model.fpn", "model.class_net", "model.box_net"
    }  # fmt: skip


@pytest.mark.needs_yolov5
def test_a_pickled_module_is_read_without_its_classes(training: Training, tmp_path: Path) -> None:
    made = training.run(f"{HELPERS}.weight_files", tmp_path, "yolov5")
    assert made.code == 0, made.error
    taken = take(training, "ultralytics.yolov5:small", tmp_path / "yolov5.pth")
    heads = "model.24.m.0, model.24.m.1, model.24.m.2"
    assert taken["says"].splitlines()[1:] == [f"  begun anew, of another shape there: {heads}"]
    assert taken["same"] == taken["changed"] >= 60  # YOLOv5s has 60 convolutions and more


def test_code_in_a_file_does_not_run(training: Training, files: Path) -> None:
    checked = training.run(f"{HELPERS}.read_only", files / "trap.pth")
    assert json.loads(checked.out) == {"tensors": 122}
    assert not (files / "it-ran").exists()
    # The helper reads the file once more with all its code: the trap does work.
    taken = take(
        training, "torchvision.retinanet:resnet18_fpn", files / "trap.pth", "backbone.body."
    )
    assert taken["says"].startswith("weights: 100 of the model's 136 tensors")
    assert (files / "it-ran").exists()


@pytest.mark.parametrize(
    ("model", "file", "says"),
    [
        # Its 20 kernels all fit ResNet-34's; but the file has 16 more.
        (
            "torchvision.faster_rcnn:resnet18_fpn",
            "resnet34.pth",
            "20 of the 20 kernels of its backbone fit by name and shape, where the file has 36. "
            "It looks like a ResNet of 18 or 34 layers",
        ),
        (
            "torchvision.retinanet:resnet34_fpn",
            "resnet18.pth",
            "20 of the 36 kernels of its backbone fit",
        ),
        (
            "torchvision.retinanet:resnet18_fpn",
            "effdet.pth",
            "0 of the 20 kernels of its backbone fit by name and shape. It looks like an "
            "EfficientDet of effdet (",
        ),
        (
            "ross.efficientdet:micro_035",
            "resnet18.pth",
            "It looks like a ResNet of 18 or 34 layers (102 tensors: conv1.weight [64, 3, 7, 7], ",
        ),
        (
            "ross.efficientdet:micro_050",
            "mobilenet.safetensors",
            "It looks like a MobileNet or EfficientNet of timm",
        ),
        (
            "torchvision.retinanet:resnet18_fpn",
            "not_finite.pth",
            "1 of its tensors hold NaN or infinity, as backbone.body.conv1.weight",
        ),
    ],
)
def test_weights_of_another_model_are_refused_by_what_they_are(
    training: Training, files: Path, model: str, file: str, says: str
) -> None:
    ran = training.run(f"{HELPERS}.taken_weights", *model.split(":"), 3, files / file, "")
    assert ran.code == 1, ran.out + ran.error
    assert file in ran.error
    assert says in ran.error


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.pth", b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        ("a.pth", b"\n<!DOCTYPE html><html>404", "a web page, not weights"),
        ("a.pth", b"", "empty; download it again"),
        ("a.pth", b"\x80\x02}q\x00" * 40, "not weights of PyTorch"),
        ("a.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{}", "not a safetensors file"),
    ],
)
def test_what_is_no_file_of_weights_is_refused_by_what_it_is(
    training: Training, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    ran = training.run(f"{HELPERS}.read_only", tmp_path / name)
    assert ran.code == 1, ran.out
    assert says in ran.error
