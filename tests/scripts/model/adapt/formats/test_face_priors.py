"""Faces from offsets to priors: RetinaFace, Face-Detector-1MB, UltraFace and FaceBoxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.cases import face_priors, prior_boxes
from tests.scripts.model.adapt.cases.raw_heads import softmax
from tests.scripts.model.adapt.foreign_graphs import make_model
from tests.scripts.model.adapt.formats.raw_head_checks import (
    check_golden_boxes,
    check_network_input,
    check_priors,
)


@pytest.mark.parametrize("size", [(640, 640), (320, 256), (150, 250)])
def test_retinaface_at_any_size(size: tuple[int, int], tmp_path: Path) -> None:
    case = face_priors.retinaface(size)
    result = check_golden_boxes(tmp_path, case, format_name="retinaface", classes="face")
    check_priors(result, prior_boxes.retinaface(*size, prior_boxes.RETINAFACE))
    thresholds = result.manifest.thresholds
    assert (thresholds.score, thresholds.iou) == (0.6, 0.4)
    assert any("face-detector-1mb" in doubt for doubt in result.reading.doubts)


def test_retinaface_with_logits(tmp_path: Path) -> None:
    case = face_priors.retinaface((160, 96), logits=True)
    result = check_golden_boxes(tmp_path, case, format_name="retinaface", classes="face")
    check_network_input(
        result, tmp_path, order="bgr", scale=255, mean=(104, 117, 123), std=(1, 1, 1)
    )


def test_offsets_that_are_all_in_order_are_no_boxes(tmp_path: Path) -> None:
    """Where every box is larger than its prior, offsets look like ordered corners."""
    case = face_priors.retinaface((160, 96), growth=3)
    check_golden_boxes(tmp_path, case, format_name="retinaface", classes="face")


@pytest.mark.parametrize(
    ("min_sizes", "options"),
    [
        (prior_boxes.SLIM, {}),
        (prior_boxes.FACE_DETECTOR_1MB, {"format": "face-detector-1mb"}),
    ],
)
def test_face_detector_1mb(
    min_sizes: tuple[tuple[int, ...], ...], options: dict[str, str], tmp_path: Path
) -> None:
    case = face_priors.face_detector_1mb((320, 240), min_sizes)
    result = check_golden_boxes(
        tmp_path, case, format_name="face-detector-1mb", classes="face", **options
    )
    check_priors(result, prior_boxes.retinaface(320, 240, min_sizes))


@pytest.mark.parametrize("size", [(320, 240), (128, 96), (200, 300)])
def test_ultraface_before_decoding(size: tuple[int, int], tmp_path: Path) -> None:
    """At 240 px four rows of stride 64 are 60 px apart, and a prior of 256 px has 240."""
    case = face_priors.ultraface(size, logits=size[0] == 128)
    result = check_golden_boxes(tmp_path, case, format_name="ultraface", classes="face")
    check_priors(result, prior_boxes.ultraface(*size))
    check_network_input(result, tmp_path, order="rgb", scale=255, mean=(127,) * 3, std=(128,) * 3)


@pytest.mark.parametrize("size", [(256, 256), (320, 192)])
def test_faceboxes(size: tuple[int, int], tmp_path: Path) -> None:
    case = face_priors.faceboxes(size)
    result = check_golden_boxes(tmp_path, case, format_name="faceboxes", classes="face")
    check_priors(result, prior_boxes.faceboxes(*size))


@pytest.mark.parametrize("in_order", [True, False])
def test_ultraface_that_is_decoded_stays_an_ssd(in_order: bool, tmp_path: Path) -> None:
    priors = prior_boxes.ultraface(320, 240)
    offsets = np.random.default_rng(4).normal(0, 1, (len(priors), 4))
    boxes = prior_boxes.decode(offsets, priors, 320, 240) / np.array([320, 240] * 2)
    if not in_order:
        boxes = np.random.default_rng(6).permutation(boxes)
    scores = softmax(np.random.default_rng(5).normal(0, 1, (len(priors), 2)) + [6, 0])
    outputs = {"scores": scores[np.newaxis], "boxes": boxes[np.newaxis]}
    model = make_model(
        {name: array.astype(np.float32) for name, array in outputs.items()},
        shape=(1, 3, 240, 320),
    )
    assert adapt_model(tmp_path, model, classes="face").reading.format == "ssd"
