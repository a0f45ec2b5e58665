"""Corruptions and planted shifts: what they change, and what they leave as it was."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest
from PIL import Image

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from handler.images.statistics import statistics
from scripts.model.baseline.corruptions import CORRUPTIONS, Corruption, crop_and_resize
from scripts.model.baseline.planted import PLANTED
from scripts.model.baseline.scene import Encoding, Scene, encode, encode_scene, read_scene
from scripts.model.dataset import read_labelled_pictures
from scripts.monitor.result import CauseName
from scripts.paths import ROOT
from tests.support.labelled_picture import write_small_squares
from tests.support.tiny_bundle import paint

SQUARES = [("red", (30, 40, 54, 64)), ("green", (90, 70, 114, 94)), ("red", (40, 110, 64, 134))]
ALL = [
    pytest.param(corruption, strength, id=f"{corruption.name} {strength:g}")
    for corruption in (*CORRUPTIONS, *PLANTED)
    for strength in corruption.strengths
]
BY_NAME = {each.name: each for each in (*CORRUPTIONS, *PLANTED)}


def make_scene(seed: int = 0) -> Scene:
    """Three squares on a grey ground with some texture, 160 x 150 px."""
    ground = paint(160, 150, SQUARES, background=150).astype(float)
    rng = np.random.default_rng(seed)
    rgb = np.clip(ground + rng.normal(0, 3, ground.shape), 0, 255).astype(np.uint8)
    boxes = np.array([box for _, box in SQUARES], np.float64)
    return Scene(rgb, boxes, tuple(label for label, _ in SQUARES))


def apply(corruption: Corruption, strength: float, scene: Scene, seed: int = 0) -> Scene:
    assert corruption.change_scene
    return corruption.change_scene(scene, strength, np.random.default_rng(seed))


def pixels(scene: Scene) -> np.ndarray:
    """What the handler decodes of the file."""
    return np.asarray(decode(encode_scene(scene), max_pixels=10**6).rgb).astype(float)


@pytest.mark.parametrize(("corruption", "strength"), ALL)
def test_every_one_is_pure_and_the_same_again(corruption: Corruption, strength: float) -> None:
    assert corruption.cause in get_args(CauseName)
    assert (corruption.change_scene is None) != (corruption.change_model is None)
    if corruption.change_scene is None:
        return
    scene = make_scene()
    before = scene.rgb.copy(), scene.boxes.copy()
    changed, again = (apply(corruption, strength, scene) for _ in range(2))
    assert np.array_equal(scene.rgb, before[0]) and np.array_equal(scene.boxes, before[1])
    assert changed.rgb.dtype == np.uint8 and encode_scene(changed) == encode_scene(again)
    assert len(changed.boxes) == len(changed.labels)
    height, width = changed.rgb.shape[:2]
    assert (changed.boxes >= -1e-6).all() and (changed.boxes <= [width, height] * 2).all()
    if corruption.cause != "new camera":
        assert changed.rgb.shape == scene.rgb.shape


def test_what_is_planted_is_no_signature() -> None:
    """A monitor is tried on other means and other strengths than those it knows."""
    known = {(each.change_scene, strength) for each in CORRUPTIONS for strength in each.strengths}
    for each in PLANTED:
        assert not {(each.change_scene, strength) for strength in each.strengths} & known - {
            (None, strength) for strength in each.strengths
        }
        if each.change_model:
            of_cause = [other for other in CORRUPTIONS if other.cause == each.cause]
            assert not set(each.strengths) & {s for other in of_cause for s in other.strengths}
    assert {each.cause for each in PLANTED} == {each.cause for each in CORRUPTIONS}


@pytest.mark.parametrize(
    ("name", "strength", "grows", "shrinks"),
    [
        ("less light", 0.5, "", "brightness"),
        ("gamma darker", 1.6, "", "brightness"),
        ("more light", 1.6, "brightness", ""),
        ("gamma brighter", 0.65, "brightness", ""),
        ("blur", 5.0, "", "sharpness"),
        ("disc", 8.0, "", "sharpness"),
        ("noise", 32, "noise", ""),
        ("grain", 22, "noise", ""),
        ("warm", 0.4, "red_to_green", "blue_to_green"),
        ("orange", 0.2, "red_to_green", "blue_to_green"),
        ("cool", 0.4, "blue_to_green", "red_to_green"),
        ("blue", 0.2, "blue_to_green", "red_to_green"),
    ],
)
def test_the_statistic_of_a_cause_moves(
    name: str, strength: float, grows: str, shrinks: str
) -> None:
    scene = make_scene()
    before = statistics(scene.rgb)
    after = statistics(apply(BY_NAME[name], strength, scene).rgb)
    for field, sign in ((grows, 1), (shrinks, -1)):
        if field:
            assert sign * (getattr(after, field) - getattr(before, field)) > 0, field


@pytest.mark.parametrize(
    ("name", "strength"),
    [("closer", 1.25), ("closer", 2.2), ("farther", 0.62), ("zoom in", 1.45), ("zoom out", 0.5),
     ("other frame", 4 / 3), ("phone", 9 / 16)],
)  # fmt: skip
def test_labels_move_along_with_their_objects(name: str, strength: float) -> None:
    changed = apply(BY_NAME[name], strength, make_scene())
    assert len(changed.boxes)
    if changed.rgb.shape[0] == 150:  # the same frame: objects of another size
        sides = changed.boxes[:, 2:] - changed.boxes[:, :2]
        assert sides.max() == pytest.approx(24 * strength, rel=0.05)
    for box, label in zip(changed.boxes, changed.labels, strict=True):
        x0, y0, x1, y1 = np.round(box).astype(int)
        inside = changed.rgb[y0:y1, x0:x1].reshape(-1, 3).mean(axis=0)
        assert inside.argmax() == ("red", "green").index(label) and np.ptp(inside) > 120


def test_objects_are_removed_and_added_with_their_labels() -> None:
    scene = make_scene()
    for name in ("objects removed", "filled"):
        without = apply(BY_NAME[name], 1.0, scene)
        assert len(without.boxes) == 0
        assert np.ptp(without.rgb.astype(int), axis=2).mean() < 12  # grey everywhere
    for name in ("objects added", "mirrored"):
        more = apply(BY_NAME[name], 2.0, scene, seed=2)
        assert len(more.boxes) == 6
        coloured = (np.ptp(more.rgb.astype(int), axis=2) > 120).sum()
        assert coloured == pytest.approx(6 * 24 * 24, rel=0.05)


def test_foreign_pictures_are_never_alike() -> None:
    for name in ("foreign", "others"):
        drawn = [apply(BY_NAME[name], 1.0, make_scene(), seed).rgb for seed in range(12)]
        assert all(len(np.unique(rgb)) > 3 for rgb in drawn)
        differences = [np.abs(a.astype(int) - b).mean() for a in drawn for b in drawn if a is not b]
        assert min(differences) > 5
        kept = [apply(BY_NAME[name], 0.5, make_scene(), seed) for seed in range(40)]
        assert 10 < sum(len(scene.boxes) == 0 for scene in kept) < 30


def test_a_file_is_written_as_the_original_was(tmp_path: Path) -> None:
    (picture, *_) = read_labelled_pictures(write_small_squares(tmp_path, 1))
    scene = read_scene(picture)
    assert np.array_equal(scene.rgb, np.asarray(Image.open(picture.path)))
    assert np.array_equal(scene.boxes, picture.boxes)
    with Image.open(picture.path) as original, Image.open(io.BytesIO(encode_scene(scene))) as again:
        assert original.format == again.format == "JPEG"
        assert original.quantization == again.quantization
    rgb = make_scene().rgb
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(rgb, Encoding("PNG"))))), rgb)
    assert Image.open(io.BytesIO(encode(rgb, Encoding("WEBP")))).format == "WEBP"


def test_a_jpeg_that_was_compressed_before_hides_it() -> None:
    scene = replace(make_scene(), encoding=Encoding("JPEG", None, 0, 95))
    for name in ("compression before", "messenger"):
        hidden = apply(BY_NAME[name], 8, scene)
        assert decode(encode_scene(hidden), max_pixels=10**6).jpeg_quality == 95
        assert np.abs(pixels(hidden) - pixels(scene)).mean() > 1
    for name in ("compression", "coarse JPEG"):
        assert (
            decode(encode_scene(apply(BY_NAME[name], 8, scene)), max_pixels=10**6).jpeg_quality == 8
        )


@pytest.mark.parametrize("name", ["weights", "pruned"])
def test_a_worse_model_still_runs(name: str, tmp_path: Path) -> None:
    bundle = load_bundle(ROOT / "handler" / "model")
    change = BY_NAME[name].change_model
    assert change
    strength = BY_NAME[name].strengths[1]
    original = bundle.onnx_path.read_bytes()
    manifest, data = change(bundle.manifest, original, strength, np.random.default_rng(0))
    assert manifest == bundle.manifest and data != original
    onnx.checker.check_model(onnx.load_model_from_string(data))
    (tmp_path / "model.onnx").write_bytes(data)
    picture = decode((ROOT / "events" / "small.jpg").read_bytes(), max_pixels=10**8)
    thresholds = Thresholds(0.3, 0.5, 300)
    scores = []
    for path in (bundle.onnx_path, tmp_path / "model.onnx"):
        detector = Detector.load(bundle._replace(onnx_path=path), threads=1)
        scores.append(detector.detect(picture, thresholds).all.scores)
    assert len(scores[1]) and (len(scores[0]) != len(scores[1]) or not np.allclose(*scores))


def test_weights_of_int8_are_pruned_as_numbers_and_stay_int8() -> None:
    values = np.array([[-64, -3, 2, 64] * 8], np.int8)
    tensor = onnx.numpy_helper.from_array(values, "weights")
    graph = onnx.helper.make_graph([], "detector", [], [], [tensor])
    change = BY_NAME["pruned"].change_model
    assert change
    manifest = load_bundle(ROOT / "handler" / "model").manifest
    original = onnx.helper.make_model(graph).SerializeToString()
    _, data = change(manifest, original, 0.5, np.random.default_rng(0))
    [pruned] = onnx.load_model_from_string(data).graph.initializer
    made = onnx.numpy_helper.to_array(pruned)
    assert made.dtype == np.int8 and np.array_equal(made, np.array([[-64, 0, 0, 64] * 8]))


def test_a_threshold_moves_within_what_the_model_keeps() -> None:
    bundle = load_bundle(ROOT / "handler" / "model")
    for name in ("higher", "lower"):
        change = BY_NAME[name].change_model
        assert change
        for strength in (*BY_NAME[name].strengths, -1.0, 1.0):
            manifest, data = change(bundle.manifest, b"graph", strength, np.random.default_rng(0))
            moved = manifest.thresholds
            assert data == b"graph"
            assert moved.score_floor <= moved.score <= 0.95
            own = bundle.manifest.thresholds
            assert moved.score != own.score and moved._replace(score=own.score) == own


def cluster_scene() -> Scene:
    """Two squares side by side, which one hole hides, and two alone; 200 x 160 px of grey."""
    placed = [("red", (20, 30, 44, 54)), ("red", (45, 44, 57, 56)), ("green", (120, 30, 144, 54)),
              ("green", (60, 110, 84, 134))]  # fmt: skip
    boxes = np.array([box for _, box in placed], np.float64)
    return Scene(
        paint(200, 160, placed, background=150), boxes, tuple(label for label, _ in placed)
    )


def coloured(scene: Scene, box: np.ndarray) -> float:
    """How much of a box is red or green, 0..1."""
    x0, y0, x1, y1 = np.round(box).astype(int)
    return float((np.ptp(scene.rgb[y0:y1, x0:x1].astype(int), axis=2) > 60).mean())


@pytest.mark.parametrize("name", ["objects removed", "filled"])
def test_what_is_still_labelled_is_not_painted_over(name: str) -> None:
    scene = cluster_scene()
    kept_counts = []
    for seed in range(30):
        changed = apply(BY_NAME[name], 0.5, scene, seed)
        kept = {tuple(box) for box in changed.boxes}
        for box in scene.boxes:
            if tuple(box) in kept:
                assert coloured(changed, box) > 0.75
            else:
                assert coloured(changed, box) < 0.25
        assert (tuple(scene.boxes[0]) in kept) == (tuple(scene.boxes[1]) in kept)
        kept_counts.append(len(kept))
    assert 1.5 < np.mean(kept_counts) < 2.5  # the share is kept, together or not


@pytest.mark.parametrize("name", ["objects removed", "filled"])
def test_what_several_holes_hide_goes_with_them(name: str) -> None:
    """The bar in the middle loses a sixth of itself to the hole of each of two neighbours."""
    left, bar, right = (13, 55, 53, 95), (50, 70, 110, 80), (107, 55, 147, 95)
    boxes = np.array([left, bar, right], np.float64)
    rgb = paint(160, 150, [("red", box) for box in (left, bar, right)], background=150)
    kept = set()
    for seed in range(40):
        changed = apply(BY_NAME[name], 0.5, Scene(rgb, boxes, ("red",) * 3), seed)
        kept.add(tuple(tuple(map(int, box)) for box in changed.boxes))
        assert all(coloured(changed, box) > 0.7 for box in changed.boxes)
    assert (bar,) not in kept
    assert {(left, bar), (bar, right), (left, right), (left, bar, right)} <= kept


@pytest.mark.parametrize("name", ["objects added", "mirrored"])
def test_copies_bring_no_unlabelled_neighbours(name: str) -> None:
    scene = cluster_scene()
    for seed in range(10):
        more = apply(BY_NAME[name], 2.0, scene, seed)
        assert all(coloured(more, box) > 0.99 for box in more.boxes)
        outside = more.rgb.copy()
        for x0, y0, x1, y1 in np.round(more.boxes).astype(int):
            outside[y0:y1, x0:x1] = 150
        assert (np.ptp(outside.astype(int), axis=2) > 60).sum() == 0
        assert len(more.boxes) > 4 and set(more.labels[4:]) == {"green"}
    crowd = replace(scene, boxes=scene.boxes[:2], labels=scene.labels[:2])
    assert len(apply(BY_NAME[name], 3.0, crowd).boxes) == 2  # nothing lies alone


def test_labels_that_a_crop_cuts() -> None:
    """Less than a third is no object any more; of more, what is seen is labelled."""
    scene = cluster_scene()
    window = (30.0, 0.0, 126.0, 120.0)  # a quarter of the third is left, 5/12 of the last
    cut = crop_and_resize(scene, window, (192, 240), Image.Resampling.BILINEAR)
    assert cut.boxes.tolist() == [[0, 60, 28, 108], [30, 88, 54, 112], [60, 220, 108, 240]]
    assert cut.labels == ("red", "red", "green")


def test_what_the_edge_cuts_is_one_object_with_its_mirror_image() -> None:
    squares = [("red", (0, 60, 20, 80)), ("green", (100, 100, 120, 120)), ("red", (50, 50, 70, 70))]
    boxes = np.array([box for _, box in squares], np.float64)
    rgb = paint(120, 120, squares, background=150)
    scene = apply(BY_NAME["farther"], 0.5, Scene(rgb, boxes, tuple(label for label, _ in squares)))
    for index, box in enumerate(scene.boxes):
        assert coloured(scene, box) > 0.8
        for other in scene.boxes[index + 1 :]:  # no two that touch
            assert (np.maximum(box[:2], other[:2]) >= np.minimum(box[2:], other[2:])).any()
    # The red one at the left edge and its image are one of 20 x 10 px, from x = 20 on.
    assert [20, 60, 40, 70] in np.round(scene.boxes).astype(int).tolist()
