"""Statistics of pixels say what they are called, of every picture from one pixel on."""

from __future__ import annotations

import hashlib
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from handler.images.statistics import PictureStatistics, flat_colour, sample_light, statistics
from tests.support.paths import ROOT

SIZES = [(1, 1), (1, 64), (2, 2), (2, 3), (3, 3), (64, 1), (5, 40), (9, 9)]


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    with Image.open(ROOT / "events" / "sample.jpg") as image:
        return np.asarray(image.convert("RGB").resize((640, 480), Image.Resampling.BILINEAR))


def blur(content: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(content).filter(ImageFilter.GaussianBlur(sigma)))


def scale(content: NDArray[np.uint8], gain: float, offset: float = 0.0) -> NDArray[np.uint8]:
    return np.clip(np.rint(content * gain + offset), 0, 255).astype(np.uint8)


def test_brightness_contrast_and_sharpness_are_the_definitions(photo: NDArray[np.uint8]) -> None:
    luma = photo.astype(float) @ [0.299, 0.587, 0.114] / 255
    neighbours = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    laplacian = neighbours - 4 * luma[1:-1, 1:-1]
    made = statistics(photo)
    assert made.brightness == pytest.approx(luma.mean(), abs=6e-5)
    assert made.contrast == pytest.approx(luma.std(), abs=6e-5)
    assert made.sharpness == pytest.approx(laplacian.std(), abs=6e-5)


def test_brightness_contrast_and_sharpness_are_those_of_prediction_1() -> None:
    """Golden values by the code that wrote prediction/1, commit a716613."""
    with Image.open(ROOT / "tests" / "golden" / "microalgae.png") as image:
        content = np.asarray(image.convert("RGB"))
    for part, golden in (
        (content, (0.5823, 0.3101, 0.0247)),
        (content[:300, :200], (0.4281, 0.3474, 0.0156)),
    ):
        made = statistics(part)
        assert (made.brightness, made.contrast, made.sharpness) == golden


