"""cv2.resize without OpenCV: pixels equal to OpenCV's own, bit for bit."""

from __future__ import annotations

import hashlib
import math
import subprocess

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handler.detection.opencv_resize import opencv_area, opencv_linear
from tests.support.needs import TRAINING_PYTHON
from tests.support.paths import ROOT
from tests.support.pictures import pattern

small = st.integers(1, 60)


def checks(width: int, height: int) -> np.ndarray:
    """Black and white px in turn: many means lie exactly between two integers."""
    y, x, _ = np.mgrid[0:height, 0:width, 0:3]
    return ((x + y) % 2 * 255).astype(np.uint8)


def digest(made: np.ndarray) -> str:
    return hashlib.sha256(made.tobytes()).hexdigest()[:16]


# SHA-256 of cv2.resize(pattern(*source), target, interpolation=cv2.INTER_LINEAR), by
# opencv-python-headless 4.10.0.84 on x86-64.
LINEAR = [
    ((1, 1), (7, 5), "d933adee4dd8a0cf"),
    ((2, 3), (4, 5), "44b13fb7b30a17b9"),
    ((3, 2), (1, 1), "d34ba736fd157e04"),
    ((48, 64), (30, 40), "a4782bc596c3a241"),
    ((64, 48), (32, 24), "656bb9522cfd8652"),  # half: cv2 averages areas
    ((40, 30), (48, 64), "e1563138918e67f2"),
    ((70, 50), (71, 25), "faaee2355d717e8f"),
    ((33, 97), (34, 96), "2532e94ee5ac314e"),
    ((1, 200), (1, 64), "094132417fd3c7b0"),
    ((200, 1), (64, 3), "5de1ff15b1626d95"),
    ((389, 517), (481, 640), "73a217e62bdc9012"),
    ((13059, 1), (1024, 1), "7753c1221fee0fc0"),  # 1 / (1024 / 13059) is not 13059 / 1024
]

# The same with cv2.INTER_AREA, of pattern(*source) and of checks(*source).
AREA = [
    ((64, 48), (32, 24), "656bb9522cfd8652", "dea313a03db46a22"),  # halves are rounded up
    ((96, 60), (32, 20), "b0d17861941881f4", "0aa83485af00c46f"),  # a third
    ((640, 480), (64, 41), "31fdf0c1653c7522", "c111bc44e477db0c"),
    ((98, 147), (2, 3), "a684f61b393a5e99", "175f91dcd8cbde8f"),  # 1 / (2 / 98) is not 49
    ((48, 64), (30, 40), "90e6136301b90458", "b4d24d0b482cb674"),
    ((70, 50), (63, 50), "af99a25cb6870779", "e7c8c52bbb023ee2"),  # one side alone
    ((389, 517), (241, 320), "500a96a505e1d902", "11e0a40e0aad10d5"),
    ((800, 96), (300, 36), "0417fdca8638c022", "55463262e0c64dae"),  # 8 / 3: halves occur
    ((200, 1), (64, 1), "d9d5937f720a0a99", "0a85cf475215e4d8"),
    ((1, 200), (1, 64), "5c9f9f2d48069b26", "0a85cf475215e4d8"),
    ((13059, 1), (1024, 1), "fab5f96231e6f290", "372b97334426d087"),
    ((40, 30), (48, 64), "5a002c31a612ccd7", "cc9413dffdf7b6cb"),  # enlarged: linear
    ((70, 50), (71, 25), "f1542574bce3eece", "06463af550a9e11d"),  # one side enlarged
    ((2, 3), (4, 5), "fdffe6d0cfda6e1f", "1ba40bfa0ddbc5ec"),
    ((1, 1), (7, 5), "d933adee4dd8a0cf", "523c41464ee47d61"),
]


@pytest.mark.parametrize(("source", "target", "expected"), LINEAR)
def test_linear_is_opencv_bit_for_bit(
    source: tuple[int, int], target: tuple[int, int], expected: str
) -> None:
    made = opencv_linear(pattern(*source), *target)
    assert made.shape == (target[1], target[0], 3)
    assert digest(made) == expected


@pytest.mark.parametrize(("source", "target", "of_pattern", "of_checks"), AREA)
def test_area_is_opencv_bit_for_bit(
    source: tuple[int, int], target: tuple[int, int], of_pattern: str, of_checks: str
) -> None:
    for drawn, expected in ((pattern(*source), of_pattern), (checks(*source), of_checks)):
        made = opencv_area(drawn, *target)
        assert made.shape == (target[1], target[0], 3)
        assert digest(made) == expected


def test_linear_in_plain_numbers() -> None:
    source = np.repeat(np.array([[0, 91], [37, 139], [148, 5]], np.uint8)[..., np.newaxis], 3, 2)
    assert opencv_linear(source, 4, 5)[..., 0].tolist() == [
        [0, 23, 68, 91],
        [15, 38, 86, 110],
        [37, 63, 114, 139],
        [104, 92, 70, 59],
        [148, 112, 41, 5],
    ]  # cv2 4.10.0 on the same


