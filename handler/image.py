"""Untrusted bytes in, upright RGB pixels out.

The content decides what a picture is, not its label. Every size in the file is checked before its pixels are decoded:
memory peaks at about 20 bytes per px of `max_pixels` for WebP, 8 for JPEG, less for most others. Of an animation the
first frame counts. Colour profiles are not applied: detectors are trained on plain pixel values.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from handler.problems import TooManyPixels, Undecodable, UnsupportedImage

READABLE = "JPEG, PNG, WebP, TIFF, BMP or HEIC"
MAX_JPEG_SCANS = 64  # real ones have about ten; each is one more pass over all pixels
_BAND_PX = (
    1 << 20
)  # converted at a time, so that what lies between the decoder's pixels and ours stays small
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_PLAIN_MODES = ("RGB", "RGBX", "L", "1", "P", "CMYK", "YCbCr")
_CLEAR_MODES = ("RGBA", "RGBa", "LA", "PA")  # and any with a transparent colour or palette
_GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_TO_8_BITS = ((np.arange(1 << 16) * 255 + 32767) // 65535).astype(np.uint8)
_ORIENTATION_TAG = 0x0112
_TILE_TAGS = (0x0142, 0x0143)  # TIFF's TileWidth, TileLength
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LOOKS = (
    (b"GIF8", "a GIF"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"\0\0\x01\xba", "a video"),
    (b"FLV\x01", "a video"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"8BPS", "a Photoshop file"),
)


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
    with warnings.catch_warnings():  # Pillow warns of odd metadata: nobody here can mend it
        warnings.simplefilter("ignore")
        try:
            image, size, orientation = _load(kind, data, max_pixels, at_least)
        except (TooManyPixels, Undecodable):
            raise
        except Exception as error:  # decoders raise a dozen kinds on broken files
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise Undecodable(
                f"the {kind} picture cannot be decoded, it is truncated, damaged or of a rare kind: {reason}"
            ) from error
        return Picture(_pixels(image), *size, kind, orientation)


def sniff(data: bytes) -> str:
    """The picture's format by its first bytes. Raises UnsupportedImage, naming what it looks like instead."""
    head = data[:12]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF"
    if head[:2] == b"BM":
        return "BMP"
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS:
        return "HEIF"
    raise UnsupportedImage(f"expected {READABLE}; {_looks_like(data)}")


def _looks_like(data: bytes) -> str:
    if not data:
        return "the body is empty"
    head = data[:1024]
    for mark, name in _LOOKS:
        if head.startswith(mark):
            return f"this looks like {name}"
    if head[4:8] == b"ftyp":
        return "this looks like " + ("an AVIF picture" if head[8:11] == b"avi" else "a video")
    if head[:4] == b"RIFF":
        return "this looks like " + ("a video" if head[8:11] == b"AVI" else "a sound")
    lower = head.lower()
    start = lower.lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"<svg" in lower:
        return "this looks like an SVG drawing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "this looks like an HTML page"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "this looks like text"
    return f"these bytes start with {data[:8].hex(' ')}"


def _load(
    kind: str, data: bytes, max_pixels: int, at_least: tuple[int, int] | None
) -> tuple[Image.Image, tuple[int, int], int]:
    """The loaded upright image of any mode, the upright original's size, and the EXIF orientation."""
    if kind == "WEBP":  # its decoder allocates the canvas on opening
        _check_size(_webp_size(data), max_pixels)
    if kind == "JPEG" and data.count(b"\xff\xda") > MAX_JPEG_SCANS < (scans := _jpeg_scans(data)):
        raise Undecodable(f"the JPEG has {scans} scans; at most {MAX_JPEG_SCANS} are read")
    image = _open(kind, data)
    _check_size(image.size, max_pixels)
    if kind == "TIFF":  # a tile is decoded whole, however little of it the picture needs
        _check_size(
            (image.tag_v2.get(_TILE_TAGS[0], 1), image.tag_v2.get(_TILE_TAGS[1], 1)), max_pixels
        )
    if kind == "PNG":
        image.load()  # its EXIF may follow the pixels
    orientation = _orientation(image)
    size: tuple[int, int] = image.size
    if kind == "JPEG" and at_least is not None:
        frame = at_least if orientation < 5 else at_least[::-1]
        spare = max(size[0] / frame[0], size[1] / frame[1])
        reduction = next(step for step in (8, 4, 2, 1) if step <= max(1, spare))
        image.draft(None, (max(1, size[0] // reduction), max(1, size[1] // reduction)))
    image.load()
    if kind != "JPEG":
        size = image.size
    if orientation > 1 and kind not in ("TIFF", "HEIF"):  # these two are upright by now
        image = image.transpose(_TRANSPOSE[orientation])
        size = size if orientation < 5 else size[::-1]
    return image, size, orientation


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
    import pi_heif  # decodes only, LGPL; turns the picture as its container says, whatever its EXIF says

    return pi_heif.HeifImageFile(stream)


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooManyPixels(
            f"the picture is {width} x {height} px, {width * height / 1e6:.4g} megapixels; at most "
            f"{max_pixels / 1e6:.4g} are accepted"
        )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas width and height from a WebP's first chunk (RFC 9649)."""
    chunk, body = data[12:16], data[20:30]
    if len(body) == 10 and chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if len(body) == 10 and chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if len(body) == 10 and chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(
            body[8:10], "little"
        ) & 0x3FFF
    raise Undecodable("the WEBP picture is truncated or does not start with a VP8 chunk")


def _jpeg_scans(data: bytes) -> int:
    """How many scans a JPEG has, up to its end marker: a phone may hang a video behind it."""
    scans, at = 0, 2
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 3:
        marker = data[at + 1]
        if marker == 0xD9:
            break
        if (
            marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8
        ):  # stuffing, padding, restarts: no length
            at += 1 if marker == 0xFF else 2
            continue
        scans += marker == 0xDA
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return scans


def _orientation(image: Any) -> int:
    """The EXIF orientation, 1 where there is none or it cannot be read: the pixels are still good."""
    try:
        found = image.info.get("original_orientation") or image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # EXIF is a TIFF of its own, and as often broken
        return 1
    return found if found in _TRANSPOSE else 1


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """A loaded image of any mode as uint8 (h, w, 3). Raises Undecodable for pixels that have no plain meaning."""
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
    if image.mode in _GREY_16:
        grey = np.asarray(image)
        if image.mode == "I" and (grey.min() < 0 or grey.max() > 65535):
            raise Undecodable(
                "grey values beyond 16 bits are not read; save the picture with 8 or 16 bits"
            )
        eight = _TO_8_BITS[grey]
        clear = image.info.get("transparency")
        return Image.fromarray(
            eight if clear is None else np.where(grey == clear, 255, eight)
        ).convert("RGB")
    if image.mode in _CLEAR_MODES or (image.mode in _PLAIN_MODES and "transparency" in image.info):
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    if image.mode in _PLAIN_MODES:
        return image.convert("RGB")
    raise Undecodable(
        f"pixels of Pillow's mode {image.mode} are not read; save the picture as 8-bit RGB"
    )
