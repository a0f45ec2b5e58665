"""Read the samples of a TIFF from its strips or tiles, whatever their layout.

Pillow's own TIFF reader mistakes planes, depths and byte orders. So only the compressed bytes go
through its libtiff: as a small TIFF made here, whose rows are plain bytes. Planes, packed bits,
byte order and predictors are undone in numpy. Memory: about 1 megapixel at a time, or one strip or
tile where that is larger.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.images.tiff import jpeg_segments, tags
from handler.images.tiff.layout import MAX_GREY_BYTES, Layout
from handler.problems import Undecodable

_WITH_PREDICTOR = (tags.LZW, tags.DEFLATE, tags.OLD_DEFLATE, tags.LZMA, tags.ZSTD)
_BAND_SAMPLES = 1 << 20
_MAX_COPY_BYTES = 1 << 25  # a larger decoded group is copied out in parts
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def read_bands(image_bytes: bytes, layout: Layout) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the top row and the samples of one band after another.

    The samples: (rows, width, samples), uint8, uint16 or uint32. Raises Undecodable.
    """
    row_samples = layout.across * layout.segment_width * layout.samples
    step = max(1, _BAND_SAMPLES // (row_samples * layout.segment_height))
    for first in range(0, layout.down, step):
        last = min(first + step, layout.down)
        planes = [
            _read_group(image_bytes, layout, plane, first, last) for plane in range(layout.planes)
        ]
        top = first * layout.segment_height
        for parts in zip(*planes, strict=True):
            rows = min(len(parts[0]), layout.height - top)
            if rows <= 0:
                break
            band = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
            yield top, band[:rows, : layout.width]
            top += rows


def _read_group(
    image_bytes: bytes, layout: Layout, plane: int, first: int, last: int
) -> Iterator[NDArray[Any]]:
    """The samples of some rows of segments of a plane, in one or several parts of rows."""
    across = layout.across
    start = (plane * layout.down + first) * across
    segments = range(start, start + (last - first) * across)
    heights = [layout.rows_of(row) for row in range(first, last)]
    part_rows = heights[0]
    if len(heights) == 1:  # it may be too large to be copied at once
        part_rows = max(1, _BAND_SAMPLES // (across * layout.segment_width))
    if layout.compression == tags.NONE:
        for top in range(0, heights[0], part_rows):
            part = range(top, min(top + part_rows, heights[0]))
            sizes = [len(part)] if len(heights) == 1 else heights
            raw = _read_plain(image_bytes, layout, segments, top, sizes)
            yield _arrange(_to_samples(raw, layout), across, sizes[0])
        return
    image = _decompress(image_bytes, layout, segments, sum(heights) * across)
    if image.width * image.height * len(image.getbands()) <= _MAX_COPY_BYTES:
        raw = np.asarray(image).reshape(image.height, -1)
        yield _arrange(_to_samples(raw, layout), across, heights[0])
        return
    for top in range(0, heights[0], part_rows):
        bottom = min(top + part_rows, heights[0])
        pieces = [
            np.asarray(image.crop((0, at + top, image.width, at + bottom)))
            for at in range(0, image.height, heights[0])
        ]
        raw = np.concatenate(pieces).reshape((bottom - top) * across, -1)
        yield _arrange(_to_samples(raw, layout), across, bottom - top)


def _arrange(samples: NDArray[Any], across: int, segment_height: int) -> NDArray[Any]:
    """Segments one above the other as (rows, width, samples), side by side as they belong."""
    if across == 1:
        return samples
    _, width, count = samples.shape
    grid = samples.reshape(-1, across, segment_height, width, count)
    return grid.transpose(0, 2, 1, 3, 4).reshape(-1, across * width, count)


def _read_plain(
    image_bytes: bytes, layout: Layout, segments: range, top: int, heights: Sequence[int]
) -> NDArray[np.uint8]:
    """Uncompressed segments from their row `top` on, as bytes (rows, row_bytes).

    heights: rows to read of the segments of each row of segments.
    """
    skip = top * layout.row_bytes
    starts = layout.offsets[segments.start : segments.stop].tolist()
    sizes = [rows * layout.row_bytes for rows in heights for _ in range(layout.across)]
    view = memoryview(image_bytes)
    raw = b"".join(view[at + skip : at + skip + n] for at, n in zip(starts, sizes, strict=True))
    if len(raw) < sum(sizes) or min(starts) <= 0:
        raise Undecodable("the TIFF picture is truncated: not all of its pixels are there")
    if layout.is_bit_reversed:
        raw = raw.translate(_REVERSED_BITS)
    return np.frombuffer(raw, np.uint8).reshape(-1, layout.row_bytes)


def _decompress(image_bytes: bytes, layout: Layout, segments: range, rows: int) -> Any:
    """Segments one above the other as a picture whose rows are bytes, or a JPEG's pixels."""
    from PIL import TiffImagePlugin

    offsets = layout.offsets[segments.start : segments.stop].tolist()
    byte_counts = layout.byte_counts[segments.start : segments.stop].tolist()
    pieces = [
        image_bytes[offset : offset + byte_count]
        for offset, byte_count in zip(offsets, byte_counts, strict=True)
    ]
    if 0 in byte_counts or 0 in offsets or sum(map(len, pieces)) < sum(byte_counts):
        raise Undecodable("the TIFF picture is truncated: not all of its pixels are there")
    if layout.compression == tags.JPEG:
        return jpeg_segments.decode(pieces, layout, rows)
    if layout.is_bit_reversed:
        pieces = [piece.translate(_REVERSED_BITS) for piece in pieces]
    width, photometric, mode = layout.row_bytes, 1, "L"
    if (
        width * rows > MAX_GREY_BYTES and width % 4 == 0
    ):  # as pictures of four bytes a pixel Pillow takes them
        width, photometric, mode = width // 4, 5, "CMYK"
    stream = io.BytesIO(_write_tiff(layout, pieces, (width, rows), photometric, mode))
    try:
        image = TiffImagePlugin.TiffImageFile(stream)
        image.load()
    except Exception as error:  # Pillow raises many kinds
        reason = " ".join(str(error).split())[:200]
        raise Undecodable(
            f"the TIFF picture is truncated or damaged in its pixels ({reason})"
        ) from error
    if image.size != (width, rows) or image.mode != mode:
        raise Undecodable("the TIFF picture is damaged: its pixels are of another size or kind")
    return image


def _write_tiff(
    layout: Layout,
    pieces: Sequence[bytes],
    size: tuple[int, int],
    photometric: int,
    mode: str,
) -> bytes:
    """A little-endian TIFF of these compressed strips, with no tag that is not needed."""
    samples = len(mode) if mode != "L" else 1
    lengths = [len(piece) for piece in pieces]
    starts = np.cumsum([8] + lengths[:-1]).tolist()
    values_by_tag: dict[int, tuple[int, ...]] = {
        256: size[:1],
        257: size[1:],
        258: (8,) * samples,
        259: (layout.compression,),
        262: (photometric,),
        273: tuple(starts),
        277: (samples,),
        278: (layout.segment_height,),
        279: tuple(lengths),
    }
    pixels = b"".join(pieces)
    values = b""
    values_start = 8 + len(pixels) + (len(pixels) & 1)
    entries = []
    for tag, numbers in values_by_tag.items():
        code, field_type = ("H", 3) if tag in (258, 259, 262, 277) else ("I", 4)
        packed = struct.pack(f"<{len(numbers)}{code}", *numbers)
        if len(packed) > 4:
            where = struct.pack("<I", values_start + len(values))
            values += packed + b"\0" * (len(packed) & 1)
        else:
            where = packed.ljust(4, b"\0")
        entries.append(struct.pack("<HHI", tag, field_type, len(numbers)) + where)
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    padding = bytes(values_start - 8 - len(pixels))
    values += b"\0" * (len(values) & 1)
    head = b"II*\0" + struct.pack("<I", values_start + len(values))
    return b"".join((head, pixels, padding, values, directory))


def _to_samples(raw: NDArray[np.uint8], layout: Layout) -> NDArray[Any]:
    """Bytes (rows, row_bytes) as samples (rows, width, samples), the predictor undone."""
    shape = (len(raw), layout.segment_width, layout.samples_per_plane)
    if layout.compression == tags.JPEG:
        return raw.reshape(shape)
    bits = layout.bits
    if bits < 8 or bits not in (8, 16, 32):
        return _unpack(raw, shape[1] * shape[2], bits).reshape(shape)
    dtype = np.dtype(f"{layout.byte_order}u{bits // 8}")
    samples = np.ascontiguousarray(raw).view(dtype).reshape(shape)
    samples = samples.astype(dtype.newbyteorder("="), copy=False)
    if layout.predictor == 2 and layout.compression in _WITH_PREDICTOR:
        return np.cumsum(samples, axis=1, dtype=samples.dtype)
    return samples


def _unpack(raw: NDArray[np.uint8], count: int, bits: int) -> NDArray[Any]:
    """Samples of 1 to 15 bits, packed from the most significant bit on; rows begin at a byte."""
    if bits == 1:
        return np.unpackbits(raw, axis=1, count=count)
    if bits in (2, 4):
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        parts = raw[:, :, None] >> shifts & ((1 << bits) - 1)
        return parts.reshape(len(raw), -1)[:, :count]
    if bits == 12 and count % 2 == 0:
        first, middle, last = (raw[:, at : 3 * count // 2 : 3].astype(np.uint16) for at in range(3))
        pairs = np.empty((len(raw), count // 2, 2), np.uint16)
        pairs[..., 0] = first << 4 | middle >> 4
        pairs[..., 1] = (middle & 15) << 8 | last
        return pairs.reshape(len(raw), count)
    padded = np.zeros((len(raw), raw.shape[1] + 3), np.uint8)
    padded[:, : raw.shape[1]] = raw
    starts = np.arange(count) * bits
    byte = starts // 8
    three = (
        padded[:, byte].astype(np.uint32) << 16
        | padded[:, byte + 1].astype(np.uint32) << 8
        | padded[:, byte + 2]
    )
    shifts_right = (24 - bits - starts % 8).astype(np.uint32)
    return (three >> shifts_right & ((1 << bits) - 1)).astype(np.uint16)
