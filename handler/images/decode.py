"""Decode untrusted bytes into upright RGB pixels.

The content decides the format, not a label. Sizes are checked before pixels are decoded, so memory
peaks at 7 to 12 bytes per pixel of `max_pixels`, at 20 for WebP and HEIC. Of an animation only the
first frame is read. Colour profiles are not applied: detectors are trained on plain pixel values.
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

MAX_JPEG_SCANS = 64  # real files have about ten; each is another pass over all pixels
_BAND_PX = 1 << 20  # converted at a time, so that copies stay small
_OPAQUE_MODES = ("RGB", "RGBX", "L", "1", "P", "CMYK", "YCbCr")
_ALPHA_MODES = ("RGBA", "RGBa", "LA", "PA")
_GREY_16_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
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

    rgb: uint8 (h, w, 3), upright, C-contiguous; a JPEG may be reduced. width, height: px of the
    upright original, before any reduction. format: JPEG, PNG, WEBP, TIFF, BMP or HEIF.
    orientation: the EXIF value of the file, 1..8. notes: sentences on what was repaired or scaled.
    """

    rgb: NDArray[np.uint8]
    width: int
    height: int
    format: str
    orientation: int
    notes: tuple[str, ...] = ()


def decode(
    image_bytes: bytes, *, max_pixels: int, min_frame: tuple[int, int] | None = None
) -> Picture:
    """Decode a picture of any supported format.

    max_pixels: limit of width times height. min_frame: (width, height) in px; a JPEG is decoded at
    the smallest DCT scale (1/2, 1/4, 1/8) at which it still fills this frame when fitted into it.
    Without it pixels are exact.

    Raises UnsupportedImage, Undecodable, TooManyPixels.
    """
    image_format = sniff.picture_format(image_bytes)
    with warnings.catch_warnings():  # Pillow warns of odd metadata, which spoils no pixels
        warnings.simplefilter("ignore")
        try:
            image, size, orientation = _load(image_format, image_bytes, max_pixels, min_frame)
        except (TooManyPixels, Undecodable):
            raise
        except Exception as error:  # decoders raise a dozen types on broken files
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise Undecodable(
                f"the {image_format} picture is truncated, damaged or of a kind that is not read "
                f"({reason})"
            ) from error
        return Picture(_to_rgb_array(image), *size, image_format, orientation)


def _load(
    image_format: str, image_bytes: bytes, max_pixels: int, min_frame: tuple[int, int] | None
) -> tuple[Image.Image, tuple[int, int], int]:
    """The upright picture in any mode, the upright original's size, and the EXIF orientation."""
    if image_format == "WEBP":  # its decoder allocates the canvas on opening
        _check_size(sniff.webp_size(image_bytes), max_pixels)
    if image_format == "TIFF":
        _check_tiff(image_bytes, max_pixels)
    if image_format == "JPEG":
        _check_jpeg(image_bytes)
    if image_format == "HEIF":
        from handler.images import heif

        size, image, orientation = heif.decode(image_bytes, max_pixels)
        _check_size(size, max_pixels)
        return image, size, orientation if orientation in _TRANSPOSE else 1
    image = _open(image_format, image_bytes)
    _check_size(image.size, max_pixels)
    if image_format == "PNG":
        image.load()  # its EXIF may follow the pixels
    orientation = _read_orientation(image)
    size = image.size
    if image_format == "JPEG" and min_frame is not None:
        _reduce_jpeg(image, min_frame if orientation < 5 else min_frame[::-1])
    image.load()
    if image_format != "JPEG":
        size = image.size
    if orientation > 1 and image_format != "TIFF":  # Pillow turns a TIFF itself
        image = image.transpose(_TRANSPOSE[orientation])
        size = size if orientation < 5 else size[::-1]
    return image, size, orientation


def _check_tiff(image_bytes: bytes, max_pixels: int) -> None:
    """Raises Undecodable, TooManyPixels."""
    compression, *tile = sniff.tiff_numbers(image_bytes, 0x0103, 0x0142, 0x0143)
    if compression in (2, 3, 4):  # libtiff prints a line per bad row, millions of them
        raise Undecodable("fax compression in a TIFF is not read; save it with another")
    # A tile is decoded as a whole, however small the picture.
    _check_size((tile[0], tile[1]), max_pixels, "a tile of the picture")


def _check_jpeg(image_bytes: bytes) -> None:
    """Raises Undecodable."""
    if (scans := sniff.jpeg_scans(image_bytes, MAX_JPEG_SCANS)) > MAX_JPEG_SCANS:
        raise Undecodable(f"the JPEG has {scans} scans; at most {MAX_JPEG_SCANS} are read")


def _reduce_jpeg(image: Any, min_frame: tuple[int, int]) -> None:
    """Have an opened JPEG decoded at the smallest DCT scale that still fills the frame."""
    width, height = image.size
    max_reduction = max(1, width / min_frame[0], height / min_frame[1])
    reduction = next(step for step in (8, 4, 2, 1) if step <= max_reduction)
    image.draft(None, (max(1, width // reduction), max(1, height // reduction)))


def _open(image_format: str, image_bytes: bytes) -> Any:
    """Pillow's file object for exactly this format; all but JPEG's are imported when needed."""
    stream = io.BytesIO(image_bytes)
    if image_format == "JPEG":
        return JpegImagePlugin.JpegImageFile(stream)
    if image_format == "PNG":
        from PIL import PngImagePlugin

        return PngImagePlugin.PngImageFile(stream)
    if image_format == "WEBP":
        from PIL import WebPImagePlugin

        return WebPImagePlugin.WebPImageFile(stream)
    if image_format == "TIFF":
        from PIL import TiffImagePlugin

        return TiffImagePlugin.TiffImageFile(stream)
    from PIL import BmpImagePlugin

    return BmpImagePlugin.BmpImageFile(stream)


def _check_size(size: tuple[int, int], max_pixels: int, what: str = "the picture") -> None:
    """Raises TooManyPixels, which names what is too large."""
    width, height = size
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{what} is {width} x {height} px, {width * height / 1e6:.4g} megapixels; "
            f"at most {max_pixels / 1e6:.4g} are accepted"
        )


def _read_orientation(image: Any) -> int:
    """The EXIF orientation; 1 if it is missing or unreadable."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # broken metadata spoils no pixels
        return 1
    return orientation if orientation in _TRANSPOSE else 1


def _to_rgb_array(image: Image.Image) -> NDArray[np.uint8]:
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
    """Paste transparency on white, scale 16-bit grey to 8, convert all else as Pillow does."""
    mode, transparency = image.mode, image.info.get("transparency")
    if mode in _GREY_16_MODES:
        grey = np.asarray(image)
        if mode == "I" and (grey.min() < 0 or grey.max() > 65535):
            raise Undecodable("grey values beyond 16 bits are not read; save it with 8 or 16 bits")
        grey_8 = _TO_8_BITS[grey]
        if transparency is not None:
            grey_8[grey == transparency] = 255
        return Image.fromarray(grey_8).convert("RGB")
    if mode in _ALPHA_MODES or (mode in _OPAQUE_MODES and transparency is not None):
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    if mode in _OPAQUE_MODES:
        return image.convert("RGB")
    raise Undecodable(f"pixels of the kind {mode} are not read; save the picture as 8-bit RGB")
