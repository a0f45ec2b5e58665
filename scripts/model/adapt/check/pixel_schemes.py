"""The usual ways to normalise pixels: which one a reading has, and the options that give each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.options import AdaptOptions
from scripts.model.adapt.preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    UNIT_STD,
    ZERO_MEAN,
    Preprocessing,
)


@dataclass(frozen=True)
class PixelScheme:
    """A usual normalisation: mean and std of RGB, of pixels up to `scale`.

    any_scale: whether the same can be said of pixels up to 1 and up to 255.
    """

    title: str
    scale: float
    mean: tuple[float, float, float] = ZERO_MEAN
    std: tuple[float, float, float] = UNIT_STD
    any_scale: bool = False


_HALF = (0.5, 0.5, 0.5)
_IMAGENET_BYTES = (123.675, 116.28, 103.53)
SCHEMES = (
    PixelScheme("0..1", 1),
    PixelScheme("0..255", 255),
    PixelScheme("by ImageNet's mean and std", 1, IMAGENET_MEAN, IMAGENET_STD, any_scale=True),
    PixelScheme("-1..1", 1, _HALF, _HALF, any_scale=True),
    PixelScheme("0..255 less ImageNet's mean", 255, _IMAGENET_BYTES),
)


def scheme_index(preprocessing: Preprocessing) -> int:
    """Of the scheme in SCHEMES, the common ones first; -1 where it is none of them."""
    for index, scheme in enumerate(SCHEMES):
        if is_same_scheme(preprocessing, _scheme_preprocessing(preprocessing, scheme)):
            return index
    return -1


def pixel_title(preprocessing: Preprocessing) -> str:
    """The scheme's title, or the values where it is none of the usual ones."""
    index = scheme_index(preprocessing)
    if index >= 0:
        return SCHEMES[index].title
    mean, std = join_commas(preprocessing.mean), join_commas(preprocessing.std)
    return f"0..{preprocessing.scale:g}, mean {mean}, std {std}"


def pixel_changes(given: AdaptOptions, image: ImageInput) -> Iterator[dict[str, object]]:
    """Options of each scheme, mean and std for RGB."""
    if image.dtype == "uint8":
        yield {}
        return
    if given.mean is not None or given.std is not None:
        for scale in (1.0, 255.0) if given.scale is None else (given.scale,):
            yield {"scale": scale}
        return
    for scheme in SCHEMES:
        scale = given.scale or scheme.scale
        if scale != scheme.scale and not scheme.any_scale:
            continue
        factor = scale / scheme.scale
        yield {
            "scale": float(scale),
            "mean": tuple(value * factor for value in scheme.mean),
            "std": tuple(value * factor for value in scheme.std),
        }


def _scheme_preprocessing(preprocessing: Preprocessing, scheme: PixelScheme) -> Preprocessing:
    step = 1 if preprocessing.order == "rgb" else -1
    return dataclasses.replace(
        preprocessing, scale=scheme.scale, mean=scheme.mean[::step], std=scheme.std[::step]
    )


def is_same_scheme(first: Preprocessing, second: Preprocessing) -> bool:
    """Whether both give the same values, but for the colour order, to a hundredth of the std."""
    ranges = []
    for preprocessing in (first, second):
        step = 1 if preprocessing.order == "rgb" else -1
        mean, std = np.array(preprocessing.mean)[::step], np.array(preprocessing.std)[::step]
        ranges.append([(0 - mean) / std, (preprocessing.scale - mean) / std])
    spread = np.abs(np.subtract(ranges[0][1], ranges[0][0]))
    return bool(np.all(np.abs(np.subtract(*ranges)) <= 0.01 * spread))


def join_commas(values: Sequence[float]) -> str:
    """As options take them: one value where all are equal, else three."""
    return ",".join(f"{value:g}" for value in (values[:1] if len(set(values)) == 1 else values))
