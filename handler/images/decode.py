"""Decode untrusted bytes into upright RGB pixels.

The content decides the format, not a label. Sizes and counts are checked before pixels are decoded:
memory peaks at 4 to 12 bytes per pixel of `max_pixels`, at 16 for WebP, and time at what a good
picture of that size takes. Of an animation only the first frame is read. Colour profiles are not
applied: detectors are trained on plain pixel values.
"""

from __future__ import annotations

import io
import time
import warnings
import zlib
from typing import Any

from PIL import Image, JpegImagePlugin

from handler.images import jpeg, sniff
from handler.images.picture import Picture, bands, to_pixels
from handler.images.pixel_stream import PixelStream
from handler.problems import TooManyPixels, Undecodable

# JPEG's own limit, for every format: 1 x 64,000,000 px cost 2 GB in row pointers and copied rows.
MAX_SIDE_PX = 65_535
# WebP peaks at 16 bytes per pixel: 64 megapixels take 1 GB, 40 fit into a function of 1,024 MB.
MAX_WEBP_PIXELS = 40_000_000
DECODE_S = 15.0  # a good picture of 64 megapixels takes 4 s; the function's timeout is 20 s
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(
    image_bytes: bytes,
    *,
    max_pixels: int,
    min_frame: tuple[int, int] | None = None,
    timeout_s: float = DECODE_S,
) -> Picture:
    """Decode a picture of any supported format.

    max_pixels: limit of width times height. min_frame: (width, height) in px; a JPEG is decoded at
    the smallest DCT scale (1/2, 1/4, 1/8) at which it still fills this frame when fitted into it.
    Without it pixels are exact. timeout_s: after which decoding is given up, where the decoder can
    be stopped: JPEG, PNG and HEIC, whose time does not follow from the size alone.

    Raises UnsupportedImage, Undecodable, TooManyPixels.
    """
    image_format = sniff.picture_format(image_bytes)
    deadline = time.monotonic() + timeout_s
    with warnings.catch_warnings():  # Pillow warns of odd metadata, which spoils no pixels
        warnings.simplefilter("ignore")
        try:
            if image_format == "TIFF":
                return _decode_tiff(image_bytes, max_pixels, deadline)
            if image_format == "HEIF":
                return _decode_heif(image_bytes, max_pixels, deadline)
            if image_format == "WEBP":
                _check_size(sniff.webp_size(image_bytes), max_pixels)
                _check_size(sniff.webp_size(image_bytes), MAX_WEBP_PIXELS, "the WebP picture")
            stream = _read_pixels(image_format, image_bytes)
            _check_size(stream.size, max_pixels)
            if image_format == "JPEG":
                jpeg.check_scans(stream)
                return _decode_jpeg(stream, min_frame, deadline)
            return _upright(_load(image_format, stream, deadline), image_format, stream)
        except (TooManyPixels, Undecodable):
            raise
        except Exception as error:  # decoders raise a dozen types on broken files
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise Undecodable(
                f"the {image_format} picture is truncated, damaged or of a kind that is not read "
                f"({reason})"
            ) from error


def _read_pixels(image_format: str, image_bytes: bytes) -> PixelStream:
    """What the pixels need of a JPEG, PNG, WebP or BMP. Raises Undecodable."""
    if image_format == "JPEG":
        return jpeg.read_pixels(image_bytes)
    if image_format == "PNG":
        from handler.images import png

        return png.read_pixels(image_bytes)
    if image_format == "WEBP":
        from handler.images import webp

        return webp.read_pixels(image_bytes)
    return PixelStream(image_bytes, _open("BMP", io.BytesIO(image_bytes)).size)


def _load(image_format: str, stream: PixelStream, deadline: float) -> Image.Image:
    """The pixels of a PNG, WebP or BMP in any mode, not yet upright. Raises what Pillow raises."""
    if image_format == "BMP":
        from handler.images import bmp

        if bmp.is_run_length_encoded(stream.image_bytes):
            return bmp.decode_runs(stream.image_bytes, stream.size)
    image: Image.Image = _open(image_format, _TimedStream(stream.image_bytes, deadline))
    image.load()
    if image_format == "BMP" and image.mode == "RGBA" and image.getbbox() is None:
        image.putalpha(255)  # alpha 0 throughout: a file that does not use its fourth byte
    return image


