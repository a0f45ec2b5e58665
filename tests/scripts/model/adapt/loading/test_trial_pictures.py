"""The pictures that a graph is tried on: every scale, every layout, light and dark."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.model import graph
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.loading.trial_pictures import MAX_USER_PICTURES, trial_pictures

RED = np.full((10, 40, 3), (255, 0, 0), np.uint8)


def an_input(
    layout: graph.Layout = "nchw", dtype: graph.Dtype = "float32", rank: int = 4
) -> ImageInput:
    return ImageInput("x", layout, dtype, rank, width=64, height=48)


@pytest.mark.parametrize(
    ("image", "shape", "scales"),
    [
        (an_input(), (1, 3, 48, 64), {"bytes", "unit", "normalised"}),
        (an_input("nhwc", "uint8"), (1, 48, 64, 3), {"bytes"}),
        (an_input(dtype="float16", rank=3), (3, 48, 64), {"bytes", "unit", "normalised"}),
    ],
)
def test_every_scene_comes_in_every_scale_that_the_input_can_hold(
    image: ImageInput, shape: tuple[int, ...], scales: set[str]
) -> None:
    pictures = trial_pictures(image)
    assert {kind.scale for kind, _ in pictures} == scales
    scenes = {kind.scene for kind, _ in pictures}
    assert len(scenes) == 4 and len(pictures) == len(scenes) * len(scales)
    ranges = {"bytes": (0, 255), "unit": (0, 1), "normalised": (-2, 2)}
    for kind, values in pictures:
        low, high = ranges[kind.scale]
        assert values.shape == shape and values.dtype == np.dtype(image.dtype)
        assert low <= values.min() < values.max() <= high


def test_one_scene_has_no_dark_pixel_and_one_has_dark_and_light() -> None:
    lowest = {
        kind.scene: values.min() for kind, values in trial_pictures(an_input("nhwc", "uint8"))
    }
    assert lowest["bright page"] >= 200 and lowest["street"] < 60


def test_the_users_pictures_keep_their_proportions_at_the_top_left() -> None:
    image = an_input("nhwc", "uint8")
    placed = next(v for kind, v in trial_pictures(image, [RED]) if kind.scene == "picture 1")[0]
    assert (placed[:16] == (255, 0, 0)).all() and (placed[16:] == 114).all()
    many = trial_pictures(image, [RED] * (MAX_USER_PICTURES + 3))
    assert sum(kind.scene.startswith("picture") for kind, _ in many) == MAX_USER_PICTURES


def test_the_pictures_are_the_same_every_time() -> None:
    first, second = (trial_pictures(an_input()) for _ in range(2))
    assert all((a == b).all() for (_, a), (_, b) in zip(first, second, strict=True))
