"""parity passes where IceVision and the handler agree, and names the stage where they differ.

All runs of the training environment share one process, because it takes ten seconds to start.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from handler.bundle.files import load_bundle
from handler.bundle.manifest import Parity
from scripts.model.render.photo import render_photo
from tests.support.training import ROOT, Training, needs_training

GOLDEN = ROOT / "tests" / "golden"
CHECKPOINT = GOLDEN / "microalgae.pth"


@pytest.fixture(scope="module")
def other_checkpoint(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the same classes and size as the golden one, with other weights."""
    path = tmp_path_factory.mktemp("checkpoint") / "other.pth"
    backbone = load_bundle(GOLDEN / "microalgae-float").manifest.provenance.backbone
    same = {"backbone": backbone, "classes": ["Microalgae"], "size": 640}
    training.make_checkpoints({"path": path, **same})
    return path


@pytest.fixture(scope="module")
def exported(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the golden checkpoint that resizes as IceVision."""
    folder = tmp_path_factory.mktemp("exported")
    ran = training.run(
        *("export", CHECKPOINT, "--out", folder, "--name", "cells", "--version", "1"),
        *("--resize", "opencv-linear"),
    )
    assert ran.code == 0, ran.error
    return folder


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of odd sizes and several file formats, and one with nothing on it."""
    folder = tmp_path_factory.mktemp("photos")
    photo = Image.fromarray(render_photo(50, 701).rgb)
    photo.crop((0, 0, 701, 533)).save(folder / "wide.jpg", quality=90)
    photo.crop((100, 0, 433, 700)).save(folder / "tall.png")
    photo.crop((50, 50, 640, 641)).convert("L").save(folder / "grey.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.crop((0, 80, 640, 541)).save(folder / "turned.jpg", quality=90, exif=exif)
    Image.new("RGB", (400, 400), (120, 120, 120)).save(folder / "nothing.png")
    return folder


def stored_verdict(bundle_dir: Path) -> Parity | None:
    return load_bundle(bundle_dir).manifest.parity


def change_graph(bundle_dir: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """Change model.onnx, and its sha256 in model.json."""
    onnx_path = bundle_dir / "model.onnx"
    model = onnx.load(onnx_path)
    change(model)
    onnx.save(model, onnx_path)
    digest = hashlib.sha256(onnx_path.read_bytes()).hexdigest()
    change_manifest(bundle_dir, lambda manifest: manifest.update(sha256=digest))


def change_manifest(bundle_dir: Path, change: Callable[[dict], object]) -> None:
    manifest_path = bundle_dir / "model.json"
    manifest = json.loads(manifest_path.read_text())
    change(manifest)
    manifest_path.write_text(json.dumps(manifest))


def find_initializer(model: onnx.ModelProto, suffix: str) -> onnx.TensorProto:
    return next(each for each in model.graph.initializer if each.name.endswith(suffix))


@needs_training
def test_icevision_and_the_handler_answer_the_same(
    training: Training, copy: Path, photos: Path
) -> None:
    ran = training.run("parity", copy, CHECKPOINT, photos, GOLDEN / "microalgae.png")
    assert ran.code == 0, ran.out + ran.error
    assert "boxes > 0.05" in ran.out
    verdict = stored_verdict(copy)
    assert verdict is not None
    assert verdict.passed
    assert verdict.compared_from == "picture"
    assert verdict.pictures == 6
    assert verdict.onnx_sha256 == load_bundle(copy).manifest.sha256
    assert verdict.checkpoint_sha256 == hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()
    assert verdict.input_difference == 0
    assert verdict.first_difference is None
    assert [row.threshold for row in verdict.at] == [0.5, 0.3, 0.05]
    assert verdict.at[0].detections > 20
    assert verdict.at[2].detections > verdict.at[0].detections
    for row in verdict.at:
        assert row.same
        assert row.box_px is not None
        assert row.box_px <= 0.01
        assert row.score is not None
        assert row.score <= 1e-4
    # A second run stores the same bytes: the verdict holds no date and no path.
    first = (copy / "model.json").read_bytes()
    ran = training.run("parity", copy, CHECKPOINT, photos, GOLDEN / "microalgae.png", "--json")
    assert json.loads(ran.out)["passed"] is True
    assert (copy / "model.json").read_bytes() == first


def shift_mean(model: onnx.ModelProto) -> None:
    offset = find_initializer(model, "offset")
    offset.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(offset) + 1, offset.name))


def shift_weights(model: onnx.ModelProto) -> None:
    kernels = [each for each in model.graph.initializer if len(each.dims) == 4 and each.dims[0] > 8]
    kernel = kernels[len(kernels) // 2]
    kernel.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(kernel) * 1.01, kernel.name))


