"""A JPEG's quality is the number that it was saved with, as libjpeg counts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from handler.images.decode import decode
from handler.images.jpeg_quality import estimate_quality

NOISE = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)


def save(quality: int | None = None, *, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    if quality is not None:
        options["quality"] = quality
    Image.fromarray(NOISE).convert(mode).save(out, "JPEG", **options)
    return out.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
def test_every_quality_of_libjpeg_is_told_exactly(progressive: bool) -> None:
    for quality in range(1, 101):
        picture = decode(save(quality, progressive=progressive), max_pixels=10**6)
        assert picture.jpeg_quality == quality


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_pictures_of_other_colours_have_a_quality_too(mode: str) -> None:
    assert decode(save(77, mode=mode), max_pixels=10**6).jpeg_quality == 77


def test_tables_of_another_encoder_have_the_nearest_quality() -> None:
    """Photoshop's tables at its quality 10, as Pillow has them, quantise like libjpeg's at 92."""
    odd = decode(save(qtables="web_very_high"), max_pixels=10**6).jpeg_quality
    assert odd is not None and odd > 85
    worse = decode(save(qtables="web_low"), max_pixels=10**6).jpeg_quality
    assert worse is not None and worse < 60


def test_the_table_of_the_first_component_counts() -> None:
    fine, coarse = [2] * 64, [200] * 64
    picture = decode(save(qtables=[fine, coarse]), max_pixels=10**6)
    assert picture.jpeg_quality == decode(save(qtables=[fine]), max_pixels=10**6).jpeg_quality
    assert picture.jpeg_quality is not None and picture.jpeg_quality > 90


def test_other_formats_have_no_quality() -> None:
    out = io.BytesIO()
    Image.fromarray(NOISE).save(out, "PNG")
    assert decode(out.getvalue(), max_pixels=10**6).jpeg_quality is None


@given(
    st.binary(max_size=200)
    | st.binary(min_size=64, max_size=64)
    | st.binary(min_size=128, max_size=128)
)
def test_any_table_has_a_quality_in_range_or_none(table: bytes) -> None:
    quality = estimate_quality(table)
    assert (quality is None) == (len(table) not in (64, 128))
    assert quality is None or quality in range(1, 101)
