"""Small pictures of every format and kind that the handler reads, as files: the fuzzer's seeds."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

WIDTH, HEIGHT = 24, 18
# 64 x 48 px in two colours, with EXIF and a rotation; our pi-heif reads only, pillow-heif wrote it.
_HEIC = Path(__file__).with_name("seed.heic")
_CODES = {1: "B", 3: "H", 4: "L"}  # of a TIFF entry's types, for struct
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


@functools.cache
def seed_pictures() -> dict[str, bytes]:
    """Files by what they are; the name begins with the format."""
    return {**_jpegs(), **_pngs(), **_webps(), **_bmps(), **_tiffs(), **_others()}


def make_png_chunk(kind: bytes, body: bytes) -> bytes:
    crc = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def make_tiff(
    samples: NDArray[Any],
    *,
    bits: int = 8,
    photometric: int = 2,
    order: str = "<",
    planar: int = 1,
    tile: int = 0,
    rows_per_strip: int = 7,
    compressed: bool = False,
    extra: tuple[tuple[int, int, tuple[int, ...]], ...] = (),
) -> bytes:
    """A TIFF of any layout. samples: (height, width, count). tile: side in px, 0 for strips.
    extra: further (tag, type, values)."""
    height, width, count = samples.shape
    planes = np.moveaxis(samples, 2, 0)[..., None] if planar == 2 else samples[None]
    pieces: list[bytes] = []
    for plane in planes:
        if tile:
            padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
            for top in range(0, height, tile):
                for left in range(0, width, tile):
                    pieces.append(_pack(padded[top : top + tile, left : left + tile], bits, order))
        else:
            for top in range(0, height, rows_per_strip):
                pieces.append(_pack(plane[top : top + rows_per_strip], bits, order))
    if compressed:
        pieces = [zlib.compress(piece) for piece in pieces]
    offsets, at = [], 8
    for piece in pieces:
        offsets.append(at)
        at += len(piece)
    kind = samples.dtype.kind
    sample_format = {"u": 1, "i": 2, "f": 3}[kind]
    tags: list[tuple[int, int, tuple[int, ...]]] = [
        (256, 3, (width,)), (257, 3, (height,)), (258, 3, (bits,) * count),
        (259, 3, (8 if compressed else 1,)), (262, 3, (photometric,)), (277, 3, (count,)),
        (284, 3, (planar,)), (339, 3, (sample_format,) * count), *extra,
    ]  # fmt: skip
    if tile:
        tags += [(322, 3, (tile,)), (323, 3, (tile,))]
    else:
        tags += [(278, 3, (rows_per_strip,))]
    tags += [
        (324 if tile else 273, 4, tuple(offsets)),
        (325 if tile else 279, 4, tuple(map(len, pieces))),
    ]
    return _tiff_file(b"".join(pieces), sorted(tags), order)


def _tiff_file(pixels: bytes, tags: list[tuple[int, int, tuple[int, ...]]], order: str) -> bytes:
    start = 8 + len(pixels) + len(pixels) % 2
    outside_at = start + 2 + 12 * len(tags) + 4
    entries, outside = b"", b""
    for tag, kind, values in tags:
        value = struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
        if len(value) > 4:
            place = struct.pack(f"{order}L", outside_at + len(outside))
            outside += value + bytes(len(value) % 2)
        else:
            place = value.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHL", tag, kind, len(values)) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", start)
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    return head + pixels + bytes(len(pixels) % 2) + directory + outside


def _pack(samples: NDArray[Any], bits: int, order: str) -> bytes:
    """Rows of samples, each row padded to a byte; bits may be of any number."""
    if bits in (8, 16, 32, 64):
        return samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    rows = samples.reshape(samples.shape[0], -1).astype(np.uint32)
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint32)
    return np.packbits((rows[..., None] >> shifts & 1).reshape(len(rows), -1), axis=1).tobytes()


def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@functools.cache
def _rgb() -> NDArray[np.uint8]:
    noise = np.random.default_rng(3).integers(0, 60, (HEIGHT, WIDTH, 3))
    ramp = np.linspace(0, 190, WIDTH)[None, :, None] * np.array([1, 0.5, 0.2])
    return (noise + ramp).clip(0, 255).astype(np.uint8)


def _image(mode: str = "RGB") -> Image.Image:
    image = Image.fromarray(_rgb()).convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(_rgb()[..., 1]))
    return image


def _exif(orientation: int = 6) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112], tags[0x010F], tags[0x0132] = orientation, "maker", "2024:01:01 00:00:00"
    tags.get_ifd(0x8769)[0x9286] = b"comment" * 9
    return tags


def _jpegs() -> dict[str, bytes]:
    icc = bytes(range(256)) * 300  # more than one segment holds
    baseline = _encode(_image(), "JPEG", quality=80)
    return {
        "jpeg": baseline,
        "jpeg-no-eoi": baseline[:-2],
        "jpeg-trailer": baseline + b"\0trailer" * 9,
        "jpeg-progressive": _encode(_image(), "JPEG", progressive=True),
        "jpeg-grey": _encode(_image("L"), "JPEG"),
        "jpeg-cmyk": _encode(_image("CMYK"), "JPEG"),
        "jpeg-444": _encode(_image(), "JPEG", subsampling=0, quality=100),
        "jpeg-411": _encode(_image(), "JPEG", subsampling=2, optimize=True),
        "jpeg-exif": _encode(_image(), "JPEG", exif=_exif(), comment=b"words"),
        "jpeg-icc": _encode(_image(), "JPEG", icc_profile=icc),
        "jpeg-restarts": _encode(_image(), "JPEG", restart_marker_blocks=1),
        "jpeg-mpo": _encode(_image(), "MPO", save_all=True, append_images=[_image()]),
    }


def _pngs() -> dict[str, bytes]:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "words")
    text.add_text("Long", "words " * 400, zip=True)
    text.add_itxt("Comment", "日本語", "ja", "タイトル")
    grey_16 = Image.fromarray(_rgb()[..., 0].astype(np.uint16) * 257)
    palette = _image().quantize(16)
    pngs = {
        "png-rgb": _encode(_image(), "PNG"),
        "png-rgba": _encode(_image("RGBA"), "PNG"),
        "png-la": _encode(_image("LA"), "PNG"),
        "png-grey": _encode(_image("L"), "PNG"),
        "png-1-bit": _encode(_image("1"), "PNG"),
        "png-grey16": _encode(grey_16, "PNG"),
        "png-palette": _encode(palette, "PNG", transparency=b"\0\x7f"),
        "png-palette2": _encode(_image().quantize(4), "PNG", bits=2),
        "png-trns": _encode(_image(), "PNG", transparency=(10, 20, 30)),
        "png-grey-trns": _encode(_image("L"), "PNG", transparency=7),
        "png-text": _encode(_image(), "PNG", pnginfo=text, exif=_exif(3), icc_profile=b"p" * 400),
        "png-animated": _encode(_image(), "PNG", save_all=True, append_images=[_image("L")]),
    }
    for depth, colour, channels in ((8, 0, 1), (8, 2, 3), (16, 2, 3), (16, 6, 4), (8, 6, 4)):
        pngs[f"png-interlaced-{depth}-{colour}"] = _interlaced(depth, colour, channels)
    return pngs


def _interlaced(depth: int, colour: int, channels: int) -> bytes:
    pixels = np.repeat(_rgb()[..., :1], channels, axis=2)
    if depth == 16:
        pixels = pixels.astype(">u2") * 257
    rows = b"".join(
        b"\0" + row.tobytes()
        for left, top, step_x, step_y in _ADAM7
        for row in pixels[top::step_y, left::step_x]
        if row.size
    )
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, 1)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(make_png_chunk(*chunk) for chunk in chunks)


def _webps() -> dict[str, bytes]:
    frames = {"save_all": True, "append_images": [_image(), _image("RGBA")], "duration": 100}
    return {
        "webp-lossy": _encode(_image(), "WEBP"),
        "webp-lossless": _encode(_image(), "WEBP", lossless=True),
        "webp-alpha": _encode(_image("RGBA"), "WEBP"),
        "webp-alpha-lossless": _encode(_image("RGBA"), "WEBP", lossless=True),
        "webp-exif": _encode(_image(), "WEBP", exif=_exif(), icc_profile=b"p" * 300, xmp=b"<x/>"),
        "webp-animated": _encode(_image(), "WEBP", **frames),
    }


def _bmp(
    bits: int, compression: int, pixels: bytes, *, head: bytes = b"", colours: int = 0
) -> bytes:
    palette = bytes(range(0, 256, 4)) * 16
    table = palette[: 4 * colours]
    header_bytes = 40 + len(head)
    offset = 14 + header_bytes + len(table)
    header = struct.pack("<IiiHHIIiiII", header_bytes, WIDTH, HEIGHT, 1, bits, compression,
                         len(pixels), 2835, 2835, colours, 0)  # fmt: skip
    size = offset + len(pixels)
    return b"BM" + struct.pack("<IHHI", size, 0, 0, offset) + header + head + table + pixels


def _bmps() -> dict[str, bytes]:
    rgb = _rgb()
    words = (
        rgb[..., 0].astype("<u2") >> 3 << 11 | rgb[..., 1] >> 2 << 5 | rgb[..., 2] >> 3
    ).astype("<u2")
    alpha = np.dstack([rgb[..., ::-1], np.full((HEIGHT, WIDTH), 255, np.uint8)])
    clear = alpha * np.array([1, 1, 1, 0], np.uint8)
    masks_565 = struct.pack("<III", 0xF800, 0x07E0, 0x1F)
    masks_v4 = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    rle8 = b"".join(bytes((WIDTH, row)) + b"\0\0" for row in range(HEIGHT)) + b"\0\1"
    rle8_mixed = b"\0\5abcde\0" + b"\4\7" + b"\0\2\3\1" + b"\0\0" * 3 + b"\0\1"
    os2 = (
        b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    )
    return {
        "bmp-24": _encode(_image(), "BMP"),
        "bmp-8": _encode(_image("L"), "BMP"),
        "bmp-1": _encode(_image("1"), "BMP"),
        "bmp-4": _bmp(4, 0, bytes(range(12)) * HEIGHT, colours=16),
        "bmp-16": _bmp(16, 0, words.tobytes()),
        "bmp-565": _bmp(16, 3, words.tobytes(), head=masks_565),
        "bmp-32": _bmp(32, 0, alpha.tobytes()),
        "bmp-32-alpha": _bmp(32, 3, alpha.tobytes(), head=masks_v4),
        "bmp-32-alpha-0": _bmp(32, 3, clear.tobytes(), head=masks_v4),
        "bmp-rle8": _bmp(8, 1, rle8, colours=256),
        "bmp-rle8-mixed": _bmp(8, 1, rle8_mixed, colours=256),
        "bmp-rle4": _bmp(4, 2, rle8, colours=16),
        "bmp-os2": os2 + rgb.tobytes(),
    }  # fmt: skip


def _tiffs() -> dict[str, bytes]:
    rgb, grey = _rgb(), _rgb()[..., :1]
    wide = rgb.astype(np.uint16) * 257
    twelve = grey.astype(np.uint16) * 16
    palette = ((320, 3, tuple(range(0, 65536, 257)) * 3),)
    tiffs = {
        "tiff-rgb": make_tiff(rgb),
        "tiff-rgb-be": make_tiff(rgb, order=">"),
        "tiff-rgb-deflate": make_tiff(rgb, compressed=True),
        "tiff-rgb-planar": make_tiff(rgb, planar=2),
        "tiff-rgb16": make_tiff(wide, bits=16),
        "tiff-rgb16-planar": make_tiff(wide, bits=16, planar=2),
        "tiff-rgb16-planar-be": make_tiff(wide, bits=16, planar=2, order=">"),
        "tiff-rgb16-planar-tiled": make_tiff(wide, bits=16, planar=2, tile=16, compressed=True),
        "tiff-rgb-tiled": make_tiff(rgb, tile=16),
        "tiff-grey": make_tiff(grey, photometric=1),
        "tiff-grey-inverted": make_tiff(grey, photometric=0),
        "tiff-grey16": make_tiff(wide[..., :1], bits=16, photometric=1),
        "tiff-grey16-inverted": make_tiff(wide[..., :1], bits=16, photometric=0),
        "tiff-grey12": make_tiff(twelve, bits=12, photometric=1),
        "tiff-grey12-in-16": make_tiff(twelve, bits=16, photometric=1),
        "tiff-grey10": make_tiff(twelve >> 2, bits=10, photometric=1),
        "tiff-float": make_tiff(grey.astype(np.float32) / 255, bits=32, photometric=1),
        "tiff-uint32": make_tiff(grey.astype(np.uint32), bits=32, photometric=1),
        "tiff-int16": make_tiff(grey.astype(np.int16), bits=16, photometric=1),
        "tiff-1-bit": make_tiff(grey >> 7, bits=1, photometric=1),
        "tiff-4-bit": make_tiff(grey >> 4, bits=4, photometric=1),
        "tiff-palette": make_tiff(grey, photometric=3, extra=palette),
        "tiff-rgba": make_tiff(np.dstack([rgb, grey]), extra=((338, 3, (2,)),)),
        "tiff-cmyk": make_tiff(np.dstack([rgb, grey]), photometric=5),
        "tiff-orientation": make_tiff(rgb, extra=((274, 3, (6,)),)),
        "tiff-thumbnail": make_tiff(rgb, extra=((254, 4, (1,)),)),
        "tiff-pages": _encode(_image(), "TIFF", save_all=True, append_images=[_image("L")] * 2),
        "tiff-big": _encode(_image(), "TIFF", big_tiff=True),
    }
    for compression in ("tiff_lzw", "packbits", "jpeg", "group4"):
        image = _image("1" if compression == "group4" else "RGB")
        tiffs[f"tiff-{compression}"] = _encode(image, "TIFF", compression=compression)
    return tiffs


def _others() -> dict[str, bytes]:
    """HEIC, a format that is refused, and sizes that letterbox, tiles and drawing find hard."""
    sizes = ((1, 1), (1, 3000), (3000, 1), (2, 700), (1300, 30))
    return {
        "heic": _HEIC.read_bytes(),
        "gif": _encode(_image(), "GIF"),
        **{f"png-{w}x{h}": _encode(_image().resize((w, h)), "PNG") for w, h in sizes},
        **{f"jpeg-{w}x{h}": _encode(_image().resize((w, h)), "JPEG") for w, h in sizes},
    }