def test_the_sample_before_the_answer_is_near_all_pixels(photo: NDArray[np.uint8]) -> None:
    for content in (photo, blur(photo, 2), scale(photo, 0.4)):
        made, whole = sample_light(content), statistics(content)
        assert made.brightness == pytest.approx(whole.brightness, abs=0.005)
        assert made.contrast == pytest.approx(whole.contrast, abs=0.005)
        assert made.sharpness == pytest.approx(whole.sharpness, rel=0.1)
    rows = photo[:3]  # of which one is sampled, and its neighbours
    assert sample_light(rows).sharpness == pytest.approx(statistics(rows).sharpness, abs=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_a_sliver_has_a_sample_too(size: tuple[int, int]) -> None:
    assert sample_light(np.full((*size, 3), 51, np.uint8)) == (0.2, 0.0, 0.0)
    noise = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    assert all(map(math.isfinite, sample_light(noise)))


def test_a_flat_picture_has_nothing_but_a_brightness() -> None:
    for level, brightness in ((255, 1.0), (0, 0.0), (51, 0.2)):
        made = statistics(np.full((40, 40, 3), level, np.uint8))
        assert made == PictureStatistics(
            brightness=brightness,
            contrast=0.0,
            sharpness=0.0,
            focus=None,
            noise=0.0,
            red_to_green=0.0,
            blue_to_green=0.0,
            luma_histogram=[10_000 * (bin == min(15, level // 16)) for bin in range(16)],
            dhash="0" * 16,
            embedding=[0.0] * 16,
        )


@pytest.mark.parametrize("size", SIZES)
def test_a_sliver_has_statistics_too(size: tuple[int, int]) -> None:
    made = statistics(np.full((*size, 3), 51, np.uint8))
    assert (made.brightness, made.contrast, made.sharpness) == (0.2, 0.0, 0.0)
    assert made.focus is None
    assert (made.noise is None) == (min(size) < 3)


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_every_picture_has_finite_statistics_of_one_form(content: NDArray[np.uint8]) -> None:
    made = statistics(content)
    numbers = [value for value in made if isinstance(value, float)]
    assert all(map(math.isfinite, [*numbers, *made.embedding]))
    assert abs(sum(made.luma_histogram) - 10_000) <= 8 and min(made.luma_histogram) >= 0
    assert len(made.luma_histogram) == len(made.embedding) == 16
    assert len(made.dhash) == 16 and int(made.dhash, 16) >= 0
    view = np.pad(content, ((3, 4), (5, 6), (0, 0)))[3:-4, 5:-6]  # as letterbox.content gives it
    assert statistics(view) == made


def test_a_chequered_picture_is_sharper_than_a_blurred_one() -> None:
    fine = np.indices((32, 32)).sum(0) % 2 * 255
    coarse = np.indices((32, 32))[0] // 16 * 255
    sharp, soft = (
        statistics(np.repeat(plane[..., None], 3, 2).astype(np.uint8)) for plane in (fine, coarse)
    )
    assert sharp.brightness == soft.brightness == pytest.approx(0.5)
    assert sharp.contrast == soft.contrast == pytest.approx(0.5)
    assert sharp.sharpness > 2 * soft.sharpness


def test_focus_falls_with_every_blur_and_with_nothing_else(photo: NDArray[np.uint8]) -> None:
    focus = [statistics(each).focus for each in (photo, *(blur(photo, s) for s in (0.7, 1.5, 3)))]
    assert None not in focus
    assert all(a > b + 0.1 for a, b in itertools.pairwise(focus))
    for changed in (scale(photo, 0.6), scale(photo, 0.6, 80), photo[::-1], photo[:, ::-1]):
        assert statistics(changed).focus == pytest.approx(focus[0], abs=0.05)


@pytest.mark.parametrize("sigma", [3.0, 6.0, 12.0])
def test_noise_is_its_standard_deviation(photo: NDArray[np.uint8], sigma: float) -> None:
    smooth = scale(blur(photo, 3), 0.6, 40)  # far from 0 and 255, where noise is cut
    grey_noise = np.random.default_rng(1).normal(0, sigma, (*photo.shape[:2], 1))
    noisy = np.clip(np.rint(smooth + grey_noise), 0, 255).astype(np.uint8)
    assert statistics(noisy).noise == pytest.approx(sigma / 255, rel=0.1)
    assert statistics(smooth).noise < 0.3 * sigma / 255


def test_edges_are_no_noise() -> None:
    squares = np.indices((320, 320)) // 40 % 2
    plane = (squares[0] ^ squares[1]) * 200 + 20
    assert statistics(np.repeat(plane[..., None], 3, 2).astype(np.uint8)).noise == 0.0


def test_a_cast_is_the_ratio_of_the_channels(photo: NDArray[np.uint8]) -> None:
    before = statistics(photo)
    after = statistics(np.rint(photo * [1.0, 0.9, 0.8]).astype(np.uint8))
    assert after.red_to_green - before.red_to_green == pytest.approx(-math.log(0.9), abs=0.01)
    assert after.blue_to_green - before.blue_to_green == pytest.approx(
        math.log(0.8 / 0.9), abs=0.01
    )


def test_the_histogram_counts_shares_of_luma() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2).repeat(16, 0)
    assert statistics(ramp).luma_histogram == [625] * 16


def test_the_hash_stays_under_exposure_and_changes_with_the_motif(
    photo: NDArray[np.uint8],
) -> None:
    def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
        return (int(statistics(a).dhash, 16) ^ int(statistics(b).dhash, 16)).bit_count()

    assert distance(photo, scale(photo, 0.8, 10)) <= 4
    assert distance(photo, blur(photo, 1)) <= 4
    assert distance(photo, photo[:, ::-1]) > 12


def test_the_hash_is_of_rows_of_nine_cells() -> None:
    falling = np.repeat((255 - np.arange(90))[None, :, None], 3, 2).repeat(80, 0).astype(np.uint8)
    assert statistics(falling).dhash == "0" * 16
    assert statistics(falling[:, ::-1]).dhash == "f" * 16


def test_the_embedding_tells_motifs_and_not_exposures(photo: NDArray[np.uint8]) -> None:
    def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
        return math.dist(statistics(a).embedding, statistics(b).embedding)

    assert distance(photo, scale(photo, 0.8, 10)) < 0.1
    assert distance(photo, blur(photo, 2)) < 0.1
    assert distance(photo, photo[::-1]) > 0.5
    assert distance(photo, photo[..., ::-1]) > 0.1  # red and blue exchanged


def test_the_embedding_is_the_same_for_ever() -> None:
    """Computed by hand of the text's bits: records of years ago must still compare."""
    content = np.zeros((8, 8, 3), np.uint8)
    content[:4] = 200  # of 8 rows every fourth counts, so that both halves are two rows' mean
    bits = hashlib.shake_256(b"icebox embedding/1").digest(16 * 24)
    signs = np.unpackbits(np.frombuffer(bits, np.uint8)).astype(int).reshape(16, 8, 8, 3) * 2 - 1
    halves = np.repeat([1, -1], 4)[:, None, None]
    expected = (signs * halves).sum((1, 2, 3)) / math.sqrt(192)
    assert statistics(content).embedding == pytest.approx(expected.tolist(), abs=6e-4)


# What a picture of nearly one colour is; the limit of black is 12-bit values read as 16-bit ones,
# 4095 / 65535 of 255.
FLAT = {
    "black": (np.zeros((64, 64, 3)), "black"),
    "12 bits in 16": (np.indices((64, 64)).sum(0)[..., None] / 126 * 4095 / 65535 * 255, "black"),
    "white": (np.full((64, 64, 3), 255), "white"),
    "nearly white": (240 + np.indices((64, 64)).sum(0)[..., None] % 15, "white"),
    "grey": (np.full((64, 64, 3), 128), "grey"),
    "nearly grey": (120 + np.indices((64, 64)).sum(0)[..., None] % 9, "grey"),
    "red": (np.full((64, 64, 3), (200, 0, 0)), "colour"),
    "a sliver": (np.full((1, 64, 3), 3), "black"),
    "a gradient": (np.indices((64, 64)).sum(0)[..., None] * 2, None),
    "a dim picture": (np.indices((64, 64)).sum(0)[..., None] / 126 * 40, None),
    "low contrast": (118 + np.indices((64, 64)).sum(0)[..., None] % 24, None),
}


@pytest.mark.parametrize("name", FLAT)
def test_a_picture_of_nearly_one_colour_is_told(name: str) -> None:
    values, colour = FLAT[name]
    height, width = values.shape[:2]
    assert flat_colour(np.broadcast_to(values, (height, width, 3)).astype(np.uint8)) == colour


@pytest.mark.parametrize(("side", "colour"), [(3, "black"), (12, None)])
def test_a_cell_on_black_is_something_and_a_hot_pixel_nothing(side: int, colour: str) -> None:
    content = np.full((640, 640, 3), 2, np.uint8)
    content[301 : 301 + side, 201 : 201 + side] = 255
    assert flat_colour(content) == colour
