"""The detector: a real session on real pixels, thresholds at run time, boxes in the original."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import helper

from handler.bundle.files import load_bundle
from handler.bundle.reader import BundleError
from handler.detection.detections import Detections
from handler.detection.detector import MAX_NEAR_MISSES, Detector, Thresholds
from handler.images.decode import decode
from handler.images.picture import Picture
from tests.support.paths import ROOT
from tests.support.tiny_bundle import make_tiny_bundle, paint

ALL = Thresholds(0.5, 0.5, 100)


@pytest.fixture(scope="module")
def detector(tiny_bundle: Path) -> Detector:
    return Detector.load(load_bundle(tiny_bundle), threads=1)


def picture_of(rgb: np.ndarray) -> Picture:
    return Picture(rgb, rgb.shape[1], rgb.shape[0], "PNG", 1)


def overlap(one: list[float], other: list[float]) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, width) * max(0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def test_nothing_is_found_in_an_empty_picture(detector: Detector) -> None:
    output = detector.detect(picture_of(paint(64, 64, [])), ALL)
    assert (len(output.detections), len(output.near_misses)) == (0, 0)
    assert output.detections.boxes.shape == (0, 4)


@pytest.mark.parametrize("size", [(64, 64), (640, 640), (640, 320), (320, 640), (1, 1), (3000, 1)])
def test_every_shape_of_picture_is_taken(detector: Detector, size: tuple[int, int]) -> None:
    output = detector.detect(picture_of(paint(*size, [])), ALL)
    assert len(output.detections) == 0
    assert output.inference_ms > 0


@pytest.mark.parametrize(
    ("size", "red", "green"),
    [  # cells of the 64 px input lie on multiples of 8
        ((64, 64), (8, 16, 16, 24), (40, 40, 48, 48)),
        ((640, 640), (80, 160, 160, 240), (400, 400, 480, 480)),
        ((640, 320), (80, 0, 160, 80), (400, 160, 480, 240)),
        ((320, 640), (0, 160, 80, 240), (160, 400, 240, 480)),
    ],
)
def test_boxes_are_in_pixels_of_the_original(
    detector: Detector, size: tuple[int, int], red: tuple[int, ...], green: tuple[int, ...]
) -> None:
    squares = [("red", red), ("green", green)]
    detections = detector.detect(picture_of(paint(*size, squares)), ALL).detections
    assert sorted(detections.class_ids.tolist()) == [0, 1]
    for class_id, (_, square) in enumerate(squares):
        [box] = detections.boxes[detections.class_ids == class_id].tolist()
        assert overlap(box, list(square)) > 0.9
    assert np.all(detections.scores[:-1] >= detections.scores[1:])
    assert (detections.boxes.dtype, detections.class_ids.dtype) == (np.float32, np.int64)


def test_boxes_at_the_edge_are_clipped_to_the_picture(tmp_path: Path) -> None:
    detector = Detector.load(load_bundle(make_tiny_bundle(tmp_path)), threads=1)
    rgb = paint(100, 94, [("red", (0, 82, 100, 94))])  # 60 px high in the input, from 2 to 62
    boxes = detector.detect(picture_of(rgb), ALL).detections.boxes
    assert len(boxes) == 8
    assert boxes[:, 3].tolist() == [94] * 8
    assert boxes[:, :2].min() >= 0


def test_a_reduced_jpeg_gives_boxes_of_the_original(detector: Detector) -> None:
    rgb = paint(320, 320, [("red", (40, 80, 80, 120))])
    reduced = Picture(rgb, 1280, 1280, "JPEG", 1)
    [box] = detector.detect(reduced, ALL).detections.boxes.tolist()
    assert overlap(box, [160, 320, 320, 480]) > 0.9


def shaded(scores: list[float]) -> Picture:
    """A 64 px picture with one cell for each score."""
    rgb = np.zeros((64, 64, 3), np.uint8)
    for at, score in enumerate(scores):
        y, x = divmod(at, 8)
        rgb[y * 8 : y * 8 + 8, x * 8 : x * 8 + 8, 0] = round(score * 255)
    return picture_of(rgb)


def test_what_scores_just_the_threshold_is_a_near_miss(detector: Detector) -> None:
    picture = shaded([1.0, 0.6, 0.4, 0.2, 0.05])  # the floor is 0.1
    first = detector.detect(picture, Thresholds(0.3, 0.5, 100))
    assert first.detections.scores.tolist() == pytest.approx([1.0, 0.6, 0.4], abs=0.01)
    assert first.near_misses.scores.tolist() == pytest.approx([0.2], abs=0.01)
    just = float(first.detections.scores[1])
    second = detector.detect(picture, Thresholds(just, 0.5, 100))
    assert len(second.detections) == 1
    assert second.near_misses.scores.tolist() == pytest.approx([0.6, 0.4, 0.2], abs=0.01)


def test_a_threshold_below_the_floor_leaves_no_near_misses(detector: Detector) -> None:
    output = detector.detect(shaded([1.0, 0.2, 0.05]), Thresholds(0.01, 0.5, 100))
    assert (len(output.detections), len(output.near_misses)) == (3, 0)


@pytest.mark.parametrize("max_detections", [1, 5, 30, 64])
def test_the_best_are_kept_up_to_max_detections(detector: Detector, max_detections: int) -> None:
    scores = np.linspace(0.9, 0.3, 64)
    output = detector.detect(shaded(scores.tolist()), Thresholds(0.5, 0.5, max_detections))
    above = int(np.sum(np.round(scores * 255) / 255 > 0.5))
    assert len(output.detections) == min(max_detections, above)
    assert output.detections.scores[0] == pytest.approx(0.9, abs=0.01)
    assert len(output.near_misses) <= MAX_NEAR_MISSES
    if len(output.near_misses):
        assert output.near_misses.scores.max() <= 0.5


def test_few_detections_leave_room_for_many_near_misses(detector: Detector) -> None:
    output = detector.detect(shaded([1.0, 0.9, *[0.3] * 60]), Thresholds(0.5, 0.5, 1))
    assert (len(output.detections), len(output.near_misses)) == (1, MAX_NEAR_MISSES - 1)


def test_near_misses_change_no_detection(detector: Detector) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        picture = picture_of(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        low = detector.detect(picture, Thresholds(0.1, 0.5, 100)).detections
        high = detector.detect(picture, Thresholds(0.15, 0.5, 100)).detections
        kept = low.select(low.scores > np.float32(0.15))
        assert np.array_equal(high.boxes, kept.boxes)
        assert np.array_equal(high.scores, kept.scores)


def test_the_content_is_the_picture_without_padding(detector: Detector) -> None:
    output = detector.detect(picture_of(paint(640, 320, [])), ALL)
    assert output.content.shape == (32, 64, 3)
    assert np.all(output.content == 200)


@pytest.mark.parametrize("rule", ["opencv-linear", "opencv-area"])
def test_the_rule_says_how_a_jpeg_may_be_decoded(
    detector: Detector, tmp_path: Path, rule: str
) -> None:
    assert detector.min_frame == (64, 64)
    exact = make_tiny_bundle(tmp_path, size=(64, 128), rule=rule)
    loaded = Detector.load(load_bundle(exact), threads=1)
    assert loaded.min_frame is None
    [box] = loaded.detect(
        picture_of(paint(64, 128, [("red", (8, 8, 16, 16))])), ALL
    ).detections.boxes
    assert box.tolist() == [8, 8, 16, 16]


# Broken bundles are found at INIT.


def broken(tiny_bundle: Path, folder: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    """That bundle with another graph, which its manifest vouches for."""
    shutil.copytree(tiny_bundle, folder, dirs_exist_ok=True)
    model = onnx.load(folder / "model.onnx")
    change(model)
    onnx_bytes = model.SerializeToString()
    (folder / "model.onnx").write_bytes(onnx_bytes)
    manifest = json.loads((folder / "model.json").read_text())
    manifest["sha256"] = hashlib.sha256(onnx_bytes).hexdigest()
    (folder / "model.json").write_text(json.dumps(manifest))
    return folder


def rename_an_output(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["scores"], ["confidences"]))
    model.graph.output[1].name = "confidences"


def give_labels_as_int32(model: onnx.ModelProto) -> None:
    model.graph.node.append(
        helper.make_node("Cast", ["labels"], ["labels32"], to=onnx.TensorProto.INT32)
    )
    model.graph.output[2].name = "labels32"
    model.graph.output[2].type.tensor_type.elem_type = onnx.TensorProto.INT32


def give_scores_as_a_column(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.output[:] = ["flat" if name == "scores" else name for name in node.output]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "last"))
    model.graph.node.append(helper.make_node("Unsqueeze", ["flat", "last"], ["scores"]))
    model.graph.output[1].type.tensor_type.ClearField("shape")


def fail_when_run(model: onnx.ModelProto) -> None:
    shape = onnx.numpy_helper.from_array(np.array([7, 11, 13]), "impossible")
    model.graph.initializer.append(shape)
    for node in model.graph.node:
        node.output[:] = ["any_boxes" if name == "boxes" else name for name in node.output]
    model.graph.node.append(helper.make_node("Reshape", ["any_boxes", "impossible"], ["boxes"]))
    model.graph.output[0].type.tensor_type.ClearField("shape")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model: model.graph.ClearField("node"), "ONNX Runtime cannot load it"),
        (rename_an_output, "are not the bundle's"),
        (give_labels_as_int32, "are not the bundle's"),
        (give_scores_as_a_column, "fails on a black picture"),
        (fail_when_run, "fails on a black picture"),
    ],
)
def test_a_graph_that_breaks_the_contract_is_refused(
    tiny_bundle: Path, tmp_path: Path, change: Callable[[onnx.ModelProto], None], words: str
) -> None:
    loaded = load_bundle(broken(tiny_bundle, tmp_path, change))
    with pytest.raises(BundleError, match=r"model\.onnx") as raised:
        Detector.load(loaded, threads=1)
    assert words in str(raised.value)


def test_a_manifest_of_another_size_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = broken(tiny_bundle, tmp_path, lambda _: None)
    manifest = json.loads((folder / "model.json").read_text())
    manifest["input"]["width"] = 128
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"image is \[1, 64, 64, 3\], model\.json says"):
        Detector.load(load_bundle(folder), threads=1)


def test_what_is_no_graph_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = broken(tiny_bundle, tmp_path, lambda _: None)
    (folder / "model.onnx").write_bytes(b"no graph")
    manifest = json.loads((folder / "model.json").read_text())
    manifest["sha256"] = hashlib.sha256(b"no graph").hexdigest()
    (folder / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="ONNX Runtime cannot load it"):
        Detector.load(load_bundle(folder), threads=1)


def test_found_values_are_detections(detector: Detector) -> None:
    output = detector.detect(shaded([1.0]), ALL)
    assert isinstance(output.detections, Detections)
    assert isinstance(output.near_misses, Detections)


@pytest.mark.parametrize("score", [0.0, 0.02, 0.05, 0.32, 0.9])
@pytest.mark.parametrize(("iou", "max_detections"), [(0.5, 300), (0.5, 7), (0.95, 20), (0.0, 1)])
def test_looking_below_the_floor_changes_nothing_above_it(
    default_detector: Detector,
    rendered: list[Picture],
    score: float,
    iou: float,
    max_detections: int,
) -> None:
    """The graph run as it was before it looked below, and as it is: the same to the last bit."""
    for picture in rendered:
        thresholds = Thresholds(score, iou, max_detections)
        plain = default_detector.detect(picture, thresholds, looks_below=False)
        made = default_detector.detect(picture, thresholds)
        assert plain.above_model is plain.below_floor is None
        for name in ("detections", "near_misses"):
            one, other = getattr(plain, name), getattr(made, name)
            assert one.boxes.tobytes() == other.boxes.tobytes()
            assert one.scores.tobytes() == other.scores.tobytes()
            assert one.class_ids.tobytes() == other.class_ids.tobytes()
        assert (plain.dropped, made.dropped) == (0, 0)


def test_the_candidates_are_the_same_whatever_is_asked_for(
    default_detector: Detector, rendered: list[Picture]
) -> None:
    own = default_detector.manifest.thresholds
    for picture in rendered:
        whole = default_detector.detect(picture, Thresholds(own.score_floor, own.iou, 1000))
        for score, most in ((own.score, own.max_detections), (0.9, 1), (0.0, 5)):
            made = default_detector.detect(picture, Thresholds(score, own.iou, most)).candidates
            assert made and made.scores.tobytes() == whole.detections.scores.tobytes()
        # in px of the input, which is as wide as the picture is
        ratio = 640 / max(picture.width, picture.height)
        assert whole.candidates
        sides = whole.candidates.boxes[:, 2:] - whole.candidates.boxes[:, :2]
        original = whole.detections.boxes[:, 2:] - whole.detections.boxes[:, :2]
        inside = (whole.detections.boxes[:, :2] > 0).all(1) & (
            whole.detections.boxes[:, 2:] < [picture.width, picture.height]
        ).all(1)
        np.testing.assert_allclose(sides[inside], original[inside] * ratio, rtol=0.02, atol=0.2)


@pytest.fixture(scope="module")
def default_detector() -> Detector:
    return Detector.load(load_bundle(ROOT / "handler" / "model"), threads=1)


@pytest.fixture(scope="module")
def rendered(default_detector: Detector) -> list[Picture]:
    """A picture of scripts.model.render, and a crop of it with larger objects."""
    made = decode((ROOT / "events" / "sample.jpg").read_bytes(), max_pixels=10**7)
    crop = np.ascontiguousarray(made.rgb[300:1000, 200:1000])
    return [made, picture_of(crop)]


@given(
    hnp.arrays(np.uint8, (8, 8, 3), elements=st.sampled_from([0, 100, 112, 123, 200, 255])),
    st.sampled_from([0.0, 0.07, 0.1, 0.5, 0.9]),
    st.integers(1, 130),
)
def test_it_changes_nothing_where_many_scores_are_equal(
    detector: Detector, cells: np.ndarray, score: float, max_detections: int
) -> None:
    picture = picture_of(cells.repeat(8, 0).repeat(8, 1))
    thresholds = Thresholds(score, 0.5, max_detections)
    plain = detector.detect(picture, thresholds, looks_below=False)
    made = detector.detect(picture, thresholds)
    for one, other in (
        (plain.detections, made.detections),
        (plain.near_misses, made.near_misses),
    ):
        assert one.boxes.tolist() == other.boxes.tolist()
        assert one.scores.tolist() == other.scores.tolist()
        assert one.class_ids.tolist() == other.class_ids.tolist()
