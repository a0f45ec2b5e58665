"""Whatever bytes come, they are a picture or a problem."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handler.problems import Problem
from tests.support.image_files import encode, exif, picture_or_problem

NOISE = np.random.default_rng(2).integers(0, 256, (24, 32, 3), dtype=np.uint8)
SEEDS = [
    *(encode(NOISE, kind, exif=exif(6)) for kind in ("JPEG", "PNG", "WEBP", "TIFF")),
    encode(NOISE, "JPEG", progressive=True),
    encode(Image.fromarray(NOISE).convert("CMYK"), "JPEG"),
    encode(Image.fromarray(NOISE).convert("RGBA"), "PNG"),
    encode(Image.fromarray(NOISE).quantize(16), "PNG", transparency=b"\0\x7f"),
    encode(NOISE[..., 0].astype(np.uint16) * 200, "PNG"),
    encode(Image.fromarray(NOISE).convert("RGBA"), "WEBP", lossless=True),
    encode(NOISE, "BMP"),
    encode(Image.fromarray(NOISE).quantize(16), "BMP"),
    *(encode(NOISE, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate")),
]
mutations = st.lists(
    st.tuples(
        st.floats(0, 1),  # where
        st.sampled_from(["set", "cut", "drop", "double"]),
        st.binary(min_size=1, max_size=4) | st.sampled_from([b"\xff" * 4, b"\0" * 4]),
    ),
    min_size=1,
    max_size=4,
)


def mutated(image_bytes: bytes, steps: list[tuple[float, str, bytes]]) -> bytes:
    for share, step, value in steps:
        at = int(share**2 * len(image_bytes))  # more of them in the headers
        if step == "set":
            image_bytes = image_bytes[:at] + value + image_bytes[at + len(value) :]
        elif step == "cut":
            image_bytes = image_bytes[:at]
        elif step == "drop":
            image_bytes = image_bytes[:at] + image_bytes[at + len(value) :]
        else:
            image_bytes = image_bytes[:at] + image_bytes[at : at + 16] * 2 + image_bytes[at + 16 :]
    return image_bytes


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(SEEDS), mutations, st.sampled_from([None, (8, 8), (100, 50)]))
def test_a_damaged_picture_is_a_picture_or_a_problem(
    seed: bytes, steps: list[tuple[float, str, bytes]], min_frame: tuple[int, int] | None
) -> None:
    outcome = picture_or_problem(mutated(seed, steps), min_frame)
    if isinstance(outcome, Problem):
        assert outcome.status in (415, 422)
        assert outcome.detail
        json.dumps(outcome.body("id"))
    else:
        assert outcome.rgb.shape[2] == 3
        assert outcome.rgb.dtype == np.uint8
        assert 1 <= outcome.orientation <= 8
        assert outcome.width * outcome.height <= 1_000_000
