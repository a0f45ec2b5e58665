"""Prior boxes on the grids of a feature pyramid, in the order of a head's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class PriorLevel(NamedTuple):
    """A level's cells, and the priors of each.

    step: (x, y) in px from cell to cell. sizes: (width, height) in px of each prior of a cell.
    places: (x, y) of each prior's centre in its cell, in cells; None for the middle.
    """

    columns: int
    rows: int
    step: tuple[float, float]
    sizes: tuple[tuple[float, float], ...]
    places: tuple[tuple[float, float], ...] | None = None


def prior_boxes(
    levels: Sequence[PriorLevel],
    largest: tuple[int, int] | None = None,
    *,
    cuts_centres: bool = True,
    by_size: bool = False,
) -> NDArray[np.float32]:
    """float32 [A, 4], cxcywh in px: level by level and row by row, all priors of a cell together.

    largest: the (width, height) that cuts sizes, and centres unless cuts_centres is False. by_size:
    within a level, all cells of a prior come together instead.
    """
    tables = []
    for level in levels:
        sizes = np.array(level.sizes, np.float64)
        places = np.array(level.places or [(0.5, 0.5)] * len(sizes), np.float64)
        if largest is not None:
            sizes = np.minimum(sizes, largest)
        y, x = np.mgrid[0 : level.rows, 0 : level.columns]
        cells = np.stack([x, y], 2).reshape(-1, 1, 2)
        centres = (cells + places) * level.step
        if largest is not None and cuts_centres:
            centres = np.minimum(centres, largest)
        boxes = np.concatenate([centres, np.broadcast_to(sizes, centres.shape)], 2)
        tables.append((boxes.transpose(1, 0, 2) if by_size else boxes).reshape(-1, 4))
    return np.concatenate(tables).astype(np.float32)
