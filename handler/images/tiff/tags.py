"""Numbers of TIFF's tags and of their values (TIFF 6.0), and how what is not read is refused."""

from __future__ import annotations

from typing import NoReturn

from handler.problems import Undecodable

SUBFILE_TYPE, OLD_SUBFILE_TYPE = 254, 255
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
FILL_ORDER, DESCRIPTION, ORIENTATION, SAMPLES, PLANAR, PREDICTOR = 266, 270, 274, 277, 284, 317
STRIPS, ROWS_PER_STRIP, STRIP_BYTES = 273, 278, 279
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES = 322, 323, 324, 325
MAX_SAMPLE_VALUE, COLOUR_MAP, SUB_DIRECTORIES, INK_SET = 281, 320, 330, 332
EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES = 338, 339, 347
SUBSAMPLING, REFERENCE_BLACK_WHITE = 530, 532

# Compression
NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 7, 8, 32946, 32773
LZMA, ZSTD = 34925, 50000
# Photometric interpretation
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
RAW_PHOTOMETRICS = (32803, 34892)  # colour filter array, linear raw
# Sample format
SIGNED, FLOAT, VOID, COMPLEX = 2, 3, 4, (5, 6)


def refuse(what: str) -> NoReturn:
    """Raises Undecodable, which names what is not read."""
    raise Undecodable(
        f"the TIFF picture has {what}, which is not read; "
        "save it as 8-bit RGB without compression, or as PNG"
    )


def damaged_in(tag: int) -> Undecodable:
    return Undecodable(f"the TIFF picture is damaged in its tag {tag}")
