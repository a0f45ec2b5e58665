"""cv2.resize without OpenCV, bit for bit: letterbox's rules `opencv-linear` and `opencv-area`.

They are INTER_LINEAR and INTER_AREA of uint8 pictures. Both interpolate in fixed point where a
picture grows; where it shrinks, INTER_AREA averages (area_average).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handler.detection.area_average import average_areas

Rgb = NDArray[np.uint8]


def opencv_linear(rgb: Rgb, width: int, height: int) -> Rgb:
    """cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR), bit for bit.

    rgb: uint8 (h, w, 3). OpenCV works in fixed point: 11-bit weights, the horizontal sum kept at
    >> 4, the vertical products at >> 16, their sum rounded at >> 2. (If both sides are halved it
    averages areas instead, with the same result.)
    """
    source_height, source_width = rgb.shape[:2]
    if (source_height, source_width) == (height, width):
        return np.ascontiguousarray(rgb)
    return _interpolate(
        rgb, _between_centres(source_width, width), _between_centres(source_height, height)
    )


def opencv_area(rgb: Rgb, width: int, height: int) -> Rgb:
    """cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), bit for bit.

    rgb: uint8 (h, w, 3). Where a side grows, OpenCV interpolates both in fixed point, as for
    INTER_LINEAR, but a px blends into the next one only where the two meet.
    """
    source_height, source_width = rgb.shape[:2]
    if (source_height, source_width) == (height, width):
        return np.ascontiguousarray(rgb)
    if width > source_width or height > source_height:
        columns, rows = _between_cells(source_width, width), _between_cells(source_height, height)
        return _interpolate(rgb, columns, rows)
    return average_areas(rgb, width, height)


class _Pairs(NamedTuple):
    """Two source positions per target position, a first one and the next, and how they are mixed.

    first: intp (target,), which may lie beyond an edge of the source. fraction: float32 (target,),
    the share of the next one.
    """

    source: int
    first: NDArray[np.intp]
    fraction: NDArray[np.float32]

    def taps(self, *, one_at_edges: bool) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Both positions, (2, target), and their weights out of 2,048.

        Beyond an edge both positions are the edge. OpenCV then gives one of two columns all the
        weight, but divides it between two rows, which rounds differently.
        """
        fraction = self.fraction
        if one_at_edges:
            is_beyond = (self.first < 0) | (self.first >= self.source - 1)
            fraction = np.where(is_beyond, np.float32(0), fraction)
        weights = np.rint(np.stack([1 - fraction, fraction]) * np.float32(2048)).astype(np.int32)
        return np.clip([self.first, self.first + 1], 0, self.source - 1), weights


def _between_centres(source: int, target: int) -> _Pairs:
    scale = 1 / (target / source)  # OpenCV's: not always source / target to the last bit
    position = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(position).astype(np.intp)
    return _Pairs(source, first, position - first.astype(np.float32))


def _between_cells(source: int, target: int) -> _Pairs:
    gain, number = target / source, np.arange(target)
    first = np.floor(number * (1 / gain)).astype(np.intp)
    fraction = (number + 1 - (first + 1) * gain).astype(np.float32)
    fraction = np.where(fraction > 0, fraction - np.floor(fraction), np.float32(0))
    return _Pairs(source, first, fraction)


def _interpolate(rgb: Rgb, columns: _Pairs, rows: _Pairs) -> Rgb:
    (x0, x1), x_weights = columns.taps(one_at_edges=True)
    (y0, y1), y_weights = rows.taps(one_at_edges=False)
    width, height = len(x0), len(y0)
    lines = np.ascontiguousarray(rgb).reshape(len(rgb), -1)
    channels = np.arange(3)
    bytes0, bytes1 = ((x[:, np.newaxis] * 3 + channels).ravel() for x in (x0, x1))
    weights0, weights1 = np.repeat(x_weights, 3, axis=1)

    def resize_rows(at: NDArray[np.intp]) -> NDArray[np.int32]:
        source_rows = lines[at]
        sums: NDArray[np.int32] = np.take(source_rows, bytes0, axis=1) * weights0
        sums += np.take(source_rows, bytes1, axis=1) * weights1
        sums >>= 4
        return sums

    resized = np.empty((height, width * 3), np.uint8)
    for top in range(0, height, 64):  # a band of rows fits into the CPU's cache: 4 times as fast
        band = slice(top, top + 64)
        upper, lower = resize_rows(y0[band]), resize_rows(y1[band])
        upper *= y_weights[0, band, np.newaxis]
        lower *= y_weights[1, band, np.newaxis]
        resized[band] = ((upper >> 16) + (lower >> 16) + 2) >> 2
    return resized.reshape(height, width, 3)
