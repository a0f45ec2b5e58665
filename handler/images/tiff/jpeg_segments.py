"""Decode the strips or tiles of a TIFF that are JPEGs.

By Pillow's JPEG decoder, not by libtiff, which fills what is missing with grey and prints a line
for each. The TIFF says what the colours are, whatever markers the JPEGs have.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageChops, JpegImagePlugin

from handler.images import jpeg
from handler.images.tiff.layout import Layout
from handler.problems import Undecodable

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}  # by samples
_START = b"\xff\xd8"
_FOR_COLOUR = (0xE0, 0xEE)  # JFIF's and Adobe's markers
_SCAN = 0xDA


def decode(pieces: Sequence[bytes], layout: Layout, rows: int) -> Image.Image:
    """The JPEGs one above the other, in the mode of their samples; CMYK as the samples are.

    rows: of all together. Raises Undecodable.
    """
    mode = _MODES[layout.samples_per_plane]
    height = layout.segment_height
    if len(pieces) == 1:
        return _decode_one(pieces[0], layout, mode, rows)
    image = Image.new(mode, (layout.segment_width, rows))
    for top, piece in zip(range(0, rows, height), pieces, strict=True):
        image.paste(_decode_one(piece, layout, mode, min(height, rows - top)), (0, top))
    return image


def _decode_one(piece: bytes, layout: Layout, mode: str, rows: int) -> Image.Image:
    try:
        if layout.jpeg_tables and piece.startswith(_START):
            tables = layout.jpeg_tables.removeprefix(_START).removesuffix(jpeg.END_MARKER)
            piece = _START + tables + piece[2:]
        stream = jpeg.read_pixels(piece)
        jpeg.check_scans(stream._replace(size=(layout.width, layout.height)))
        width, height = stream.size
        if (
            stream.lacks_end
            or width != layout.segment_width
            or not rows <= height <= layout.segment_height
        ):
            raise Undecodable("a JPEG is cut off or of another size")
        image: Image.Image = JpegImagePlugin.JpegImageFile(
            io.BytesIO(_tell_colours(stream.image_bytes, layout))
        )
        if image.mode != mode:
            raise Undecodable("a JPEG has other colours")
        image.load()
    except Exception as error:  # Pillow raises many kinds
        reason = " ".join(str(error).split())[:200]
        raise Undecodable(
            f"the TIFF picture is truncated or damaged in its pixels ({reason})"
        ) from error
    if image.height > rows:
        image = image.crop((0, 0, image.width, rows))
    return ImageChops.invert(image) if mode == "CMYK" else image  # Pillow inverts as Adobe does


def _tell_colours(image_bytes: bytes, layout: Layout) -> bytes:
    """The JPEG with Adobe's marker in place of those that it has."""
    if layout.samples_per_plane == 1:
        return image_bytes
    adobe = b"\xff\xee\0\x0eAdobe\0d\0\0\0\0" + bytes([layout.is_ycbcr_jpeg])
    parts, offset = [_START + adobe], 2
    while (marker := image_bytes[offset + 1]) != _SCAN:
        end = offset + 2 + int.from_bytes(image_bytes[offset + 2 : offset + 4], "big")
        if marker not in _FOR_COLOUR:
            parts.append(image_bytes[offset:end])
        offset = end
    return b"".join((*parts, image_bytes[offset:]))
