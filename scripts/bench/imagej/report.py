"""Counts of people, of ImageJ and of the API as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.bench.page import wrap

LEAST = 700  # px: a fifth of a cell in the labelled photos, whose median is 3,400
OTHERS = (0, 300, 500, 1000, 1500, 2000)


@dataclass(frozen=True)
class CountedPicture:
    """One picture's counts. areas: of ImageJ's particles in px, float64 (n,)."""

    name: str
    labelled: int
    areas: np.ndarray
    api: int

    def imagej(self, least: int) -> int:
        """ImageJ's count of particles of at least so many px."""
        return int((self.areas >= least).sum())


def mean_error(found: Sequence[int], labelled: Sequence[int]) -> float:
    """The mean of |found - labelled| / labelled, as evaluate's count error."""
    errors = [abs(a - b) / max(b, 1) for a, b in zip(found, labelled, strict=True)]
    return float(np.mean(errors))


def make_report(pictures: Sequence[CountedPicture], least: int) -> str:
    """Markdown: a row a picture, the mean count errors, and ImageJ's at other sizes."""
    labelled = [each.labelled for each in pictures]

    def imagej_error(size: int) -> float:
        return mean_error([each.imagej(size) for each in pictures], labelled)

    def cell(found: int, true: int) -> str:
        return f"{found} ({(found - true) / max(true, 1):+.0%})"

    rows = [
        f"| {each.name} | {each.labelled} | {cell(each.imagej(least), each.labelled)} "
        f"| {cell(each.api, each.labelled)} |"
        for each in pictures
    ]
    api = mean_error([each.api for each in pictures], labelled)
    others = ", ".join(
        f"{imagej_error(size):.1%} {f'from {size:,} px' if size else 'without a least size'}"
        for size in OTHERS
        if size != least
    )
    return "\n".join(
        (
            f"| picture | labelled | ImageJ, from {least:,} px | the API |",
            "| --- | --- | --- | --- |",
            *rows,
            f"| **mean count error** | | **{imagej_error(least):.1%}** | **{api:.1%}** |",
            "",
            wrap(f"ImageJ's mean count error by the least size of a particle: {others}."),
        )
    )
