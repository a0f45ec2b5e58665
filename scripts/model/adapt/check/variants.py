"""The readings that --check tries: colour orders, pixel scales, placings and the rival formats.

Each is made by options, so that what is tried is what those options give.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.model import graph
from scripts.model.adapt.check.pixel_schemes import is_same_scheme, pixel_changes, pixel_title
from scripts.model.adapt.loading.image_input import ImageInput
from scripts.model.adapt.options import AdaptOptions, apply_options
from scripts.model.adapt.reading import FormatReading
from scripts.tool import ToolError

Axis = Literal["format", "order", "pixels", "placing"]
_FITS = ("centre", "yolox", "stretch")  # yolov5 and mmdet differ from them by parts of a px
_FIT_WORDS = {
    "centre": "centred",
    "yolov5": "centred",
    "yolox": "top left",
    "mmdet": "top left",
    "stretch": "stretched",
}


@dataclass(frozen=True, eq=False)
class ReadingVariant:
    """A reading to try: `recognised`, which has the user's options already, with `options`."""

    recognised: FormatReading
    options: AdaptOptions
    reading: FormatReading

    @property
    def title(self) -> str:
        """As one row of a table says it, in ASCII: the contact sheet's font has no more."""
        preprocessing = self.reading.preprocessing
        words = [self.reading.format, preprocessing.order.upper(), pixel_title(preprocessing)]
        return ", ".join([*words, self.placing])

    @property
    def placing(self) -> str:
        return _FIT_WORDS[self.reading.preprocessing.fit]

    def axes_from(self, other: ReadingVariant) -> tuple[Axis, ...]:
        """In what it differs from another."""
        mine, others = self.reading.preprocessing, other.reading.preprocessing
        differences: dict[Axis, bool] = {
            "format": self.recognised is not other.recognised,
            "order": mine.order != others.order,
            "pixels": not is_same_scheme(mine, others),
            "placing": _FIT_WORDS[mine.fit] != _FIT_WORDS[others.fit],
        }
        return tuple(axis for axis, differs in differences.items() if differs)


def make_variant(
    recognised: FormatReading, options: AdaptOptions, image: ImageInput
) -> ReadingVariant:
    """Raises ToolError where the options do not fit."""
    return ReadingVariant(recognised, options, apply_options(recognised, options, image))


def vary_pixels(
    base: ReadingVariant, given: AdaptOptions, image: ImageInput
) -> list[ReadingVariant]:
    """Every order with every scheme, but what the user's options have fixed."""
    orders: Sequence[graph.Order] = (given.order,) if given.order else ("rgb", "bgr")
    variants = []
    for changes in pixel_changes(given, image):
        for order in orders:
            ordered = {
                name: value if order == "rgb" or isinstance(value, float) else value[::-1]
                for name, value in changes.items()
            }
            variants += _vary(base, image, order=order, **ordered)
    return variants


def vary_placing(
    base: ReadingVariant, given: AdaptOptions, image: ImageInput
) -> list[ReadingVariant]:
    """Centred, top left and stretched, unless the user's options say how."""
    if given.fit:
        return []
    return [variant for fit in _FITS for variant in _vary(base, image, fit=fit)]


def vary_format(
    base: ReadingVariant,
    rivals: Sequence[FormatReading],
    given: AdaptOptions,
    image: ImageInput,
) -> list[ReadingVariant]:
    """The rival readings, each with its own pixels and with those of `base`."""
    if given.format:
        return []
    pixels = _pixels_of(base, image, order=base.reading.preprocessing.order)
    variants = []
    for rival in rivals:
        for options in (given, dataclasses.replace(given, **pixels)):
            try:
                variants.append(make_variant(rival, options, image))
            except ToolError:
                continue  # an option of the user's that only suits the other format
    return variants


def vary_back(
    base: ReadingVariant, default: ReadingVariant, image: ImageInput
) -> list[ReadingVariant]:
    """`base` with each of its differences from the default taken back, one at a time."""
    preprocessing, axes = default.reading.preprocessing, base.axes_from(default)
    variants = []
    if "order" in axes:
        variants += _vary(base, image, **_pixels_of(base, image, order=preprocessing.order))
    if "pixels" in axes:
        order = base.reading.preprocessing.order
        variants += _vary(base, image, **_pixels_of(default, image, order=order))
    if "placing" in axes:
        variants += _vary(base, image, fit=preprocessing.fit)
    return variants


def _pixels_of(
    variant: ReadingVariant, image: ImageInput, *, order: graph.Order
) -> dict[str, object]:
    """Options for a variant's scale, mean and std in an order."""
    preprocessing = variant.reading.preprocessing
    if image.dtype == "uint8":
        return {"order": order}
    step = 1 if preprocessing.order == order else -1
    mean, std = preprocessing.mean[::step], preprocessing.std[::step]
    return {"order": order, "scale": preprocessing.scale, "mean": mean, "std": std}


def _vary(base: ReadingVariant, image: ImageInput, **changes: object) -> list[ReadingVariant]:
    options = dataclasses.replace(base.options, **changes)  # type: ignore[arg-type]
    try:
        return [make_variant(base.recognised, options, image)]
    except ToolError:
        return []
