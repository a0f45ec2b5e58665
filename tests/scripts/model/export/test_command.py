"""export makes bundles of every family's checkpoints, or refuses them with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from scripts.model.dataset import LabelledPicture, write_coco
from tests.support.training import ROOT, Training, needs_training

GOLDEN = ROOT / "tests" / "golden"
CLASSES = ["nut", "bolt", "washer"]  # as seeded_checkpoints has them

pytestmark = needs_training


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wide and a tall crop of the golden picture."""
    folder = tmp_path_factory.mktemp("pictures")
    with Image.open(GOLDEN / "microalgae.png") as golden:
        golden.crop((0, 0, 420, 260)).save(folder / "wide.png")
        golden.crop((100, 50, 330, 400)).save(folder / "tall.png")
    return folder


@pytest.mark.parametrize(
    ("model", "backbone", "size"),
    [
        ("ross.efficientdet", "tf_lite0", 128),
        ("torchvision.retinanet", "resnet18_fpn", 128),
        ("torchvision.faster_rcnn", "resnet18_fpn", 128),
        pytest.param(
            "ultralytics.yolov5",
            "small",
            128,
            marks=pytest.mark.needs_yolov5,
        ),
        ("ross.efficientdet", "micro_035", [256, 128]),  # IceVision stretches to a pair
    ],
)
def test_every_family_answers_what_icevision_answers(
    training: Training, model: str, backbone: str, size, pictures: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "nuts.pth", tmp_path / "bundle"
    training.make_checkpoints({"path": source, "model": model, "backbone": backbone, "size": size})
    exported, compared = training.runs(
        ("export", [source, "--out", out, "--json"]), ("parity", [out, source, pictures])
    )
    assert exported.code == 0, exported.error
    manifest = load_bundle(out).manifest
    if model == "ultralytics.yolov5":
        # Untrained, its boxes all have one shape: below 0.5 many overlaps lie at the limit of NMS.
        assert manifest.parity, compared.error
        assert manifest.parity.at[0].same and manifest.parity.at[0].detections > 10
        assert manifest.parity.candidate_score < 1e-4 and manifest.parity.candidate_box_px < 0.01
        return
    assert compared.code == 0, compared.out + compared.error
    assert manifest.classes == tuple(CLASSES) and manifest.name == "nuts"
    assert manifest.parity and manifest.parity.passed
    assert manifest.parity.compared_from == "picture" and manifest.parity.pictures == 2
    assert max(at.detections for at in manifest.parity.at) > 20
    assert json.loads(exported.out)["largest_difference"] < 1e-4


def test_options_add_what_the_checkpoint_does_not_say(training: Training, tmp_path: Path) -> None:
    bare, spare, names = tmp_path / "bare.pth", tmp_path / "spare.pth", tmp_path / "names.txt"
    parallel = tmp_path / "parallel.pth"
    training.make_checkpoints(
        {"path": bare, "form": "bare"},
        {"path": spare, "meta": {"img_size": None, "classes": None}},
        {"path": parallel, "form": "parallel", "meta": {"model_name": "models.ross.efficientdet",
                                                        "classes": ["background", *CLASSES]}},
    )  # fmt: skip
    names.write_text("nut\nbolt\nwasher\n")
    model = ["--model", "ross.efficientdet:micro_035"]
    mean = ["--mean", "0.5,0.5,0.5", "--std", "0.25,0.25,0.25"]
    refused, refused_size, complete, from_file, parallel_weights = training.runs(
        ("export", [bare, "--out", tmp_path / "none"]),
        ("export", [spare, "--out", tmp_path / "none"]),
        ("export", [bare, "--out", tmp_path / "a", *model, "--classes", "nut,bolt,washer",
                    "--size", "256x128", "--fit", "centre", *mean]),
        ("export", [spare, "--out", tmp_path / "b", "--classes", names, "--size", "128"]),
        ("export", [parallel, "--out", tmp_path / "c"]),
    )  # fmt: skip
    assert refused.code == 1
    for option in ("--model FAMILY:BACKBONE", "--classes a,b,c", "--size SIDE"):
        assert option in refused.error
    assert refused_size.code == 1
    assert "classes, img_size" in refused_size.error and "--model" not in refused_size.error
    assert not (tmp_path / "none").exists()
    for ended in (complete, from_file, parallel_weights):
        assert ended.code == 0, ended.error
    first, second, third = (load_bundle(tmp_path / name) for name in "abc")
    assert (first.manifest.input.width, first.manifest.input.height) == (256, 128)
    assert first.manifest.resize.fit == "centre"
    assert {bundle.manifest.classes for bundle in (first, second, third)} == {tuple(CLASSES)}
    # the same weights, but another normalisation in front of them
    assert second.manifest.sha256 == third.manifest.sha256 != first.manifest.sha256
    picture = decode((GOLDEN / "microalgae.png").read_bytes(), max_pixels=10**6)
    wide = Detector.load(first, threads=1).detect(picture, Thresholds(0.0, 0.5, 300)).detections
    assert len(wide) == 300
    assert (wide.boxes >= 0).all()
    assert (wide.boxes <= np.tile([picture.width, picture.height], 2)).all()


@pytest.mark.parametrize("count", [1, 365])
def test_as_many_classes_as_there_are(training: Training, count: int, tmp_path: Path) -> None:
    source, out = tmp_path / "checkpoint.pth", tmp_path / "bundle"
    classes = [f"class {number}" for number in range(count)]
    training.make_checkpoints({"path": source, "classes": classes})
    (ended,) = training.runs(("export", [source, "--out", out]))
    assert ended.code == 0, ended.error
    detector = Detector.load(load_bundle(out), threads=1)
    assert detector.manifest.classes == tuple(classes)
    picture = decode((GOLDEN / "microalgae.png").read_bytes(), max_pixels=10**6)
    class_ids = detector.detect(picture, Thresholds(0.0, 1.0, 300)).detections.class_ids
    assert len(set(class_ids.tolist())) == min(count, len(set(class_ids.tolist())))
    assert class_ids.max() < count and (count == 1 or class_ids.max() > 100)


def test_the_notes_of_the_training_reach_the_manifest(training: Training, tmp_path: Path) -> None:
    source = tmp_path / "Nuts & Bolts" / "checkpoint.pth"
    source.parent.mkdir()
    notes = {"resize": "antialias", "dataset": "tray", "training_command": "python -m train"}
    training.make_checkpoints({"path": source, "meta": notes})
    from_notes, from_options = training.runs(
        ("export", [source, "--out", tmp_path / "a"]),
        ("export", [source, "--out", tmp_path / "b", "--resize", "opencv-linear",
                    "--dataset", "shelf", "--name", "mine", "--version", "2"]),
    )  # fmt: skip
    assert (from_notes.code, from_options.code) == (0, 0), from_notes.error + from_options.error
    first, second = (load_bundle(tmp_path / name).manifest for name in "ab")
    assert (first.name, first.version, first.resize.rule) == ("nuts-bolts", "1.0.0", "antialias")
    assert first.provenance.dataset == "tray"
    assert first.provenance.training_command == "python -m train"
    assert (second.name, second.version, second.resize.rule) == ("mine", "2", "opencv-linear")
    assert second.provenance.dataset == "shelf"


def test_what_cannot_be_exported_is_refused_with_a_reason(
    training: Training, tmp_path: Path
) -> None:
    good, mmdet, diverged = (tmp_path / name for name in ("good.pth", "mmdet.pth", "nan.pth"))
    odd, twice, text = (tmp_path / name for name in ("odd.pth", "twice.pth", "text.pth"))
    training.make_checkpoints(
        {"path": good},
        {"path": mmdet, "meta": {"model_name": "mmdet.vfnet", "backbone_name": "resnet50_fpn"}},
        {"path": diverged, "nan": True},
        {"path": odd, "meta": {"img_size": "128"}},
        {"path": twice, "meta": {"classes": ["nut", "nut", "bolt"]}},
    )
    text.write_text("no checkpoint")
    taken = tmp_path / "taken"
    taken.write_text("a file where the folder should be")
    out = tmp_path / "out"
    cases: list[tuple[list[object], str]] = [
        ([mmdet], "mmcv-full"),
        ([mmdet], "scripts.model.adapt"),
        ([diverged], "NaN"),
        ([odd], "--size"),
        ([twice], "a name of its own"),
        ([text], "more than weights"),
        ([tmp_path], "a folder"),
        ([tmp_path / "missing.pth"], "no such file"),
        ([good, "--classes", "nut,bolt"], "do not fit"),
        ([good, "--classes", ""], "classes"),
        ([good, "--model", "ross.efficientdet:micro_050"], "do not fit"),
        ([good, "--model", "ross.efficientdet"], "FAMILY:BACKBONE"),
        ([good, "--model", "ross.efficientdet:micro_9"], "micro_035"),
        ([good, "--model", "ross.other:micro_9"], "torchvision.faster_rcnn"),
        ([good, "--model", "torchvision.faster_rcnn:mobilenet"], "resnet18_fpn"),
        ([good, "--size", "130"], "multiples of 32"),
        ([good, "--size", "big"], "WIDTHxHEIGHT"),
        ([good, "--mean", "1,2"], "three numbers"),
        ([good, "--mean", "123,116,103"], "0..1"),
        ([good, "--std", "0,0,0"], "0..1"),
        ([good, "--name", "No Such Name"], "name"),
        ([good, "--score-threshold", "1.5"], "score"),
        ([good, "--iou-threshold", "-1"], "iou"),
        ([good, "--max-detections", "0"], "max_detections"),
    ]
    ended = training.runs(*(("export", [*arguments, "--out", out]) for arguments, _ in cases))
    for (arguments, says), each in zip(cases, ended, strict=True):
        assert each.code == 1, (arguments, each)
        assert says in each.error, (arguments, each.error)
        assert each.error.strip().splitlines()[-1].startswith("export: ")
        assert not out.exists(), arguments
    (unwritable,) = training.runs(("export", [good, "--out", taken]))
    assert unwritable.code == 1 and "cannot be written" in unwritable.error


def test_parity_comes_with_the_export_where_it_is_asked_for(
    training: Training, pictures: Path, tmp_path: Path
) -> None:
    """With what the user says of the checkpoint, and from the input for a bundle that resizes in
    its own way; docs/models.md's first box has it with a plain one."""
    bare, out, labels = (tmp_path / name for name in ("bare.pth", "out", "held-out.json"))
    training.make_checkpoints({"path": bare, "form": "bare"})
    box = np.array([[9.0, 9.0, 40.0, 40.0]])
    write_coco([LabelledPicture(pictures / "wide.png", box, ("nut",), 420, 260)], labels)
    said = ["--model", "ross.efficientdet:micro_035", "--classes", ",".join(CLASSES)]
    export = [bare, "--out", out, *said, "--size", "128", "--resize", "antialias", "--parity"]
    missing = training.run("export", *export, tmp_path / "none")
    assert missing.code == 1 and "no such file" in missing.error
    assert not out.exists()  # refused before the long work
    compared = training.run("export", *export, labels)
    assert compared.code == 0, compared.error
    verdict = load_bundle(out).manifest.parity
    assert verdict and verdict.passed and (verdict.pictures, verdict.compared_from) == (1, "input")
    assert max(at.detections for at in verdict.at) > 20
