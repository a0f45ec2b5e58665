"""The bundle: read strictly, written whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.bundle.files import load_bundle, write_manifest
from handler.bundle.manifest import Manifest, PictureRanges, TrainingScale
from handler.bundle.reader import BundleError
from tests.support.tiny_bundle import tiny_manifest

EVALUATION = {
    "dataset": "photos",
    "pictures": 6,
    "ap50": 0.8,
    "ap": 0.4,
    "precision": 1,
    "recall": 0.7,
    "count_error": 0.06,
    "command": "evaluate",
}

TRAINING_SCALE = {"object_px": 28.5, "pictures": 40, "dataset": "held-out", "command": "evaluate"}
PARITY = {
    "passed": True,
    "compared_from": "picture",
    "checkpoint_sha256": "0" * 64,
    "onnx_sha256": "1" * 64,
    "versions": {"icevision": "0.12.0"},
    "pictures": 2,
    "input_difference": 0.0,
    "candidate_box_px": 1e-4,
    "candidate_score": 1e-6,
    "at": [
        {
            "threshold": 0.5,
            "detections": 0,
            "box_px": None,
            "score": None,
            "on_edge": 0,
            "same": True,
        }
    ],
    "first_difference": None,
}


def manifest_with(change: Callable[[dict[str, Any]], object]) -> str:
    whole = tiny_manifest(b"")
    change(whole)
    return json.dumps(whole)


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"model\.json is missing; a bundle is model\.onnx and"):
        load_bundle(tmp_path)


def test_a_manifest_without_its_graph_is_no_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_bundle / "model.json", tmp_path)
    with pytest.raises(BundleError, match=r"model\.onnx is missing"):
        load_bundle(tmp_path)


def test_a_whole_bundle_is_loaded(tiny_bundle: Path) -> None:
    loaded = load_bundle(tiny_bundle)
    assert loaded.onnx_path == tiny_bundle / "model.onnx"
    assert loaded.manifest.classes == ("red", "green")
    assert loaded.manifest.resize.fill == (124, 116, 104)


def test_another_graph_than_the_manifest_vouches_for_is_refused(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_bundle, tmp_path, dirs_exist_ok=True)
    graph = tmp_path / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    with pytest.raises(BundleError, match=r"has sha256 [0-9a-f]{64}, model\.json says"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[]", b'"x"', b"null"])
def test_a_file_that_is_no_manifest_is_named(
    tiny_bundle: Path, tmp_path: Path, text: bytes
) -> None:
    shutil.copytree(tiny_bundle, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.json").write_bytes(text)
    with pytest.raises(BundleError) as raised:
        load_bundle(tmp_path)
    assert str(tmp_path / "model.json") in str(raised.value)


def test_bundles_from_before_the_training_scale_go_on_working() -> None:
    assert (
        Manifest.from_json(manifest_with(lambda m: m.pop("training_scale", 0))).training_scale
        is None
    )
    made = Manifest.from_json(manifest_with(lambda m: m.update(training_scale=TRAINING_SCALE)))
    assert made.training_scale == TrainingScale(**TRAINING_SCALE)
    assert Manifest.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.pop("classes"), "classes is missing"),
        (lambda m: m["input"].pop("width"), "input.width is missing"),
        (lambda m: m.update(nms="soft"), "nms is not known to bundle/1"),
        (lambda m: m["resize"].update(pad=1), "resize.pad is not known"),
        (lambda m: m.update(schema="bundle/2"), "schema is 'bundle/2'"),
        (lambda m: m.pop("schema"), "schema is None"),
        (lambda m: m.update(name="My model"), "name must be lower case"),
        (lambda m: m.update(name="../up"), "name must be lower case"),
        (lambda m: m.update(version=1), "version must be a text, not 1"),
        (lambda m: m.update(version="v" * 65), "version must be lower case"),
        (lambda m: m.update(sha256="F" * 64), "sha256 must be 64 hex digits"),
        (lambda m: m.update(classes=[]), "classes must be at least one name"),
        (lambda m: m.update(classes=["a", ""]), "classes must be at least one name, none empty"),
        (lambda m: m.update(classes=["a", "a"]), "classes must be without repeats"),
        (lambda m: m.update(classes="ab"), "classes must be a list"),
        (lambda m: m.update(classes=["a", 1]), "classes[1] must be a text, not 1"),
        (lambda m: m.update(input=[64, 64]), "input must be an object"),
        (lambda m: m["input"].update(width=64.0), "input.width must be a whole number"),
        (lambda m: m["input"].update(width=True), "input.width must be a whole number"),
        (lambda m: m["input"].update(height=0), "input.height must be positive"),
        (lambda m: m["resize"].update(rule="nearest"), "resize.rule must be one of ['antialias'"),
        (lambda m: m["resize"].update(fit="left"), "resize.fit must be one of ['centre', 'yolov5'"),
        (lambda m: m["resize"].pop("fit"), "resize.fit is missing"),
        (lambda m: m["resize"].update(fill=[1, 2]), "resize.fill must be a list of 3"),
        (lambda m: m["resize"].update(fill=[0, 0, 256]), "resize.fill must be from 0 to 255"),
        (lambda m: m["thresholds"].update(score=1.1), "thresholds.score must be from 0 to 1"),
        (lambda m: m["thresholds"].update(iou="0.5"), "thresholds.iou must be a number"),
        (lambda m: m["thresholds"].update(iou=True), "thresholds.iou must be a number"),
        (lambda m: m["thresholds"].update(score=10**400), "thresholds.score must be a number"),
        (lambda m: m["thresholds"].update(score=float("nan")), "NaN is no number"),
        (lambda m: m["thresholds"].update(score_floor=-1), "thresholds.score_floor must be from"),
        (lambda m: m["thresholds"].update(max_detections=0), "max_detections must be positive"),
        (lambda m: m["provenance"].update(versions={"onnx": 1}), "versions.onnx must be a text"),
        (lambda m: m.update(evaluation={}), "evaluation must be a list"),
        (lambda m: m.update(evaluation=[{}]), "evaluation[0].dataset is missing"),
        (
            lambda m: m.update(evaluation=[EVALUATION | {"ap": None}]),
            "evaluation[0].ap must be a number, not null",
        ),
        (lambda m: m.update(monitoring_baseline=[]), "monitoring_baseline must be an object"),
        (lambda m: m.pop("parity"), "parity is missing"),
        (lambda m: m.update(training_scale=20), "training_scale must be an object"),
        (lambda m: m.update(training_scale={}), "training_scale.object_px is missing"),
        (
            lambda m: m.update(training_scale=TRAINING_SCALE | {"object_px": 0}),
            "training_scale.object_px must be positive",
        ),
        (lambda m: m.update(parity=True), "parity must be an object"),
        (
            lambda m: m.update(parity=PARITY | {"passed": 1}),
            "parity.passed must be true or false, not 1",
        ),
        (
            lambda m: m.update(parity=PARITY | {"compared_from": "half way"}),
            "parity.compared_from must be one of ['picture', 'input']",
        ),
        (lambda m: m.update(parity=PARITY | {"at": [{}]}), "parity.at[0].threshold is missing"),
    ],
)
def test_what_is_wrong_in_a_manifest_is_named(
    change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(BundleError) as raised:
        Manifest.from_json(manifest_with(change))
    assert "model.json" in str(raised.value)
    assert words in str(raised.value)


numbers = st.floats(-1e6, 1e6)
histograms = st.fixed_dictionaries(
    {
        "edges": st.lists(numbers, max_size=4),
        "counts": st.lists(st.integers(0, 10**9), max_size=5),
        "mean": numbers,
    }
)
thresholds_of = {"score_threshold": st.floats(0, 1), "iou_threshold": st.floats(0, 1)}
measured = {"pictures": st.integers(0, 10**6), "dataset": st.text(), "command": st.text()}
baselines = st.fixed_dictionaries(
    {
        **measured,
        **thresholds_of,
        "class_counts": st.dictionaries(st.text(), st.integers(0, 10**9), max_size=3),
    },
    optional={
        "reference_sha256": st.none() | st.text(),
        # of bundles from before there was a reference
        "histograms": st.dictionaries(st.text(), histograms, max_size=3),
    },
)
spreads = st.fixed_dictionaries(dict.fromkeys(("base", "doubtful", "share"), numbers))
ranges = st.fixed_dictionaries(
    dict.fromkeys(PictureRanges._fields, st.lists(numbers, min_size=2, max_size=2))
)
calibrations = st.fixed_dictionaries(
    {
        **measured,
        **thresholds_of,
        "coverage": st.floats(0.5, 1),
        "below": numbers,
        "above": numbers,
    },
    # not in bundles of before
    optional={"spread": st.none() | spreads, "ranges": st.none() | ranges},
)


@given(
    classes=st.lists(st.text(min_size=1), min_size=1, unique=True),
    score=st.floats(0, 1) | st.integers(0, 1),
    versions=st.dictionaries(st.text(), st.text()),
    baseline=st.none() | baselines,
    calibration=st.none() | calibrations,
)
def test_a_manifest_written_reads_back_equal(
    classes: list[str],
    score: float,
    versions: dict[str, str],
    baseline: dict[str, Any] | None,
    calibration: dict[str, Any] | None,
) -> None:
    def change(whole: dict[str, Any]) -> None:
        whole.update(classes=classes, monitoring_baseline=baseline, count_calibration=calibration)
        whole.update(evaluation=[EVALUATION], parity=PARITY)
        whole["thresholds"]["score"] = score
        whole["provenance"]["versions"] = versions

    manifest = Manifest.from_json(manifest_with(change))
    assert (manifest.monitoring_baseline is None) == (baseline is None)
    assert (manifest.count_calibration is None) == (calibration is None)
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_write_leaves_a_whole_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("an older one")
    manifest = Manifest.from_json(manifest_with(lambda _: None))
    write_manifest(manifest, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]
    assert Manifest.from_json((tmp_path / "model.json").read_text()) == manifest
