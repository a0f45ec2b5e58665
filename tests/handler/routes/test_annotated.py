"""The annotated picture is at a scale to look at, whatever scale the model needs."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.support.app import App
from tests.support.image_files import encode, photo


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((1400, 1050), (1280, 960)), ((2800, 2100), (1280, 960)), ((900, 300), (900, 300))],
)
def test_a_jpeg_that_was_reduced_for_the_model_is_drawn_on_at_its_own_scale(
    app: App, size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    """The input is 64 px here, so decoding reduces all of them to an eighth."""
    answer = app.post(encode(photo(*size), "JPEG"), headers=[("Accept", "image/png")])
    assert answer.status == 200
    assert Image.open(io.BytesIO(answer.body)).size == drawn
