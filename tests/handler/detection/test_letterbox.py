"""The letterbox: a map there and back, and placed and padded as trained code does."""

from __future__ import annotations

from typing import get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from handler.bundle.manifest import Resize
from handler.detection import letterbox
from tests.support.pictures import pattern

FILL = (124, 116, 104)
sides = st.integers(1, 30_000)
inputs = st.integers(1, 2_000)
fits = st.sampled_from(get_args(letterbox.Fit))


def test_the_manifest_knows_the_same_rules_and_fits() -> None:
    for field, known in (("rule", letterbox.Rule), ("fit", letterbox.Fit)):
        assert get_args(get_type_hints(Resize)[field]) == get_args(known)


def test_no_boxes_stay_no_boxes() -> None:
    box = letterbox.fit(100, 50, 64, 64)
    none = np.empty((0, 4), np.float32)
    for mapped in (letterbox.to_original(none, box), letterbox.to_input(none, box)):
        assert mapped.shape == (0, 4)
        assert mapped.dtype == np.float32


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [  # left, top, width, height
        ((2794, 2793), (640, 640), (0, 0, 640, 640)),
        ((4000, 3000), (640, 640), (0, 80, 640, 480)),
        ((3000, 4000), (640, 640), (80, 0, 480, 640)),
        ((32, 16), (64, 64), (0, 16, 64, 32)),  # smaller ones are enlarged
        ((1000, 333), (10, 10), (0, 3, 10, 3)),  # 7 px to fill: 3 above, 4 below
        ((16, 5), (8, 8), (0, 3, 8, 2)),  # 2.5 rounds to even
        ((16, 7), (8, 8), (0, 2, 8, 4)),  # 3.5 too
        ((5, 16), (8, 8), (3, 0, 2, 8)),
        ((1000, 500), (640, 320), (0, 0, 640, 320)),
        ((1000, 1000), (640, 320), (160, 0, 320, 320)),
        ((1, 1), (64, 64), (0, 0, 64, 64)),
        ((20_000, 1), (64, 64), (0, 31, 64, 1)),
        ((1, 20_000), (64, 64), (31, 0, 1, 64)),
    ],
)
def test_the_picture_is_fitted_as_albumentations_does(
    source: tuple[int, int], target: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    box = letterbox.fit(*source, *target)
    assert (box.left, box.top, box.width, box.height) == expected


@given(sides, sides, inputs, inputs)
@example(20_000, 1, 640, 640)
def test_the_content_lies_within_the_input_and_touches_it(
    width: int, height: int, input_width: int, input_height: int
) -> None:
    box = letterbox.fit(width, height, input_width, input_height)
    assert 1 <= box.width <= input_width
    assert 1 <= box.height <= input_height
    assert box.width == input_width or box.height == input_height
    assert box.left == (input_width - box.width) // 2
    assert box.top == (input_height - box.height) // 2


@given(
    sides, sides, inputs, inputs, st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), fits
)
def test_a_box_survives_the_way_there_and_back(
    width: int,
    height: int,
    input_width: int,
    input_height: int,
    shares: list[float],
    how: letterbox.Fit,
) -> None:
    box = letterbox.fit(width, height, input_width, input_height, how)
    size = np.array([width, height, width, height], np.float32)
    boxes = (np.array([shares], np.float32) * size).astype(np.float32)
    back = letterbox.to_original(letterbox.to_input(boxes, box), box)
    # float32 holds 24 bits of the input's px; one of them may be many of the original's
    step = max(1 / box.scale[0], 1 / box.scale[1])
    assert np.all(np.abs(back - boxes) <= 2**-22 * (max(input_width, input_height) * step + size))


