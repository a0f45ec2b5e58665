"""A decoded picture, as its decoder leaves it: an image of Pillow's, or an array.

Pillow keeps RGB in four bytes a pixel, so each way between an image and an array is a pass over all
pixels: for 1,397 x 1,397 px 8 ms there and 5 back. The model's input is made by Pillow's resize and
needs no array before it; what does need one asks for `rgb`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.problems import Undecodable

Pixels = Image.Image | NDArray[np.uint8]

_BAND_PX = 1 << 20  # converted at a time, so that copies stay small
_OPAQUE_MODES = ("RGB", "RGBX", "L", "1", "P", "CMYK", "YCbCr")
_ALPHA_MODES = ("RGBA", "RGBa", "LA", "PA")
_GREY_16_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
# EXIF orientations that turn the file's right or bottom edge to the left, or to the top.
_RIGHT_OR_BOTTOM_IS_LEFT = (2, 3, 6, 7)
_RIGHT_OR_BOTTOM_IS_TOP = (3, 4, 7, 8)


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    pixels: upright; a loaded image of mode RGB or L without transparency, or uint8 (h, w, 3), RGB,
    C-contiguous; a JPEG may be reduced. width, height: px of the upright original, before any
    reduction. format: JPEG, PNG, WEBP, TIFF, BMP or HEIF. orientation: the EXIF value of the file,
    1..8. notes: sentences on what was repaired or scaled. jpeg_quality: 1..100 as libjpeg counts
    it, None for other formats.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    orientation: int
    notes: tuple[str, ...] = ()
    jpeg_quality: int | None = None

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """The pixels as uint8 (h, w, 3), C-contiguous; of an image made anew at each call."""
        return self.pixels if isinstance(self.pixels, np.ndarray) else to_rgb_array(self.pixels)

    @property
    def is_reduced(self) -> bool:
        """Whether there are fewer pixels than the original has."""
        return _size(self.pixels) != (self.width, self.height)

    @property
    def extent(self) -> tuple[float, float, float, float] | None:
        """Where the original lies in the pixels, as (left, top, right, bottom) in px; None if it
        fills them, as it does where nothing is reduced.

        A reduced JPEG has its sides rounded up: of 2,794 px at 1/4, 699 px of which half a px lies
        beyond the picture, on the file's right and at its bottom.
        """
        if not self.is_reduced:
            return None
        width, height = _size(self.pixels)
        reduction = round(max(self.width / width, self.height / height))
        exact_width, exact_height = self.width / reduction, self.height / reduction
        left = width - exact_width if self.orientation in _RIGHT_OR_BOTTOM_IS_LEFT else 0.0
        top = height - exact_height if self.orientation in _RIGHT_OR_BOTTOM_IS_TOP else 0.0
        return left, top, left + exact_width, top + exact_height

    def crop(self, left: int, top: int, width: int, height: int) -> Picture:
        """A part of a picture that is not reduced, as a picture of its own. In px."""
        pixels: Pixels
        if isinstance(self.pixels, np.ndarray):
            pixels = self.pixels[top : top + height, left : left + width]
        else:
            pixels = self.pixels.crop((left, top, left + width, top + height))
        return replace(self, pixels=pixels, width=width, height=height)


def _size(pixels: Pixels) -> tuple[int, int]:
    """Width and height in px."""
    if isinstance(pixels, np.ndarray):
        return pixels.shape[1], pixels.shape[0]
    return pixels.size


def as_image(pixels: Pixels) -> Image.Image:
    """Pixels as an image of mode RGB or L, which may be the very one: not to be changed."""
    return Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels


def to_pixels(image: Image.Image) -> Pixels:
    """What a Picture keeps of a loaded image of any mode. Raises Undecodable."""
    if image.mode in ("RGB", "L") and "transparency" not in image.info:
        return image
    return to_rgb_array(image)


def bands(image: Image.Image) -> Iterator[Image.Image]:
    """The image in bands of whole rows, from the top."""
    rows = max(1, _BAND_PX // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def to_rgb_array(image: Image.Image) -> NDArray[np.uint8]:
    """A loaded image of any mode as uint8 (h, w, 3). Raises Undecodable."""
    if image.width * image.height <= _BAND_PX:
        return np.asarray(_to_rgb(image))
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    top = 0
    for band in bands(image):
        rgb[top : top + band.height] = np.asarray(_to_rgb(band))
        top += band.height
    return rgb


@functools.cache
def _to_8_bits() -> NDArray[np.uint8]:
    """The 8-bit value of each 16-bit one; made when one comes, since INIT would pay 1 ms."""
    return ((np.arange(1 << 16) * 255 + 32767) // 65535).astype(np.uint8)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Paste transparency on white, scale 16-bit grey to 8, convert all else as Pillow does."""
    mode, transparency = image.mode, image.info.get("transparency")
    if mode in _GREY_16_MODES:
        grey = np.asarray(image)
        if mode == "I" and (grey.min() < 0 or grey.max() > 65535):
            raise Undecodable("grey values beyond 16 bits are not read; save it with 8 or 16 bits")
        grey_8 = _to_8_bits()[grey]
        if transparency is not None:
            grey_8[grey == transparency] = 255
        return Image.fromarray(grey_8).convert("RGB")
    if mode in _ALPHA_MODES or (mode in _OPAQUE_MODES and transparency is not None):
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    if mode in _OPAQUE_MODES:
        return image if mode == "RGB" else image.convert("RGB")
    raise Undecodable(f"pixels of the kind {mode} are not read; save the picture as 8-bit RGB")
