"""Turn the samples of a TIFF into 8-bit RGB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.images.tiff import tags
from handler.images.tiff.directory import Directory
from handler.images.tiff.layout import MAX_SAMPLES, Layout

Alpha = Literal["none", "ignored", "transparent", "premultiplied"]
_COLOUR_SAMPLES = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}  # by photometric interpretation
_OTHER_PHOTOMETRICS = {
    4: "a transparency mask", 8: "CIE L*a*b* colours", 9: "ICC L*a*b* colours",
    10: "ITU L*a*b* colours", 32844: "LogL values", 32845: "LogLuv colours", 51177: "depths",
}  # fmt: skip
_ALPHA_OF: dict[int, Alpha] = {
    0: "ignored", 1: "premultiplied", 2: "transparent",
    999: "transparent",  # Corel Draw 10's
}  # fmt: skip
_FULL_RANGE = [0, 255, 128, 255, 128, 255]  # of YCbCr, as JPEG's


@dataclass(frozen=True, eq=False)
class Colours:
    """What the samples of a picture mean.

    bits, alpha_bits: that the values fill; a camera's 12 bits lie in samples of 16. alpha: what the
    first sample behind the colours is. palette: uint8 (colours, 3).
    """

    photometric: int
    bits: int
    alpha_bits: int
    alpha: Alpha
    palette: NDArray[np.uint8] | None = None

    @property
    def samples(self) -> int:
        """Per pixel, without alpha."""
        return _COLOUR_SAMPLES[self.photometric]


def read_colours(page: Directory, layout: Layout) -> tuple[Colours, tuple[str, ...]]:
    """The meaning of the samples as the tags tell it, and notes. Raises Undecodable."""
    photometric = page.number(tags.PHOTOMETRIC, -1)
    if photometric not in _COLOUR_SAMPLES:
        tags.refuse(
            _OTHER_PHOTOMETRICS.get(photometric, "colours of an unknown kind")
            if photometric >= 0
            else "no tag that says what its values mean (PhotometricInterpretation)"
        )
    if photometric == tags.YCBCR:
        photometric = _check_ycbcr(page, layout)
    further = layout.samples - _COLOUR_SAMPLES[photometric]
    if further < 0:
        raise tags.damaged_in(tags.SAMPLES)
    alpha = _read_alpha(page, photometric, further)
    if photometric == tags.CMYK and (
        page.number(tags.INK_SET, 1) != 1 or layout.bits not in (8, 16)
    ):
        tags.refuse("inks other than CMYK of 8 or 16 bits")
    palette = _read_palette(page, layout.bits) if photometric == tags.PALETTE else None
    ignored = further - (alpha in ("transparent", "premultiplied"))
    notes = (f"{ignored} further channel(s) of the TIFF were not read",) if ignored else ()
    return Colours(photometric, layout.bits, layout.bits, alpha, palette), notes


def _check_ycbcr(page: Directory, layout: Layout) -> int:
    """The photometric interpretation of what is decoded. Raises Undecodable."""
    if layout.samples == 1:
        return tags.BLACK_IS_ZERO
    if layout.samples != 3 or layout.bits != 8:
        tags.refuse("YCbCr colours of other than three samples of 8 bits")
    if layout.is_ycbcr_jpeg:  # its decoder converts them
        return tags.RGB
    if layout.subsampling != (1, 1):
        tags.refuse("subsampled YCbCr colours outside a JPEG")
    if page.fractions(tags.REFERENCE_BLACK_WHITE, 6) not in ([], _FULL_RANGE):
        tags.refuse("YCbCr colours of a limited range")
    return tags.YCBCR


def _read_alpha(page: Directory, photometric: int, further: int) -> Alpha:
    """What the first of the further samples is. Raises Undecodable."""
    kinds = page.numbers(tags.EXTRA_SAMPLES, MAX_SAMPLES).tolist()
    if len(kinds) > further:
        raise tags.damaged_in(tags.EXTRA_SAMPLES)
    if further == 0:
        return "none"
    if further > 1 and photometric in (tags.WHITE_IS_ZERO, tags.BLACK_IS_ZERO):
        tags.refuse(f"{1 + further} grey channels, of which none is the picture")
    if not kinds:
        if photometric == tags.RGB and further == 1:
            return "transparent"
        tags.refuse("channels whose meaning is not said (ExtraSamples)")
    if kinds[0] not in _ALPHA_OF:
        raise tags.damaged_in(tags.EXTRA_SAMPLES)
    alpha = _ALPHA_OF[kinds[0]]
    if alpha != "ignored" and photometric in (tags.CMYK, tags.YCBCR):
        tags.refuse("transparent CMYK or YCbCr colours")
    return alpha


def _read_palette(page: Directory, bits: int) -> NDArray[np.uint8]:
    """uint8 (colours, 3). Raises Undecodable."""
    if bits > 8:
        tags.refuse(f"a palette of {bits} bits")
    values = page.numbers(tags.COLOUR_MAP, 3 << 8)
    if len(values) != 3 << bits:
        raise tags.damaged_in(tags.COLOUR_MAP)
    if values.max() > 255:  # some writers forget that they have 16 bits
        values = values >> 8
    return np.ascontiguousarray(values.astype(np.uint8).reshape(3, -1).T)


def to_rgb(samples: NDArray[Any], colours: Colours) -> NDArray[np.uint8]:
    """Samples (h, w, samples) as uint8 (h, w, 3), transparency on white."""
    count = colours.samples
    has_alpha = colours.alpha in ("transparent", "premultiplied")
    if (
        has_alpha
        and colours.photometric == tags.RGB
        and (samples.shape[2], colours.bits) == (4, colours.alpha_bits)
    ):
        return _on_white(_colours_to_8_bits(samples, colours.bits), colours.alpha)
    values = samples[..., :count]
    if colours.photometric == tags.PALETTE and colours.palette is not None:
        rgb = np.take(colours.palette, values[..., 0], axis=0)
    elif colours.photometric in (tags.WHITE_IS_ZERO, tags.BLACK_IS_ZERO):
        grey = _rounded_to_8_bits(values, colours.bits)
        if colours.photometric == tags.WHITE_IS_ZERO:
            grey = 255 - grey
        rgb = np.repeat(grey, 3, axis=2)
    else:
        rgb = _colours_to_8_bits(values, colours.bits)
        if colours.photometric in (tags.CMYK, tags.YCBCR):
            mode = "CMYK" if colours.photometric == tags.CMYK else "YCbCr"
            image = Image.frombytes(mode, samples.shape[1::-1], rgb.tobytes())
            rgb = np.asarray(image.convert("RGB"))
    if has_alpha:
        alpha = _colours_to_8_bits(samples[..., count : count + 1], colours.alpha_bits)
        return _on_white(np.concatenate((rgb, alpha), axis=2), colours.alpha)
    return rgb


def _colours_to_8_bits(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    if bits == 16:
        high: NDArray[np.uint8] = (values >> 8).astype(np.uint8)  # as Pillow in all formats
        return high
    return _rounded_to_8_bits(values, bits)


def _rounded_to_8_bits(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Values of 0 to 2 ** bits - 1; larger ones are white."""
    if values.dtype != np.uint8:
        values = np.minimum(values, (1 << bits) - 1)
    elif bits == 8:
        return values
    scaled: NDArray[np.uint8] = np.take(_table(bits), values)
    return scaled


@cache
def _table(bits: int) -> NDArray[np.uint8]:
    largest = (1 << bits) - 1
    values: NDArray[np.int64] = np.arange(1 << bits, dtype=np.int64)
    return ((values * 255 + largest // 2) // largest).astype(np.uint8)


def _on_white(rgba: NDArray[np.uint8], alpha: Alpha) -> NDArray[np.uint8]:
    if rgba[..., 3].min() == 255:
        return rgba[..., :3]
    size = (rgba.shape[1], rgba.shape[0])
    if alpha == "premultiplied":
        image = Image.frombytes("RGBa", size, rgba.tobytes()).convert("RGBA")
    else:
        image = Image.frombytes("RGBA", size, rgba.tobytes())
    white = Image.new("RGB", size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return np.array(white)