@pytest.mark.parametrize(
    ("how", "source", "place", "offset", "scale"),
    [  # (left, top, width, height) of the content in 416 x 416 px, and the map back
        # 499 · 416 / 666 is 311.7: YOLOX cuts it off (yolox/data/data_augment.py, preproc)
        ("yolox", (499, 666), (0, 0, 311, 416), (0, 0), (416 / 666, 416 / 666)),
        ("mmdet", (499, 666), (0, 0, 312, 416), (0, 0), (312 / 499, 416 / 666)),
        ("centre", (499, 666), (52, 0, 312, 416), (52, 0), (312 / 499, 416 / 666)),
        # 301.69 px of 416: 57.15 on each side, before its rounding
        (
            "yolov5",
            (483, 666),
            (57, 0, 302, 416),
            ((416 - 483 * 416 / 666) / 2, 0),
            (416 / 666, 416 / 666),
        ),
        ("centre", (1000, 333), (0, 138, 416, 139), (0, 138), (0.416, 139 / 333)),
        ("stretch", (1000, 333), (0, 0, 416, 416), (0, 0), (0.416, 416 / 333)),
        ("yolox", (20_000, 1), (0, 0, 416, 1), (0, 0), (0.0208, 0.0208)),
    ],
)
def test_a_picture_is_placed_as_the_trained_code_does(
    how: letterbox.Fit,
    source: tuple[int, int],
    place: tuple[int, int, int, int],
    offset: tuple[float, float],
    scale: tuple[float, float],
) -> None:
    box = letterbox.fit(*source, 416, 416, how)
    assert (box.left, box.top, box.width, box.height) == place
    assert box.offset == pytest.approx(offset)
    assert box.scale == pytest.approx(scale)


@given(sides, sides, inputs, inputs, fits)
def test_however_placed_the_content_lies_within_the_input(
    width: int, height: int, input_width: int, input_height: int, how: letterbox.Fit
) -> None:
    box = letterbox.fit(width, height, input_width, input_height, how)
    assert box.width >= 1 and 0 <= box.left <= input_width - box.width
    assert box.height >= 1 and 0 <= box.top <= input_height - box.height


def test_boxes_in_the_padding_are_clipped_to_the_picture() -> None:
    box = letterbox.fit(200, 100, 64, 64)
    boxes = np.array([[-5, 0, 70, 64], [0, 0, 64, 10]], np.float32)
    assert letterbox.to_original(boxes, box).tolist() == [[0, 0, 200, 100], [0, 0, 200, 0]]


@pytest.mark.parametrize("rule", get_args(letterbox.Rule))
@pytest.mark.parametrize("size", [(1, 1), (300, 1), (1, 300), (64, 64), (100, 51), (33, 90)])
def test_the_input_is_the_content_on_the_fill(rule: letterbox.Rule, size: tuple[int, int]) -> None:
    rgb = np.full((size[1], size[0], 3), (10, 20, 30), np.uint8)
    box = letterbox.fit(*size, 64, 64)
    made = letterbox.apply(rgb, box, rule=rule, fill=FILL)
    assert (made.shape, made.dtype, made.flags.c_contiguous) == ((64, 64, 3), np.uint8, True)
    content = letterbox.content(made, box)
    assert content.shape == (box.height, box.width, 3)
    assert np.all(content == (10, 20, 30))
    assert np.count_nonzero(np.all(made == FILL, axis=2)) == 64 * 64 - box.width * box.height


def test_antialias_is_pillow_bilinear_over_the_whole_support() -> None:
    rgb = pattern(300, 200)
    box = letterbox.fit(300, 200, 64, 64)
    made = letterbox.content(letterbox.apply(rgb, box, rule="antialias", fill=FILL), box)
    pillow = Image.fromarray(rgb).resize((64, 43), Image.Resampling.BILINEAR)
    assert np.array_equal(made, np.asarray(pillow))
    stripes = np.tile(np.array([[[0] * 3], [[255] * 3]], np.uint8), (128, 256, 1))
    grey = letterbox.apply(stripes, letterbox.fit(256, 256, 64, 64), rule="antialias", fill=FILL)
    assert np.all(np.abs(grey[2:-2].astype(int) - 128) <= 1)  # no stripe survives


def test_a_reduced_jpeg_needs_only_the_originals_aspect() -> None:
    box = letterbox.fit(4000, 3000, 64, 64)
    made = letterbox.apply(pattern(1000, 750), box, rule="antialias", fill=FILL)
    assert letterbox.content(made, box).shape == (48, 64, 3)
