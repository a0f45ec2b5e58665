"""Every layout, depth, photometric interpretation, byte order and compression that tifffile or
Pillow write, against the truth made in numpy from the samples."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.support.image_files import read

HEIGHT, WIDTH = 41, 53  # a multiple of no strip and no tile
LAYOUTS = {
    "one strip": {"rowsperstrip": HEIGHT},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
}
COMPRESSIONS = ["none", "lzw", "adobe_deflate", "deflate", "packbits", "zstd", "lzma"]
COLOURS: dict[str, dict[str, Any]] = {
    "black is zero": {"photometric": "minisblack"},
    "white is zero": {"photometric": "miniswhite"},
    "grey with alpha": {"photometric": "minisblack", "extrasamples": ["unassalpha"]},
    "RGB": {"photometric": "rgb"},
    "RGBA": {"photometric": "rgb", "extrasamples": ["unassalpha"]},
    "RGBA, premultiplied": {"photometric": "rgb", "extrasamples": ["assocalpha"]},
    "RGBX": {"photometric": "rgb", "extrasamples": ["unspecified"]},
    "CMYK": {"photometric": "separated"},
}
SAMPLES = {"black is zero": 1, "white is zero": 1, "grey with alpha": 2, "RGB": 3}


def make_samples(colours: str, dtype: type, seed: int = 5) -> np.ndarray:
    """Random samples (h, w, samples) with the extremes among them."""
    full = np.iinfo(dtype).max
    count = SAMPLES.get(colours, 4)
    samples = np.random.default_rng(seed).integers(0, full, (HEIGHT, WIDTH, count), endpoint=True)
    samples[0, 0], samples[-1, -1] = 0, full
    if colours == "RGBA, premultiplied":
        samples[..., :3] = np.minimum(samples[..., :3], samples[..., 3:])
    return samples.astype(dtype)


def truth_of(colours: str, samples: np.ndarray) -> np.ndarray:
    """float (h, w, 3) of 0 to 255, as TIFF 6.0 defines the colours; transparency on white."""
    values = samples.astype(np.float64) / np.iinfo(samples.dtype).max
    if colours == "CMYK":
        rgb = (1 - values[..., :3]) * (1 - values[..., 3:])
    elif colours.startswith("RGB"):
        rgb = values[..., :3]
    else:
        grey = 1 - values if colours == "white is zero" else values
        rgb = np.repeat(grey[..., :1], 3, axis=2)
    if colours in ("grey with alpha", "RGBA"):
        alpha = values[..., -1:]
        rgb = rgb * alpha + 1 - alpha
    elif colours == "RGBA, premultiplied":
        rgb = rgb + 1 - values[..., 3:]
    return rgb * 255


def write(samples: np.ndarray, planar: bool = False, **options: Any) -> bytes:
    """A TIFF of samples (h, w, samples) as tifffile writes it."""
    if samples.shape[2] == 1:
        samples = samples[..., 0]
    elif planar:
        samples = np.ascontiguousarray(np.moveaxis(samples, 2, 0))
        options["planarconfig"] = "separate"
    else:
        options["planarconfig"] = "contig"
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, metadata=None, **options)
    return stream.getvalue()


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("colours", COLOURS)
def test_every_kind_shows_what_its_samples_mean(colours: str, compression: str) -> None:
    tried = 0
    for dtype, layout, planar, byte_order, predictor in itertools.product(
        (np.uint8, np.uint16), LAYOUTS, (False, True), "<>", (False, True)
    ):
        if (planar and SAMPLES.get(colours, 4) == 1) or (
            predictor and compression in ("none", "packbits")
        ):
            continue
        samples = make_samples(colours, dtype)
        options = {
            **LAYOUTS[layout],
            **COLOURS[colours],
            "compression": compression,
            "byteorder": byte_order,
            "predictor": predictor,
            "bigtiff": tried % 2 == 1,
        }
        picture = read(write(samples, planar, **options))
        difference = np.abs(picture.rgb - truth_of(colours, samples)).max()
        # The high byte of 16-bit colours is at most 1 away; blending and CMYK are rounded twice.
        allowed = 0.51 if "is zero" in colours or (colours == "RGB" and dtype == np.uint8) else 3
        assert difference <= allowed, (dtype, layout, planar, byte_order, predictor)
        tried += 1
    assert tried >= 12