def test_area_in_plain_numbers() -> None:
    rows = [[0, 91, 7], [37, 139, 200], [148, 5, 90], [1, 2, 3]]
    source = np.repeat(np.array(rows, np.uint8)[..., np.newaxis], 3, 2)
    assert opencv_area(source, 2, 3)[..., 0].tolist() == [[40, 71], [86, 121], [26, 17]]
    assert opencv_area(source, 5, 6)[..., 0].tolist() == [
        [0, 30, 91, 35, 7],
        [19, 51, 115, 107, 104],
        [37, 71, 139, 180, 200],
        [148, 100, 5, 62, 90],
        [75, 51, 4, 32, 47],
        [1, 1, 2, 3, 3],
    ]  # cv2 4.10.0 on the same


@pytest.mark.parametrize(
    ("columns", "rows", "mean"),
    [(2, 2, 3), (2, 1, 2), (4, 3, 2)],  # 2.5: up where both sides are halved, else to even
)
def test_area_rounds_halves_as_opencv_does(columns: int, rows: int, mean: int) -> None:
    source = np.full((rows, columns, 3), 2, np.uint8)
    source[:, ::2] = 3
    assert opencv_area(source, 1, 1).tolist() == [[[mean] * 3]]  # cv2 4.10.0 on the same


@settings(deadline=None)
@given(small, small, small, small)
def test_one_colour_stays_that_colour_within_a_step(
    width: int, height: int, to_width: int, to_height: int
) -> None:
    for resize in (opencv_linear, opencv_area):
        made = resize(np.full((height, width, 3), 200, np.uint8), to_width, to_height)
        assert made.shape == (to_height, to_width, 3)
        assert np.all(np.abs(made.astype(int) - 200) <= 1)


@settings(deadline=None, max_examples=60)
@given(small, small, small, small, st.integers(0, 99))
@example(48, 48, 18, 18, 1)  # 8 / 3: halves, which an order of summing decides
@example(16, 8, 10, 5, 3)
def test_areas_are_summed_one_by_one_in_float32(
    width: int, height: int, to_width: int, to_height: int, seed: int
) -> None:
    """What is summed fast equals a plain loop over each px's own sum, along rows first."""
    to_width, to_height = min(width, to_width), min(height, to_height)
    if width % to_width == 0 and height % to_height == 0:
        return  # whole numbers are summed as integers
    rng = np.random.default_rng(seed)
    rgb = (rng.integers(0, 2, (height, width, 3)) * 255).astype(np.uint8)
    columns, rows = covered(width, to_width), covered(height, to_height)
    expected = np.empty((to_height, to_width, 3), np.uint8)
    for y, of_rows in enumerate(rows):
        for x, of_columns in enumerate(columns):
            total = np.zeros(3, np.float32)
            for row, y_weight in of_rows:
                along = np.zeros(3, np.float32)
                for column, x_weight in of_columns:
                    along = along + rgb[row, column] * x_weight
                total = total + along * y_weight
            expected[y, x] = np.rint(total)
    assert np.array_equal(opencv_area(rgb, to_width, to_height), expected)


def covered(source: int, target: int) -> list[list[tuple[int, np.float32]]]:
    """The px that each of `target` parts of the source covers, and by how much of its size."""
    scale, parts = 1 / (target / source), []
    for number in range(target):
        start, end = number * scale, number * scale + scale
        size = min(scale, source - start)
        last = min(math.floor(end), source - 1)
        first = min(math.ceil(start), last)
        part = [(px, 1 / size) for px in range(first, last)]
        if first - start > 1e-3:
            part.insert(0, (first - 1, (first - start) / size))
        if end - last > 1e-3:
            part.append((last, min(end - last, 1, size) / size))
        parts.append([(px, np.float32(weight)) for px, weight in part])
    return parts


COMPARE = """
import cv2, numpy as np
from handler.detection.letterbox import fit
from handler.detection.opencv_resize import {function}
rng = np.random.default_rng(5)
for case in range({cases}):
    width, height, to_width, to_height = (2 ** rng.uniform(0, 9, 4)).astype(int).tolist()
    if case % 5 == 1:
        box = fit(width, height, 256, 256)
        to_width, to_height = box.width, box.height
    elif case % 5 == 2:
        width, height = to_width * int(rng.integers(1, 6)), to_height * int(rng.integers(1, 6))
    elif case % 5 == 3:
        to_width, to_height = max(1, width * 4 // 10), max(1, height * 3 // 8)
    elif case % 5 == 4:
        to_width, to_height = min(width, to_width), min(height, to_height)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if case % 3 == 1:
        rgb = (rgb // 128) * np.uint8(255)
    elif case % 3 == 2:
        rgb[:] = (np.indices((height, width)).sum(0) % 2 * 255)[..., None]
    theirs = cv2.resize(rgb, (to_width, to_height), interpolation=cv2.{interpolation})
    ours = {function}(rgb, to_width, to_height)
    assert np.array_equal(theirs, ours), (width, height, to_width, to_height)
print("equal", case + 1)
"""


@pytest.mark.needs_training
@pytest.mark.parametrize(
    ("function", "interpolation"),
    [("opencv_linear", "INTER_LINEAR"), ("opencv_area", "INTER_AREA")],
)
def test_it_equals_opencv_on_hundreds_of_sizes(function: str, interpolation: str) -> None:
    program = COMPARE.format(function=function, interpolation=interpolation, cases=500)
    command = [str(TRAINING_PYTHON), "-c", program]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.stdout == "equal 500\n", ran.stderr
