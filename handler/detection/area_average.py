"""cv2.resize with INTER_AREA of pictures that shrink, bit for bit: the rule `opencv-area`.

A px of the result is the mean of what it covers of the source. Where both sides shrink by whole
numbers, OpenCV sums integers. Else it weights each px by how much of it is covered and sums in
float32, along a row first, then over the rows.

In that order numpy takes four times as long as OpenCV. So sums come from products of matrices here,
which the CPU makes fast and in an order of its own; only where rounding errors could decide which
integer is nearest (one in a thousand), the sum is made again in OpenCV's order. "Bit for bit" is of
OpenCV's wheels for x86-64: builds that fuse multiplications with additions may differ from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Sums = NDArray[np.floating[Any]]
_IGNORED_PART = 1e-3  # OpenCV leaves out what is covered of a px up to here
_ROWS_AT_ONCE = 24  # of the source: as float32 they fit into the CPU's cache
_TERMS_AT_ONCE = 1 << 16  # of sums made again: bounds their memory
_FLOAT32_STEP = 2.0**-24  # what one operation may be off, relatively
_FLOAT32_INTEGERS = 1 << 24  # a float32 holds every integer up to here


class _Cells(NamedTuple):
    """What each px of the result covers along one axis.

    positions: of the source, intp (target, n), in OpenCV's order. weights: float32 (target, n), 0
    where fewer than n are covered.
    """

    positions: NDArray[np.intp]
    weights: NDArray[np.float32]


def average_areas(rgb: Rgb, width: int, height: int) -> Rgb:
    """cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), bit for bit.

    rgb: uint8 (h, w, 3), neither side smaller than its target.
    """
    source_height, source_width = rgb.shape[:2]
    x_scale, y_scale = 1 / (width / source_width), 1 / (height / source_height)
    lines = np.ascontiguousarray(rgb).reshape(source_height, -1)
    if x_scale == round(x_scale) and y_scale == round(y_scale):
        rows = _average_whole(lines, width, height, round(x_scale), round(y_scale))
    else:
        rows = _average_weighted(lines, _cover(source_width, width), _cover(source_height, height))
    return rows.reshape(height, width, 3)


def _average_whole(lines: Rgb, width: int, height: int, x_scale: int, y_scale: int) -> Rgb:
    area = x_scale * y_scale
    dtype = np.float32 if area * 255 < _FLOAT32_INTEGERS else np.float64  # sums stay exact
    columns, rows = _cover_whole(width, x_scale), _cover_whole(height, y_scale)
    result = np.empty((height, width * 3), np.uint8)
    for band, sums in _sum_areas(lines, columns, rows, dtype):
        if (x_scale, y_scale) == (2, 2):
            result[band] = (sums + 2) // 4  # halves are rounded up here, and to even otherwise
        else:
            result[band] = np.rint(sums.astype(np.float32) * (np.float32(1) / np.float32(area)))
    return result


def _average_weighted(lines: Rgb, columns: _Cells, rows: _Cells) -> Rgb:
    operations = columns.weights.shape[1] + rows.weights.shape[1] + 2
    doubt = 2 * operations * _FLOAT32_STEP * 256  # this order's errors and OpenCV's
    result = np.empty((len(rows.weights), len(columns.weights) * 3), np.uint8)
    for band, sums in _sum_areas(lines, columns, rows, np.float32):
        rounded = np.rint(sums)
        result[band] = rounded
        y, x = np.nonzero(np.abs(sums - rounded) > 0.5 - doubt)
        result[y + band.start, x] = _sum_in_order(lines, columns, rows, y + band.start, x)
    return result


def _sum_areas(
    lines: Rgb, columns: _Cells, rows: _Cells, dtype: type[np.float32 | np.float64]
) -> Iterator[tuple[slice, Sums]]:
    """Bands of the result's rows, each with its weighted sums (rows, width * 3)."""
    height, taps = rows.positions.shape
    samples, x_weights = _samples_of(columns)
    band_rows = max(1, _ROWS_AT_ONCE // taps)
    for top in range(0, height, band_rows):
        band = slice(top, min(top + band_rows, height))
        covered = rows.positions[band]
        first, last = covered[0, 0], covered[-1, -1]
        y_weights = np.zeros((len(covered), last + 1 - first), dtype)
        np.add.at(
            y_weights, (np.arange(len(covered))[:, np.newaxis], covered - first), rows.weights[band]
        )
        summed = y_weights @ lines[first : last + 1].astype(dtype)
        sums = np.take(summed, samples[0], axis=1)
        sums *= x_weights[0]
        for sample, weight in zip(samples[1:], x_weights[1:], strict=True):
            part = np.take(summed, sample, axis=1)
            part *= weight
            sums += part
        yield band, sums


def _sum_in_order(
    lines: Rgb, columns: _Cells, rows: _Cells, y: NDArray[np.intp], x: NDArray[np.intp]
) -> Rgb:
    """The result at rows y and samples x of them, (n,) each, summed as OpenCV does."""
    samples, x_weights = _samples_of(columns)
    flat, line_length = lines.reshape(-1), lines.shape[1]
    result = np.empty(len(y), np.uint8)
    step = max(1, _TERMS_AT_ONCE // rows.positions.shape[1])
    for begin in range(0, len(y), step):
        part = slice(begin, begin + step)
        starts = rows.positions[y[part]].T * line_length
        along = np.zeros(starts.shape, np.float32)
        for sample, weight in zip(samples, x_weights, strict=True):
            along += np.take(flat, starts + sample[x[part]]) * weight[x[part]]
        total = np.zeros(len(y[part]), np.float32)
        for row, weight in zip(along, rows.weights[y[part]].T, strict=True):
            total += row * weight
        result[part] = np.rint(total)
    return result


def _cover(source: int, target: int) -> _Cells:
    scale = 1 / (target / source)  # OpenCV's: not always source / target to the last bit
    starts = (np.arange(target) * scale)[:, np.newaxis]
    ends = starts + scale
    size = np.minimum(scale, source - starts)
    last = np.minimum(
        np.floor(ends), source - 1
    )  # the px that is covered to its middle, as it were
    first = np.minimum(np.ceil(starts), last)  # the first px that is covered from its beginning
    head, tail = first - starts, ends - last
    begin, end = first - (head > _IGNORED_PART), last + (tail > _IGNORED_PART)
    at = begin + np.arange(int((end - begin).max()))
    tail = np.minimum(np.minimum(tail, 1), size)
    weights = np.select([at < first, at < last, at < end], [head / size, 1 / size, tail / size])
    return _Cells(np.minimum(at, source - 1).astype(np.intp), weights.astype(np.float32))


def _cover_whole(target: int, scale: int) -> _Cells:
    positions = np.arange(target * scale).reshape(target, scale)
    return _Cells(positions, np.ones(positions.shape, np.float32))


def _samples_of(columns: _Cells) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Positions and weights of the samples of a line, three a px: (n, target * 3) each."""
    samples = columns.positions.T[:, :, np.newaxis] * 3 + np.arange(3)
    return samples.reshape(len(samples), -1), np.repeat(columns.weights.T, 3, axis=1)
