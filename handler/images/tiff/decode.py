"""Decode a TIFF, the format of microscopes and scanners, into upright RGB pixels.

What is not surely understood is refused in words that name it: a picture decoded wrongly would be
counted wrongly, with no error.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.images.tiff import tags
from handler.images.tiff.colours import Colours, read_colours, to_rgb
from handler.images.tiff.directory import Directory, read_directories
from handler.images.tiff.layout import MAX_SAMPLES, Layout, read_layout
from handler.images.tiff.pages import choose_page, lenient_number
from handler.images.tiff.segments import read_bands
from handler.problems import Undecodable

_CAMERA_BITS = (8, 10, 12, 14)
_OF_CAMERAS = (tags.WHITE_IS_ZERO, tags.BLACK_IS_ZERO, tags.RGB)
_LARGEST_VALUES = [(1 << bits) - 1 for bits in (*range(8, 15), 16)]
_Band = tuple[int, NDArray[Any]]  # the top row and the samples
_OME_BITS = re.compile(rb'\bSignificantBits="(\d{1,2})"')


def decode(
    image_bytes: bytes, max_pixels: int, deadline: float
) -> tuple[NDArray[np.uint8], int, tuple[str, ...]]:
    """Returns the upright pixels, uint8 (h, w, 3), the orientation 1..8, and notes on what was
    chosen or scaled.

    deadline: of time.monotonic(), after which decoding is given up.

    Raises Undecodable, TooManyPixels.
    """
    directories = read_directories(image_bytes)
    page, page_notes = choose_page(image_bytes, directories)
    layout = read_layout(page, max_pixels)
    colours, colour_notes = read_colours(page, layout)
    rgb, value_notes = _read_pixels(image_bytes, page, layout, colours, deadline)
    orientation = _read_orientation(page, directories.pages[0])
    return _turn(rgb, orientation), orientation, (*page_notes, *colour_notes, *value_notes)


def _read_pixels(
    image_bytes: bytes, page: Directory, layout: Layout, colours: Colours, deadline: float
) -> tuple[NDArray[np.uint8], list[str]]:
    """The pixels as they lie in the file, and notes. Raises Undecodable."""

    def bands() -> Iterator[_Band]:
        for top, samples in read_bands(image_bytes, layout):
            if time.monotonic() > deadline:
                raise Undecodable("the picture takes too long to decode; send it smaller")
            # those beyond alpha are not looked at, and the whole picture may be kept
            yield top, np.ascontiguousarray(samples[..., : colours.samples + 1])

    stated_bits = full_bits = layout.bits
    if layout.bits in (16, 32) and colours.photometric in _OF_CAMERAS:
        is_signed = tags.SIGNED in page.numbers(tags.SAMPLE_FORMAT, 64)
        full_bits = min(16, layout.bits - is_signed)
        stated_bits = _read_stated_bits(page)
    source = bands()
    bits = stated_bits
    seen: list[_Band] = []
    if not stated_bits:
        bits, seen = _find_bits(source, page, colours, full_bits)
    rgb = np.empty((layout.height, layout.width, 3), np.uint8)
    first = replace(colours, bits=bits, alpha_bits=bits)
    largest, largest_alpha = _convert(chain(seen, source), first, full_bits, rgb)
    if largest >= 1 << bits:  # more than the file says
        stated_bits, (bits, _) = 0, _find_bits(bands(), page, colours, full_bits)
    alpha = colours.alpha
    if alpha == "transparent" and largest_alpha == 0 and tags.EXTRA_SAMPLES not in page:
        alpha = "ignored"  # nothing says that the fourth sample is transparency: it would hide all
    alpha_bits = bits if largest_alpha < 1 << bits else full_bits
    if (bits, alpha_bits, alpha) != (first.bits, first.alpha_bits, first.alpha):
        second = replace(colours, bits=bits, alpha_bits=alpha_bits, alpha=alpha)
        _convert(bands(), second, full_bits, rgb)
    if bits == full_bits:
        return rgb, []
    guess = "" if stated_bits else f" (a guess: none exceeds {(1 << bits) - 1})"
    return rgb, [f"{bits}-bit values in a {layout.bits}-bit TIFF, scaled{guess}"]


def _find_bits(
    bands: Iterator[_Band], page: Directory, colours: Colours, full_bits: int
) -> tuple[int, list[_Band]]:
    """The fewest bits of a camera that hold all values, and the bands that were looked through.

    Raises Undecodable.
    """
    largest, seen = 0, []
    for top, samples in bands:
        seen.append((top, samples))
        largest = max(largest, int(samples[..., : colours.samples].max()))
        if largest >= 1 << _CAMERA_BITS[-1]:
            return full_bits, seen
    largest_stated = max((0, *page.numbers(tags.MAX_SAMPLE_VALUE, MAX_SAMPLES)))
    for bits in _CAMERA_BITS:
        if largest > 0 and max(largest, largest_stated) < 1 << bits:
            return bits, seen
    return full_bits, seen


def _convert(
    bands: Iterable[_Band],
    colours: Colours,
    full_bits: int,
    rgb: NDArray[np.uint8],
) -> tuple[int, int]:
    """Fill `rgb`; the largest value of the colours and of alpha. Raises Undecodable."""
    count = colours.samples
    largest = largest_alpha = 0
    for top, samples in bands:
        largest = max(largest, int(samples[..., :count].max()))
        if largest >= 1 << full_bits:  # negative ones among them
            raise Undecodable(
                "the TIFF picture has values beyond 16 bits or below 0, which are not read; "
                "save it with 8 or 16 bits, unsigned"
            )
        if samples.shape[2] > count:
            largest_alpha = max(largest_alpha, int(samples[..., count].max()))
        rgb[top : top + len(samples)] = to_rgb(samples, colours)
    return largest, largest_alpha


def _read_stated_bits(page: Directory) -> int:
    """The bits that the values fill as the file says, 0 if it does not. Raises Undecodable."""
    largest = max((0, *page.numbers(tags.MAX_SAMPLE_VALUE, MAX_SAMPLES)))
    if largest in _LARGEST_VALUES:
        return int(largest).bit_length()
    stated = _OME_BITS.search(page.text(tags.DESCRIPTION))
    return int(stated[1]) if stated and 8 <= int(stated[1]) <= 16 else 0


def _read_orientation(page: Directory, first_page: Directory) -> int:
    """A raw converter's sub-directory is turned as the first page says."""
    for directory in (page, first_page):
        if tags.ORIENTATION in directory:
            orientation = int(lenient_number(directory, tags.ORIENTATION))
            return orientation if 1 <= orientation <= 8 else 1
    return 1


def _turn(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation in (2, 3):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4):
        rgb = rgb[::-1]
    if orientation in (5, 7):
        rgb = rgb.transpose(1, 0, 2)
    if orientation == 7:
        rgb = rgb[::-1, ::-1]
    if orientation in (6, 8):
        rgb = np.rot90(rgb, -1 if orientation == 6 else 1)
    return np.ascontiguousarray(rgb)