def fix_nms_overlap(model: onnx.ModelProto) -> None:
    nms = next(node for node in model.graph.node if node.op_type == "NonMaxSuppression")
    model.graph.initializer.append(numpy_helper.from_array(np.array([0.2], np.float32), "fixed"))
    nms.input[3] = "fixed"


def shift_boxes(model: onnx.ModelProto) -> None:
    """Shift boxes two px to the right behind NMS, where no candidate shows it."""
    last = next(node for node in model.graph.node if "boxes" in node.output)
    last.output[0] = "unmoved"
    right = numpy_helper.from_array(np.array([2, 0, 2, 0], np.float32), "right")
    model.graph.initializer.append(right)
    model.graph.node.append(helper.make_node("Add", ["unmoved", "right"], ["boxes"]))


BROKEN = {
    "fill": (
        lambda bundle_dir: change_manifest(
            bundle_dir, lambda m: m["resize"].update(fill=[114, 114, 114])
        ),
        "stage resized: the bundle pads with (114, 114, 114), IceVision with (124, 116, 104)",
    ),
    "mean": (lambda bundle_dir: change_graph(bundle_dir, shift_mean), "stage input: "),
    "weights": (
        lambda bundle_dir: change_graph(bundle_dir, shift_weights),
        "stage network: before NMS, PyTorch and ONNX Runtime differ",
    ),
    "nms": (
        lambda bundle_dir: change_graph(bundle_dir, fix_nms_overlap),
        "stage boxes: above 0.5: ",
    ),
    "boxes": (lambda bundle_dir: change_graph(bundle_dir, shift_boxes), "differs by 2"),
}


@needs_training
@pytest.mark.parametrize("what", BROKEN)
def test_a_bundle_broken_at_a_stage_is_caught_there_and_the_failure_stored(
    training: Training, copy: Path, photos: Path, what: str
) -> None:
    damage, says = BROKEN[what]
    damage(copy)
    ran = training.run("parity", copy, CHECKPOINT, photos / "wide.jpg")
    assert ran.code == 1, ran.out + ran.error
    last = ran.error.splitlines()[-1]
    assert last.startswith("parity: FAILED at wide.jpg, stage ")
    assert says in last
    assert "DIFFERS in 1" in ran.out
    verdict = stored_verdict(copy)
    assert verdict is not None
    assert not verdict.passed
    assert verdict.first_difference is not None
    assert says in verdict.first_difference


@needs_training
def test_a_picture_that_is_decoded_differently_is_caught(
    training: Training, copy: Path, tmp_path: Path
) -> None:
    clear = Image.open(GOLDEN / "microalgae.png").convert("RGBA")
    clear.putalpha(128)
    clear.save(tmp_path / "clear.png")
    ran = training.run("parity", copy, CHECKPOINT, tmp_path / "clear.png")
    assert ran.code == 1
    assert "clear.png, stage pixels: " in ran.error
    assert "transparency" in ran.error


