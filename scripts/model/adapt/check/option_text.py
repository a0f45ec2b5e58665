"""The options that turn the reading of one variant into another's."""

from __future__ import annotations

from scripts.model.adapt.check.pixel_schemes import join_commas
from scripts.model.adapt.check.variants import ReadingVariant
from scripts.model.adapt.preprocessing import UNIT_STD, ZERO_MEAN
from scripts.model.adapt.reading import FormatReading

_DECODING = ("coding", "units", "activation", "background", "cell_centre", "nms", "class_offset")


def option_text(variant: ReadingVariant, from_variant: ReadingVariant) -> str:
    """The options that make `variant` where `from_variant` is the default, "" where none do."""
    axes = set(variant.axes_from(from_variant))
    preprocessing = variant.reading.preprocessing
    parts = []
    if "format" in axes:
        parts += _format_options(variant.reading, from_variant.reading)
        for axis, name in (("order", "order"), ("pixels", "scale"), ("placing", "fit")):
            if getattr(variant.options, name) is not None:  # that format's default may be another
                axes.add(axis)
    if "order" in axes:
        parts.append(f"--order {preprocessing.order}")
    if "pixels" in axes:
        parts.append(f"--scale {preprocessing.scale:g}")
        default = from_variant.reading.preprocessing
        # Of a default that has them, --scale alone would stretch mean and std.
        is_plain = (default.mean, default.std) == (ZERO_MEAN, UNIT_STD)
        if not is_plain or preprocessing.mean != ZERO_MEAN:
            parts.append(f"--mean {join_commas(preprocessing.mean)}")
        if not is_plain or preprocessing.std != UNIT_STD:
            parts.append(f"--std {join_commas(preprocessing.std)}")
    if "placing" in axes:
        parts.append(f"--fit {preprocessing.fit}")
    return " ".join(parts)


def _format_options(reading: FormatReading, default: FormatReading) -> list[str]:
    if reading.format != default.format:
        return [f"--format {reading.format}"]
    return [
        f"--{name.replace('_', '-')} {getattr(reading, name)}"
        for name in _DECODING
        if getattr(reading, name) != getattr(default, name)
    ]
