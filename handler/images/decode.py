"""Untrusted bytes in, upright RGB pixels out.

The content decides what a picture is, not its label. Sizes are checked before pixels are decoded,
so that memory peaks at 7 to 12 bytes a pixel of `max_pixels`, with WebP and HEIC at 20. Of an
animation the first frame counts. Colour profiles are not applied: detectors are trained on plain
pixel values.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from handler.images import sniff
from handler.problems import TooManyPixels, Undecodable

MAX_JPEG_SCANS = 64  # real ones have about ten; each is one more pass over all pixels
_BAND_PX = 1 << 20  # converted at a time: copies between Pillow's pixels and ours stay small
_PLAIN = ("RGB", "RGBX", "L", "1", "P", "CMYK", "YCbCr")
_CLEAR = ("RGBA", "RGBa", "LA", "PA")
_GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_TO_8_BITS = ((np.arange(1 << 16) * 255 + 32767) // 65535).astype(np.uint8)
_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    rgb: uint8 (h, w, 3), upright, C-contiguous; a JPEG's may be reduced. width, height: px of the
    upright original, before any reduction. format: JPEG, PNG, WEBP, TIFF, BMP or HEIF.
    orientation: the EXIF value found, 1..8.
    """

    rgb: NDArray[np.uint8]
    width: int
    height: int
    format: str
    orientation: int


def decode(data: bytes, *, max_pixels: int, at_least: tuple[int, int] | None = None) -> Picture:
    """Decode a picture of any readable format.

    at_least: (width, height) of a frame. A JPEG is then decoded at the smallest DCT scale (1/2,
    1/4, 1/8) at which it still fills that frame when fitted into it. Without it pixels are exact.

    Raises UnsupportedImage, Undecodable, TooManyPixels.
    """
    kind = sniff.picture_format(data)
    with warnings.catch_warnings():  # Pillow warns of odd metadata, which nobody here can mend
        warnings.simplefilter("ignore")
        try:
            image, size, orientation = _load(kind, data, max_pixels, at_least)
        except (TooManyPixels, Undecodable):
            raise
        except Exception as error:  # decoders raise a dozen kinds on broken files
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise Undecodable(
                f"the {kind} picture is truncated, damaged or of a kind that is not read ({reason})"
            ) from error
        return Picture(_pixels(image), *size, kind, orientation)


def _load(
    kind: str, data: bytes, max_pixels: int, at_least: tuple[int, int] | None
) -> tuple[Image.Image, tuple[int, int], int]:
    """The upright picture in any mode, the upright original's size, and the EXIF orientation."""
    if kind == "WEBP":  # its decoder allocates the canvas on opening
        _check_size(sniff.webp_size(data), max_pixels)
    if kind == "TIFF":
        compression, *tile = sniff.tiff_numbers(data, 0x0103, 0x0142, 0x0143)
        if compression in (2, 3, 4):  # libtiff prints a line for every bad one, millions of them
            raise Undecodable("fax compression in a TIFF is not read; save it with another")
        _check_size((tile[0], tile[1]), max_pixels, "a tile of the picture")  # is decoded whole
    if kind == "JPEG" and (scans := sniff.jpeg_scans(data, MAX_JPEG_SCANS)) > MAX_JPEG_SCANS:
        raise Undecodable(f"the JPEG has {scans} scans; at most {MAX_JPEG_SCANS} are read")
    if kind == "HEIF":
        from handler.images import heif

        size, image, orientation = heif.decode(data, max_pixels)
        _check_size(size, max_pixels)
        return image, size, orientation if orientation in _TRANSPOSE else 1
    image = _open(kind, data)
    _check_size(image.size, max_pixels)
    if kind == "PNG":
        image.load()  # its EXIF may follow the pixels
    orientation = _orientation(image)
    size = image.size
    if kind == "JPEG" and at_least is not None:
        frame = at_least if orientation < 5 else at_least[::-1]
        spare = max(size[0] / frame[0], size[1] / frame[1])
        reduction = next(step for step in (8, 4, 2, 1) if step <= max(1, spare))
        image.draft(None, (max(1, size[0] // reduction), max(1, size[1] // reduction)))
    image.load()
    if kind != "JPEG":
        size = image.size
    if orientation > 1 and kind != "TIFF":  # which Pillow turns itself
        image = image.transpose(_TRANSPOSE[orientation])
        size = size if orientation < 5 else size[::-1]
    return image, size, orientation


def _open(kind: str, data: bytes) -> Any:
    """Pillow's file object for exactly this format; all but JPEG's are imported when needed."""
    stream = io.BytesIO(data)
    if kind == "JPEG":
        return JpegImagePlugin.JpegImageFile(stream)
    if kind == "PNG":
        from PIL import PngImagePlugin

        return PngImagePlugin.PngImageFile(stream)
    if kind == "WEBP":
        from PIL import WebPImagePlugin

        return WebPImagePlugin.WebPImageFile(stream)
    if kind == "TIFF":
        from PIL import TiffImagePlugin

        return TiffImagePlugin.TiffImageFile(stream)
    from PIL import BmpImagePlugin

    return BmpImagePlugin.BmpImageFile(stream)


def _check_size(size: tuple[int, int], max_pixels: int, what: str = "the picture") -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{what} is {width} x {height} px, {width * height / 1e6:.4g} megapixels; "
            f"at most {max_pixels / 1e6:.4g} are accepted"
        )


def _orientation(image: Any) -> int:
    """The EXIF orientation; 1 where there is none, or none that can be read."""
    try:
        found = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # broken metadata spoils no pixels
        return 1
    return found if found in _TRANSPOSE else 1


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """A loaded picture of any mode as uint8 (h, w, 3). Raises Undecodable."""
    rows = max(1, _BAND_PX // image.width)
    if rows >= image.height:
        return np.asarray(_to_rgb(image))
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        rgb[top : top + rows] = np.asarray(_to_rgb(band))
    return rgb


def _to_rgb(image: Image.Image) -> Image.Image:
    """Transparency on white, 16-bit grey scaled to 8, all else as Pillow converts it."""
    mode, clear = image.mode, image.info.get("transparency")
    if mode in _GREY_16:
        grey = np.asarray(image)
        if mode == "I" and (grey.min() < 0 or grey.max() > 65535):
            raise Undecodable("grey values beyond 16 bits are not read; save it with 8 or 16 bits")
        eight = _TO_8_BITS[grey]
        if clear is not None:
            eight[grey == clear] = 255
        return Image.fromarray(eight).convert("RGB")
    if mode in _CLEAR or (mode in _PLAIN and clear is not None):
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    if mode in _PLAIN:
        return image.convert("RGB")
    raise Undecodable(f"pixels of the kind {mode} are not read; save the picture as 8-bit RGB")
