"""Pictures of a given number of pixels in every format, in the kinds that take most memory.

Their content is plain, so that even 64 megapixels fit into a request: memory does not depend on it.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handler.images.decode import MAX_WEBP_PIXELS
from scripts.bench.fuzz.inputs.heic_grid import make_heic_grid
from scripts.bench.fuzz.inputs.seeds import make_png_chunk, make_tiff
from scripts.bench.memory.traffic import encode
from scripts.paths import SAMPLE

Maker = Callable[[int], bytes]  # of the side of a square, px
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip
_ROTATED = 6
_STRIP_ROWS = 64


def side_of(name: str, max_pixels: int) -> int:
    """Of the largest square accepted of this kind, px."""
    return math.isqrt(min(max_pixels, MAX_WEBP_PIXELS) if name.startswith("WebP") else max_pixels)


def _smooth(side: int, mode: str = "RGB") -> Image.Image:
    """What lossy formats keep small."""
    with Image.open(SAMPLE) as sample:
        return sample.convert(mode).resize((32, 32)).resize((side, side))


def _flat(side: int, mode: str = "RGB") -> Image.Image:
    """What lossless formats keep small."""
    with Image.open(SAMPLE) as sample:
        small = sample.convert("RGB").resize((32, 32)).convert(mode)
    if mode == "RGBA":
        small.putalpha(128)
    return small.resize((side, side), Image.Resampling.NEAREST)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = _ROTATED
    return exif


def _jpeg(mode: str = "RGB", **options: Any) -> Maker:
    return lambda side: encode(_smooth(side, mode), "JPEG", quality=40, **options)


def _png(bits: int, colour: int, *, interlaced: bool = False, rotated: bool = False) -> Maker:
    """colour: PNG's number of the kind."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]

    def make(side: int) -> bytes:
        head = struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, int(interlaced))
        chunks = [(b"IHDR", head)]
        if colour == 3:
            chunks += [(b"PLTE", bytes(range(96))), (b"tRNS", bytes(range(32)))]
        if rotated:
            chunks.append((b"eXIf", _exif().tobytes().removeprefix(b"Exif\0\0")))
        packer = zlib.compressobj(1)
        passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
        pixels = [
            packer.compress(bytes(1 + len(range(left, side, right)) * samples * bits // 8))
            for left, top, right, down in passes
            for _ in range(top, side, down)
        ]
        chunks += [(b"IDAT", b"".join([*pixels, packer.flush()])), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(make_png_chunk(*chunk) for chunk in chunks)

    return make


def _webp(mode: str = "RGB", **options: Any) -> Maker:
    def make(side: int) -> bytes:
        image = _flat(side, mode)
        if options.get("lossless"):  # it gains nothing from plain squares
            image = Image.new(mode, (side, side), image.getpixel((0, 0)))
        if options.get("save_all"):
            options["append_images"] = [_flat(side, mode)]
        return encode(image, "WEBP", method=0, quality=20, **options)

    return make


def _tiff(dtype: type, samples: int, value: int = 0, **options: Any) -> Maker:
    def make(side: int) -> bytes:
        pixels: NDArray[Any] = np.broadcast_to(dtype(value), (side, side, samples))
        layout = {"rows_per_strip": _STRIP_ROWS} | options
        if layout["rows_per_strip"] == 0:
            layout["rows_per_strip"] = side
        bits = pixels.dtype.itemsize * 8
        return make_tiff(pixels, bits=bits, compressed=True, **layout)

    return make


def _jpeg_in_tiff(side: int) -> bytes:
    return encode(_smooth(side), "TIFF", compression="jpeg", quality=40)


def _bmp_runs(side: int) -> bytes:
    row = b"".join(bytes((run, 7)) for run in _runs(side)) + b"\0\0"
    pixels = row * side + b"\0\1"
    palette = bytes(range(0, 256, 4)) * 16
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(pixels), 2835, 2835, 256, 0)
    offset = 14 + len(header) + len(palette)
    return (
        b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + header + palette + pixels
    )


def _runs(side: int) -> Iterator[int]:
    while side:
        yield min(255, side)
        side -= min(255, side)


PICTURES: dict[str, Maker] = {
    "JPEG": _jpeg(),
    "JPEG, progressive, 4:4:4": _jpeg(progressive=True, subsampling=0),
    "JPEG, progressive, 4:4:4, rotated": _jpeg(progressive=True, subsampling=0, exif=_exif()),
    "JPEG, progressive, CMYK": _jpeg("CMYK", progressive=True),
    "JPEG, progressive, without its end": lambda side: _jpeg(progressive=True)(side)[:-2],
    "PNG": _png(8, 2),
    "PNG, alpha, rotated": _png(8, 6, rotated=True),
    "PNG, palette with transparency": _png(8, 3),
    "PNG, 16 bits": _png(16, 2),
    "PNG, 16 bits grey": _png(16, 0),
    "PNG, 16 bits, alpha, interlaced, rotated": _png(16, 6, interlaced=True, rotated=True),
    "WebP": _webp(),
    "WebP, alpha, rotated": _webp("RGBA", exif=_exif()),
    "WebP, lossless, alpha": _webp("RGBA", lossless=True),
    "WebP, animated, alpha": _webp("RGBA", save_all=True),
    "TIFF": _tiff(np.uint8, 3),
    "TIFF, one strip": _tiff(np.uint8, 3, rows_per_strip=0),
    "TIFF, alpha, rotated": _tiff(np.uint8, 4, extra=((274, 3, (_ROTATED,)), (338, 3, (2,)))),
    "TIFF, planes of 16 bits, tiles": _tiff(np.uint16, 3, 60_000, planar=2, tile=256),
    "TIFF, 12 of 16 bits": _tiff(np.uint16, 3, 4000),
    "TIFF, 12 of 16 bits, 8 samples": _tiff(np.uint16, 8, 4000, extra=((338, 3, (0,) * 5),)),
    "TIFF, 12 of 32 bits grey": _tiff(np.uint32, 1, 4000, photometric=1),
    "TIFF, JPEG": _jpeg_in_tiff,
    "BMP, run lengths": _bmp_runs,
    "HEIC": make_heic_grid,
}
