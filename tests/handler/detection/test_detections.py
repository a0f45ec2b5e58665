"""Detections cannot be of the wrong shape."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from handler.detection.detections import Detections

BOXES = np.array([[0, 0, 1, 1], [2, 2, 4, 4], [5, 5, 9, 9]], np.float32)
SCORES = np.array([0.9, 0.6, 0.3], np.float32)
IDS = np.array([1, 0, 1], np.int64)


def test_none_found_is_an_empty_value_not_none() -> None:
    nothing = Detections.empty()
    assert len(nothing) == 0
    assert (nothing.boxes.shape, nothing.scores.shape, nothing.class_ids.shape) == (
        (0, 4),
        (0,),
        (0,),
    )
    assert len(nothing.select(np.zeros(0, bool))) == 0
    assert len(nothing.select(slice(0, 10))) == 0


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("boxes", BOXES[:2]),
        ("boxes", BOXES[:, :3]),
        ("boxes", BOXES.astype(np.float64)),
        ("boxes", BOXES.ravel()),
        ("scores", SCORES[:, np.newaxis]),
        ("scores", SCORES.astype(np.float16)),
        ("scores", np.float32(0.5)),
        ("class_ids", IDS.astype(np.int32)),
        ("class_ids", IDS[:1]),
    ],
)
def test_a_wrong_shape_or_dtype_is_refused(name: str, wrong: np.ndarray) -> None:
    arrays = {"boxes": BOXES, "scores": SCORES, "class_ids": IDS, name: wrong}
    with pytest.raises(ValueError, match="must be"):
        Detections(**arrays)


def test_select_takes_a_mask_an_index_or_a_slice_in_their_order() -> None:
    detections = Detections(BOXES, SCORES, IDS)
    assert detections.select(IDS == 1).scores.tolist() == SCORES[[0, 2]].tolist()
    assert detections.select(np.array([2, 0])).boxes.tolist() == BOXES[[2, 0]].tolist()
    assert detections.select(slice(1, 2)).class_ids.tolist() == [0]


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Detections.empty().scores = SCORES  # type: ignore[misc]
