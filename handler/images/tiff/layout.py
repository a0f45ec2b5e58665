"""Read how the samples of a TIFF lie in its file, and refuse what is not read or too large.

All counts are bounded here, before anything loops over them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handler.images.tiff import tags
from handler.images.tiff.directory import Directory
from handler.problems import TooManyPixels, Undecodable

MAX_SIDE_PX = 65_535
MAX_SAMPLES = 8  # per pixel
MAX_SEGMENTS = 1 << 17  # strips and tiles of all planes
MAX_JPEG_SEGMENTS = 1 << 13  # each has headers of its own to be read
_SEGMENT_BYTES_PER_PX = 4  # of max_pixels; decompressed as a whole, a strip is twice in memory
MAX_GREY_BYTES = 1 << 27  # Pillow warns of grey pictures of 89 million pixels, refuses 179 million
_SMALL_PX = 1 << 22  # below, tiles may be mostly padding
_FAX = (2, 3, 4)
_COMPRESSIONS = (
    tags.NONE, tags.LZW, tags.JPEG, tags.DEFLATE, tags.OLD_DEFLATE, tags.PACKBITS, tags.LZMA,
    tags.ZSTD,
)  # fmt: skip
_OTHER_COMPRESSIONS = {
    6: "old-style JPEG", 9: "JBIG", 10: "JBIG", 32766: "NeXT", 32809: "ThunderScan",
    33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000",
    34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log", 34887: "LERC", 34892: "lossy JPEG",
    34933: "PNG", 22610: "JPEG XR", 34934: "JPEG XR", 50001: "WebP", 50002: "JPEG XL",
    52546: "JPEG XL",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layout:
    """How the samples of a picture lie in its file.

    width, height: px. samples: per pixel. bits: per sample, 1..16 or 32. planes: 1, or one for each
    sample. segment_width, segment_height: px of a strip or tile, offsets and byte_counts: of each,
    plane by plane, row by row. is_tiled: the last tiles are as large as the others.
    is_ycbcr_jpeg: whether its JPEGs are to be converted from YCbCr. subsampling: of YCbCr
    (horizontal, vertical), or none.
    """

    width: int
    height: int
    samples: int
    bits: int
    byte_order: str
    planes: int
    compression: int
    predictor: int
    is_bit_reversed: bool
    is_tiled: bool
    segment_width: int
    segment_height: int
    offsets: NDArray[np.int64]
    byte_counts: NDArray[np.int64]
    jpeg_tables: bytes = b""
    is_ycbcr_jpeg: bool = False
    subsampling: tuple[int, ...] = ()

    @property
    def across(self) -> int:
        return -(-self.width // self.segment_width)

    @property
    def down(self) -> int:
        return -(-self.height // self.segment_height)

    @property
    def samples_per_plane(self) -> int:
        return self.samples // self.planes

    @property
    def row_bytes(self) -> int:
        """Of a segment, once it is decompressed."""
        return (self.segment_width * self.samples_per_plane * self.bits + 7) // 8

    def rows_of(self, row: int) -> int:
        """Of the segments of this row of segments."""
        if self.is_tiled:
            return self.segment_height
        return min(self.segment_height, self.height - row * self.segment_height)


def read_layout(page: Directory, max_pixels: int) -> Layout:
    """Raises Undecodable, TooManyPixels."""
    width, height = page.number(tags.WIDTH, 0), page.number(tags.HEIGHT, 0)
    if width < 1 or height < 1:
        raise Undecodable("the TIFF picture is damaged: it does not say its size")
    _check_size(width, height, max_pixels, "the picture")
    compression = _read_compression(page)
    samples = page.number(tags.SAMPLES, 1)
    if not 1 <= samples <= MAX_SAMPLES:
        tags.refuse(f"{samples} samples per pixel")
    bits = _read_bits(page, samples)
    planar = page.number(tags.PLANAR, 1)
    if planar not in (1, 2):
        raise tags.damaged_in(tags.PLANAR)
    planes = samples if planar == 2 else 1
    photometric = page.number(tags.PHOTOMETRIC, -1)
    is_tiled = tags.TILE_WIDTH in page or tags.TILE_HEIGHT in page or tags.TILES in page
    if is_tiled:
        segment_width, segment_height = (
            page.number(tags.TILE_WIDTH, 0),
            page.number(tags.TILE_HEIGHT, 0),
        )
    else:
        segment_width, segment_height = width, min(height, page.number(tags.ROWS_PER_STRIP, height))
    if segment_width < 1 or segment_height < 1:
        raise Undecodable("the TIFF picture is damaged: it does not say the size of its tiles")
    if is_tiled:
        _check_size(segment_width, segment_height, max_pixels, "a tile of the picture")
    layout = Layout(
        width=width,
        height=height,
        samples=samples,
        bits=bits,
        byte_order=page.byte_order,
        planes=planes,
        compression=compression,
        predictor=page.number(tags.PREDICTOR, 1),
        is_bit_reversed=page.number(tags.FILL_ORDER, 1) == 2,
        is_tiled=is_tiled,
        segment_width=segment_width,
        segment_height=segment_height,
        offsets=np.empty(0, np.int64),
        byte_counts=np.empty(0, np.int64),
        jpeg_tables=page.data(tags.JPEG_TABLES, 1 << 16),
        is_ycbcr_jpeg=compression == tags.JPEG
        and photometric == tags.YCBCR
        and planes == 1
        and samples == 3,
        subsampling=tuple(page.numbers(tags.SUBSAMPLING, 2).tolist()),
    )
    _check_layout(layout, max_pixels)
    return _with_segments(page, layout)


def _check_size(width: int, height: int, max_pixels: int, what: str) -> None:
    """Raises TooManyPixels, which names what is too large."""
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{what} is {width} x {height} px, {width * height / 1e6:.4g} megapixels; "
            f"at most {max_pixels / 1e6:.4g} are accepted"
        )
    if max(width, height) > MAX_SIDE_PX:
        raise TooManyPixels(
            f"{what} is {width} x {height} px; at most {MAX_SIDE_PX} are accepted on a side"
        )


def _read_compression(page: Directory) -> int:
    """Raises Undecodable."""
    compression = page.number(tags.COMPRESSION, 1)
    if compression in _FAX:  # libtiff prints a line per bad row, millions of them
        raise Undecodable("fax compression in a TIFF is not read; save it with another")
    if compression not in _COMPRESSIONS:
        name = _OTHER_COMPRESSIONS.get(compression, f"number {compression}")
        tags.refuse(f"compression of the kind {name}")
    return compression


def _read_bits(page: Directory, samples: int) -> int:
    """Bits per sample. Raises Undecodable."""
    all_bits = page.numbers(tags.BITS, 64).tolist()[:samples] or [1]
    if len(set(all_bits)) > 1 or len(all_bits) not in (1, samples):
        tags.refuse(f"samples of {', '.join(map(str, all_bits))} bits")
    bits = int(all_bits[0])
    formats = set(page.numbers(tags.SAMPLE_FORMAT, 64).tolist()) or {1}
    if tags.FLOAT in formats:
        tags.refuse(f"floating-point values of {bits} bits, whose white nobody knows")
    if formats & set(tags.COMPLEX):
        tags.refuse("complex numbers")
    if formats - {1, 2, 4} or len(formats) > 1:
        raise tags.damaged_in(tags.SAMPLE_FORMAT)
    if 2 in formats and (bits not in (16, 32) or samples > 1):
        tags.refuse(f"signed values of {bits} bits")
    if not (1 <= bits <= 16 or (bits == 32 and samples == 1)):
        tags.refuse(f"values of {bits} bits")
    return bits


def _check_layout(layout: Layout, max_pixels: int) -> None:
    """Raises Undecodable, TooManyPixels."""
    padded = layout.across * layout.segment_width * layout.down * layout.segment_height
    if layout.is_tiled and padded > max(2 * layout.width * layout.height, _SMALL_PX, max_pixels):
        raise TooManyPixels(
            f"the picture is {layout.width} x {layout.height} px, but its tiles of "
            f"{layout.segment_width} x {layout.segment_height} px "
            f"hold {padded / 1e6:.4g} megapixels"
        )
    compressed = layout.compression != tags.NONE
    plane_bytes = layout.across * layout.row_bytes * layout.segment_height
    max_bytes = _SEGMENT_BYTES_PER_PX * max(max_pixels, 1000)
    if compressed and (
        layout.planes * plane_bytes > max_bytes
        or (plane_bytes > MAX_GREY_BYTES and layout.row_bytes % 4)
    ):
        raise TooManyPixels(
            f"the strips or tiles of the picture are of {plane_bytes / 1e6:.4g} MB, which is too "
            "much to be decompressed at once; save it in smaller ones or uncompressed"
        )
    if layout.predictor not in (1, 2):
        tags.refuse(f"predictor {layout.predictor}")
    if layout.predictor == 2 and compressed and layout.bits not in (8, 16, 32):
        tags.refuse(f"a predictor over samples of {layout.bits} bits")
    if layout.compression == tags.JPEG:
        if layout.bits != 8:
            tags.refuse(f"JPEG compression of {layout.bits} bits")
        if layout.samples_per_plane not in (1, 3, 4):
            tags.refuse(f"JPEG compression of {layout.samples_per_plane} samples per pixel")


def _with_segments(page: Directory, layout: Layout) -> Layout:
    """The layout with the places of its strips or tiles. Raises Undecodable."""
    count = layout.across * layout.down * layout.planes
    is_jpeg = layout.compression == tags.JPEG
    limit = MAX_JPEG_SEGMENTS if is_jpeg else MAX_SEGMENTS
    if count > limit:
        raise Undecodable(
            f"the TIFF picture is in {count} strips or tiles; at most {limit} are read; "
            "save it with more rows per strip"
        )
    offsets = page.numbers(
        tags.TILES if layout.is_tiled and tags.TILES in page else tags.STRIPS, 2 * limit
    )
    if len(offsets) < count:
        raise Undecodable("the TIFF picture is truncated: strips or tiles are missing")
    offsets = offsets[:count]
    if layout.compression == tags.NONE:  # their lengths follow from the size
        return _replaced(layout, offsets, offsets)
    byte_counts = page.numbers(
        tags.TILE_BYTES if layout.is_tiled and tags.TILE_BYTES in page else tags.STRIP_BYTES,
        2 * limit,
    )[:count]
    if len(byte_counts) == 0 and count == 1:
        byte_counts = len(page.image_bytes) - offsets
    if len(byte_counts) < count:
        raise Undecodable("the TIFF picture is truncated: the lengths of strips are missing")
    # Equal tiles may be stored once, but 6 MB may not be copied for each of 100,000 strips.
    decoded_bytes = layout.row_bytes * layout.segment_height * count
    if sum(byte_counts.tolist()) > len(page.image_bytes) + decoded_bytes:
        raise Undecodable("the TIFF picture is damaged: its strips or tiles are longer than it is")
    return _replaced(layout, offsets, byte_counts)


def _replaced(layout: Layout, offsets: NDArray[np.int64], byte_counts: NDArray[np.int64]) -> Layout:
    return Layout(**{**vars(layout), "offsets": offsets, "byte_counts": byte_counts})
