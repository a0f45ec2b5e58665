"""Whether the boxes of a dense head lie at the cells of the grid that its rows are.

Every dense head says where a box is relative to its cell, so decoded centres follow the cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from scripts.model.adapt.reading import FormatReading
from scripts.model.adapt.recognition.examination.box_objections import is_dense
from scripts.model.adapt.recognition.examination.objection import Objection
from scripts.model.adapt.recognition.examination.trial_decoding import DecodedTrial
from scripts.model.adapt.recognition.observed_model import FeatureGrid, ObservedModel

_DECODED = ("xyxy", "yxyx", "cxcywh", "xywh")  # codings of boxes that the graph has decoded
_MIN_CELLS = 16
_MIN_CORRELATION = 0.6
_MIN_CELL_SIZE = 0.5  # of the stride, for the median box of each level
_MAX_PICTURES = 3
_MIN_GROWTH = 0.2  # strides


class _Cells(NamedTuple):
    """Each row's cell: its middle in px [A, 2], and its stride [A]."""

    middles: NDArray[np.float64]
    strides: NDArray[np.float64]


def list_objections(
    model: ObservedModel, reading: FormatReading, trials: Sequence[DecodedTrial]
) -> Iterator[Objection]:
    if reading.coding == "grid":
        yield from _offset_objections(model, reading)
    if reading.coding not in _DECODED or not is_dense(reading):
        return
    boxes = np.concatenate([trial.boxes for trial in trials])
    boxes = boxes[np.isfinite(boxes).all(1)]
    extents, centres = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    if (
        reading.coding == "cxcywh"
        and len(boxes) >= _MIN_CELLS
        and (extents >= centres).all(1).mean() > 0.98
    ):
        yield Objection(
            "strong",
            "of its four columns the last two are always the larger, as of corners: --coding xyxy",
        )
        return
    whole = [trial for trial in trials if trial.is_real.all() and np.isfinite(trial.boxes).all()][
        :_MAX_PICTURES
    ]
    grid = model.match_grid(len(whole[0].boxes)) if whole else None
    if grid is not None and len(whole[0].boxes) >= _MIN_CELLS:
        yield from _cell_objections(model, reading, whole, grid)


def _cell_objections(
    model: ObservedModel, reading: FormatReading, trials: list[DecodedTrial], grid: FeatureGrid
) -> Iterator[Objection]:
    centres = np.stack([(trial.boxes[:, :2] + trial.boxes[:, 2:]) / 2 for trial in trials])
    extents = np.stack([trial.boxes[:, 2:] - trial.boxes[:, :2] for trial in trials])
    orders = _cell_orders(grid)
    following = [_correlation(centres, cells.middles) for cells in orders]
    best = int(np.argmax(following))
    if following[best] >= _MIN_CORRELATION:
        sizes = np.median(extents.max(2), 0) / orders[best].strides
        if all(
            np.median(sizes[orders[best].strides == s]) < _MIN_CELL_SIZE for s, *_ in grid.levels
        ):
            yield Objection(
                "strong",
                "the centres of its boxes follow their cells, but its boxes are far smaller than "
                "cells: logarithms of sizes, or sizes in cells (where objects are that small, "
                "--format says so)",
            )
            return
        strides = orders[best].strides[:, np.newaxis]
        slopes = _slopes((centres - orders[best].middles) / strides, extents / strides)
        if all(-0.65 < slope < -0.35 for slope in slopes):
            yield Objection(
                "strong",
                "the centres of its boxes lie half a box to the upper left of their cells, as top "
                "left corners do: --coding xywh",
            )
        return
    swapped = max(_correlation(centres[:, :, ::-1], cells.middles) for cells in orders)
    if swapped >= _MIN_CORRELATION:
        yield Objection("strong", "its boxes have y before x: --coding yxyx")
        return
    # No head before decoding has its boxes and scores in one table and its numbers all over the
    # picture's px, so that such a table may be of a network that is out of the ordinary.
    low, high = np.quantile(centres.reshape(-1, 2), [0.02, 0.98], axis=0)
    size = np.array([model.foreign.image.width, model.foreign.image.height])
    is_table = reading.boxes.outputs == reading.scores.outputs and reading.units == "px"
    yield Objection(
        "weak" if is_table and ((high - low) > size / 2).all() else "strong",
        f"its rows are as many as the cells of a grid ({grid.summary}), but the centres of its "
        f"boxes do not follow them (rank correlation {following[best]:.2f})",
    )


def _slopes(shifts: NDArray[np.float64], extents: NDArray[np.float64]) -> tuple[float, float]:
    """How far boxes are shifted from their cells for each stride that they are larger, by axis:
    the larger half of them against the smaller, by medians."""
    slopes = []
    for axis in (0, 1):
        shift, extent = shifts[..., axis].ravel(), extents[..., axis].ravel()
        is_large = extent > np.median(extent)
        if not is_large.any() or is_large.all():
            return 0.0, 0.0
        growth = np.median(extent[is_large]) - np.median(extent[~is_large])
        shifted = np.median(shift[is_large]) - np.median(shift[~is_large])
        slopes.append(float(shifted / growth) if growth > _MIN_GROWTH else 0.0)
    return slopes[0], slopes[1]


def _offset_objections(model: ObservedModel, reading: FormatReading) -> Iterator[Objection]:
    """Offsets to cells and logarithms of sizes are of both signs in every network."""
    values = np.concatenate(model.values(reading.boxes))
    if len(values) >= _MIN_CELLS and (values >= 0).all():
        yield Objection(
            "strong",
            "its offsets and logarithms of sizes are all positive, as distances are, or what went "
            "through a sigmoid",
        )


def _cell_orders(grid: FeatureGrid) -> list[_Cells]:
    """The orders that rows have in the wild: levels from fine to coarse or back; of several boxes
    in a cell, all of a cell together or all cells of an anchor."""
    orders = []
    count = grid.boxes_per_cell
    for levels in (grid.levels, grid.levels[::-1]):
        for by_cell in (True, False) if count > 1 else (True,):
            middles, strides = [], []
            for stride, columns, rows in levels:
                y, x = np.mgrid[0:rows, 0:columns]
                cells = (np.stack([x.ravel(), y.ravel()], 1) + 0.5) * stride
                middles.append(cells.repeat(count, 0) if by_cell else np.tile(cells, (count, 1)))
                strides.append(np.full(len(cells) * count, float(stride)))
            orders.append(_Cells(np.concatenate(middles), np.concatenate(strides)))
    return orders


def _correlation(centres: NDArray[np.float64], middles: NDArray[np.float64]) -> float:
    """Spearman's rank correlation of centres [pictures, A, 2] with their cells [A, 2]: the mean
    over the pictures of the lower axis."""
    expected = [rankdata(middles[:, axis]) for axis in (0, 1)]
    lower = [
        min(
            np.corrcoef(rankdata(picture[:, axis]), expected[axis])[0, 1]
            for axis in (0, 1)
            if np.ptp(expected[axis]) > 0 and np.ptp(picture[:, axis]) > 0
        )
        if all(np.ptp(picture[:, axis]) > 0 for axis in (0, 1))
        else 0.0
        for picture in centres
    ]
    return float(np.mean(lower))