def _decode_jpeg(
    stream: PixelStream, min_frame: tuple[int, int] | None, deadline: float
) -> Picture:
    frame = min_frame if min_frame is None or stream.orientation < 5 else min_frame[::-1]
    if stream.lacks_end:
        return _upright(_load_without_end(stream, frame, deadline), "JPEG", stream)
    return _upright(_load_jpeg(stream.image_bytes, frame, deadline), "JPEG", stream)


def _load_without_end(
    stream: PixelStream, frame: tuple[int, int] | None, deadline: float
) -> Image.Image:
    """The pixels of a JPEG without its end marker. Raises Undecodable if some are missing."""
    image_bytes, *others = jpeg.endings(stream)
    checksums = {_checksum(_load_jpeg(other, frame, deadline)) for other in others}
    image = _load_jpeg(image_bytes, frame, deadline)
    if checksums != {_checksum(image)}:
        raise Undecodable("the JPEG picture is truncated: some of its pixels are missing")
    return image


def _load_jpeg(image_bytes: bytes, frame: tuple[int, int] | None, deadline: float) -> Image.Image:
    """The pixels, at the smallest DCT scale that still fills the frame."""
    image = _open("JPEG", _TimedStream(image_bytes, deadline))
    if frame is not None:
        width, height = image.size
        max_reduction = max(1, width / frame[0], height / frame[1])
        reduction = next(step for step in (8, 4, 2, 1) if step <= max_reduction)
        image.draft(None, (max(1, width // reduction), max(1, height // reduction)))
    image.load()
    return image  # type: ignore[no-any-return]


def _decode_heif(image_bytes: bytes, max_pixels: int, deadline: float) -> Picture:
    from handler.images import heif

    size, image, orientation = heif.decode(image_bytes, max_pixels, deadline - time.monotonic())
    _check_size(size, max_pixels)
    orientation = orientation if orientation in range(1, 9) else 1
    return Picture(to_pixels(image), *size, "HEIF", orientation)


def _decode_tiff(image_bytes: bytes, max_pixels: int, deadline: float) -> Picture:
    from handler.images.tiff import decode as tiff

    rgb, orientation, notes = tiff.decode(image_bytes, max_pixels, deadline)
    return Picture(rgb, rgb.shape[1], rgb.shape[0], "TIFF", orientation, notes)


def _upright(image: Image.Image, image_format: str, stream: PixelStream) -> Picture:
    """The picture turned as its orientation says. Raises Undecodable.

    The caller keeps no other reference to the image, so that it is in memory once.
    """
    width, height = stream.size
    if stream.orientation > 1:
        image = image.transpose(_TRANSPOSE[stream.orientation])
    if stream.orientation >= 5:
        width, height = height, width
    return Picture(
        to_pixels(image),
        width,
        height,
        image_format,
        stream.orientation,
        stream.notes,
        stream.jpeg_quality,
    )


class _TimedStream(io.BytesIO):
    """A file in memory that is read no further once its time is up."""

    def __init__(self, image_bytes: bytes, deadline: float) -> None:
        super().__init__(image_bytes)
        self._deadline = deadline

    def read(self, size: int | None = -1) -> bytes:
        if time.monotonic() > self._deadline:
            raise Undecodable("the picture takes too long to decode; send it smaller")
        return super().read(size)


def _open(image_format: str, file: io.BytesIO) -> Any:
    """Pillow's file object for exactly this format; all but JPEG's are imported when needed."""
    if image_format == "JPEG":
        return JpegImagePlugin.JpegImageFile(file)
    if image_format == "PNG":
        from PIL import PngImagePlugin

        return PngImagePlugin.PngImageFile(file)
    if image_format == "WEBP":
        from PIL import WebPImagePlugin

        return WebPImagePlugin.WebPImageFile(file)
    from PIL import BmpImagePlugin

    return BmpImagePlugin.BmpImageFile(file)


def _check_size(size: tuple[int, int], max_pixels: int, what: str = "the picture") -> None:
    """Raises TooManyPixels, which names what is too large."""
    width, height = size
    if max(size) > MAX_SIDE_PX:
        raise TooManyPixels(
            f"{what} is {width} x {height} px; at most {MAX_SIDE_PX} are accepted on a side"
        )
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{what} is {width} x {height} px, {width * height / 1e6:.4g} megapixels; "
            f"at most {max_pixels / 1e6:.4g} are accepted"
        )


def _checksum(image: Image.Image) -> int:
    checksum = 0
    for band in bands(image):
        checksum = zlib.crc32(band.tobytes(), checksum)
    return checksum