@needs_training
def test_a_bundle_of_another_resize_is_compared_from_its_input_and_only_if_asked(
    training: Training, copy: Path, photos: Path
) -> None:
    def change_rule(manifest: dict) -> None:
        manifest["resize"]["rule"] = "antialias"

    refused = training.run("parity", copy, CHECKPOINT, photos, "--from-input")
    assert refused.code == 1
    assert "run without it" in refused.error
    change_manifest(copy, change_rule)
    refused = training.run("parity", copy, CHECKPOINT, photos)
    assert refused.code == 1
    assert "add --from-input" in refused.error
    assert stored_verdict(copy) is None
    ran = training.run("parity", copy, CHECKPOINT, photos, "--from-input")
    assert ran.code == 0, ran.out + ran.error
    assert ran.out.count("not compared") == 3  # two stages, and the note
    verdict = stored_verdict(copy)
    assert verdict is not None
    assert verdict.compared_from == "input"
    assert verdict.at[2].detections > 20


@needs_training
def test_zero_detections_prove_nothing(training: Training, copy: Path, photos: Path) -> None:
    ran = training.run("parity", copy, CHECKPOINT, photos / "nothing.png")
    assert ran.code == 1
    assert "no detection above 0.05 in 1 picture, so nothing is proven" in ran.error
    assert stored_verdict(copy) is None


@needs_training
def test_more_chance_than_chance_is_a_failure(
    training: Training, copy: Path, tmp_path: Path
) -> None:
    """On one plain colour candidates tie, and each side keeps different ones: here 16 of 100."""
    Image.new("RGB", (160, 40), (140, 143, 136)).save(tmp_path / "plain.png")
    ran = training.run("parity", copy, CHECKPOINT, tmp_path / "plain.png")
    assert ran.code == 1
    assert "TOO MANY ON EDGE" in ran.out
    assert "most in plain.png" in ran.error
    verdict = stored_verdict(copy)
    assert verdict is not None
    assert not verdict.passed
    assert verdict.at[2].on_edge > 1


@needs_training
def test_what_cannot_be_compared_is_reported_and_nothing_stored(
    training: Training, other_checkpoint: Path, copy: Path, photos: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "words.jpg").write_text("no picture")
    (tmp_path / "half.png").write_bytes((GOLDEN / "microalgae.png").read_bytes()[:9000])
    Image.new("RGB", (4000, 2)).save(tmp_path / "line.png")
    before = (copy / "model.json").read_bytes()
    for arguments, says in (
        ((copy, other_checkpoint, photos), "was exported from the checkpoint of sha256"),
        ((copy, tmp_path / "none.pth", photos), "none.pth: no such file"),
        ((copy, photos / "wide.jpg", photos), "wide.jpg: not"),
        ((empty, CHECKPOINT, photos), "model.json is missing"),
        ((copy, CHECKPOINT, tmp_path / "none"), "none: no such file or folder"),
        ((copy, CHECKPOINT, empty), "empty: no picture in it"),
        ((copy, CHECKPOINT, tmp_path / "words.jpg"), "words.jpg: the handler refuses it"),
        ((copy, CHECKPOINT, tmp_path / "half.png"), "half.png: the handler refuses it"),
        ((copy, CHECKPOINT, tmp_path / "line.png"), "line.png: IceVision cannot resize it"),
        ((copy, CHECKPOINT, photos, "--threads", 0), "--threads is 0"),
    ):
        ran = training.run("parity", *arguments)
        assert ran.code == 1, (arguments, ran)
        assert ran.error.startswith("parity: ") or "\nparity: " in ran.error, ran.error
        assert says in ran.error, ran.error
        assert "Traceback" not in ran.error
        assert (copy / "model.json").read_bytes() == before
    for change, says in (
        (lambda m: m.update(classes=["Diatom"]), "classes ['Diatom'] are not the checkpoint's"),
        (lambda m: m["provenance"].update(checkpoint_sha256=None), "names no checkpoint"),
        (lambda m: m["resize"].update(fit="yolox"), "is none that IceVision has"),
    ):
        (copy / "model.json").write_bytes(before)
        change_manifest(copy, change)
        ran = training.run("parity", copy, CHECKPOINT, photos)
        assert ran.code == 1
        assert says in ran.error, ran.error
        assert stored_verdict(copy) is None
