"""Untrusted bytes in, upright RGB pixels out.

The content decides what a picture is, not its label. Size is checked before any pixel is decoded, so memory stays
within `max_pixels`. Colour profiles are not applied: detectors are trained on plain pixel values.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from handler.problems import TooManyPixels, Undecodable, UnsupportedImage

READABLE = "JPEG, PNG, WebP, TIFF, BMP or HEIC"
MAX_JPEG_SCANS = 64  # real ones have about ten; thousands cost minutes of CPU
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

    rgb: uint8 (h, w, 3), upright; a JPEG's may be reduced. width, height: px of the upright original, before any
    reduction. format: JPEG, PNG, WEBP, TIFF, BMP or HEIF. orientation: the EXIF value found, 1..8.
    """

    rgb: NDArray[np.uint8]
    width: int
    height: int
    format: str
    orientation: int


def decode(data: bytes, *, max_pixels: int, at_least: tuple[int, int] | None = None) -> Picture:
    """Decode a picture of any readable format.

    at_least: (width, height) of a frame; a JPEG is then decoded at the smallest DCT scale (1/2, 1/4, 1/8) at which it
    still fills that frame when fitted into it. Without it pixels are exact.

    Raises UnsupportedImage, Undecodable, TooManyPixels.
    """
    kind = sniff(data)
    with warnings.catch_warnings():  # Pillow warns of odd metadata and large pictures: neither is ours to print
        warnings.simplefilter("ignore")
        try:
            return _decode(kind, data, max_pixels, at_least)
        except (TooManyPixels, Undecodable, MemoryError):
            raise
        except Exception as error:  # Pillow's decoders raise a dozen kinds on broken files
            raise Undecodable(f"the {kind} picture is truncated or corrupt ({error})") from error


def sniff(data: bytes) -> str:
    """The picture's format by its first bytes. Raises UnsupportedImage, naming what it looks like instead."""
    head = data[:32]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF"
    if head[:2] == b"BM":
        return "BMP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"):
        return "HEIF"
    raise UnsupportedImage(f"expected {READABLE}; {_looks_like(data)}")


def _looks_like(data: bytes) -> str:
    head = data[:512]
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "the body is empty"
    for mark, name in ((b"GIF8", "a GIF"), (b"%PDF", "a PDF"), (b"PK\x03\x04", "a ZIP archive"), (b"\x1a\x45\xdf\xa3", "a video")):
        if head.startswith(mark):
            return f"this looks like {name}"
    if head[4:8] == b"ftyp":
        return "this looks like an AVIF picture" if head[8:12] in (b"avif", b"avis") else "this looks like a video"
    if b"<svg" in head.lower():
        return "this looks like an SVG drawing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "this looks like an HTML page"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "this looks like text"
    return f"these bytes start with {data[:8].hex(' ')}"


def _decode(kind: str, data: bytes, max_pixels: int, at_least: tuple[int, int] | None) -> Picture:
    if kind == "WEBP":
        _check_size(*_webp_size(data), max_pixels)  # its decoder allocates the canvas on opening
    if kind == "JPEG" and (scans := data.count(b"\xff\xda")) > MAX_JPEG_SCANS:
        raise Undecodable(f"the JPEG has {scans} scans; at most {MAX_JPEG_SCANS} are accepted")
    image = _open(kind, data)
    _check_size(*image.size, max_pixels)
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    width, height = image.size
    if kind == "JPEG" and at_least is not None:
        frame = at_least if orientation < 5 else at_least[::-1]
        spare = max(width / frame[0], height / frame[1])
        reduction = next(step for step in (8, 4, 2, 1) if step <= max(1, spare))
        image.draft(None, (max(1, width // reduction), max(1, height // reduction)))  # type: ignore[arg-type]
    image.load()
    left = image.getexif().get(_ORIENTATION_TAG, 1)  # Pillow turns a TIFF upright itself
    image = _to_rgb(image)
    if left in _TRANSPOSE:
        image = image.transpose(_TRANSPOSE[left])
        if left >= 5:
            width, height = height, width
    return Picture(np.asarray(image), width, height, kind, orientation)


def _open(kind: str, data: bytes) -> Any:
    """Pillow's file object for exactly this format; plugins beyond JPEG's are imported when first needed."""
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
    if kind == "BMP":
        from PIL import BmpImagePlugin

        return BmpImagePlugin.BmpImageFile(stream)
    import pi_heif  # decoding only, LGPL; turns the picture upright itself

    return pi_heif.HeifImageFile(stream)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise Undecodable(f"the picture is {width} x {height} px")
    if width * height > max_pixels:
        raise TooManyPixels(
            f"the picture is {width} x {height} px, {width * height / 1e6:.0f} megapixels; at most "
            f"{max_pixels / 1e6:.0f} are accepted"
        )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas width and height from a WebP's first chunk (RFC 9649)."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise Undecodable("the WEBP picture is truncated")
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", body[6:10])
    return width & 0x3FFF, height & 0x3FFF


def _to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture of any mode as RGB: transparency on white, 16-bit grey scaled to 8."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise Undecodable("grey values beyond 16 bits are not read; save the picture with 8 or 16 bits")
        eight = ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
        return Image.fromarray(eight).convert("RGB")
    if image.mode in ("F", "LAB", "HSV"):
        raise Undecodable(f"pixels of kind {image.mode} are not read; save the picture as 8-bit RGB")
    return image.convert("RGB")
