"""How far the count of a picture may be off, learned from labelled pictures.

Split conformal prediction (Papadopoulos et al. 2002; Lei et al. 2018) with a quantile for each
side: `coverage` of new pictures have their true count in the interval, whatever the model and the
distribution of residuals, as long as they are exchangeable with those calibrated on. The residuals
are scaled by what is known of a picture before its labels ("normalized" conformal prediction,
Papadopoulos, Gammerman and Vovk 2008), so that the interval holds for few and for many objects, and
is wider where more candidates are doubtful: handler.detection.count_interval.scale.

Folders are kinds of pictures, such as rendered ones and photos. Each has quantiles of its own, and
the outermost of all count, so that the interval holds as often on each kind (equalized coverage,
Romano, Barber, Sabatti and Candès 2020, where the kind of a new picture is not known). Of a folder
with fewer pictures than `minimum_pictures`, the extremes stand for its quantiles, 1 + 1/n times as
far off: the best guess of how far all pictures like these reach (Goodman 1952). How often its
interval holds is seen by leaving out one picture at a time.

Pictures of another microscope are like none of these. So the calibration has the ranges of what
tells one from the other, outside of which no interval is given: from the smallest to the largest
value, and MARGIN of that distance on both sides, since the next picture may lie a little beyond the
extremes of a few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handler.bundle.manifest import CountCalibration, CountSpread, PictureRanges
from handler.detection import count_interval
from handler.detection.likeness import PictureFeatures, find_difference
from scripts.model.plurals import counted
from scripts.tool import ToolError

# Chosen on the default model's 300 pictures of data/baseline, on which nothing is calibrated. Their
# errors' variance is about the number of doubtful candidates: a normal distribution's likelihood is
# largest at 1.02 for each of them and 0 for each object. A person's labels of photos skip about one
# cell in twenty, however sure the model is.
SPREAD = CountSpread(base=1.0, doubtful=1.0, share=0.05)
MARGIN = 0.25


class CountedPicture(NamedTuple):
    """What a model makes of a labelled picture, and how many objects are labelled."""

    features: PictureFeatures
    true_count: int


class Coverage(NamedTuple):
    """How often an interval was given, and how often it held, of so many pictures.

    held: of those with an interval. is_left_out: whether each picture was left out of the
    calibration that it was tried on.
    """

    pictures: int
    given: int
    held: int
    is_left_out: bool = False


def describe_coverage(coverage: Coverage) -> str:
    """How often the interval was given and held, as a phrase."""
    text = f"given on {coverage.given} of {counted(coverage.pictures, 'picture')}"
    if coverage.given:
        text += f", held on {coverage.held} of them ({coverage.held / coverage.given:.0%})"
    if coverage.is_left_out:
        text += ", each left out of the calibration in turn"
    return text


def minimum_pictures(coverage: float) -> int:
    """How many pictures the finite-sample quantiles of both sides need."""
    return math.ceil(2 / (1 - coverage) - 1 - 1e-9)


def calibrate_count_interval(
    folders: Sequence[Sequence[CountedPicture]],
    *,
    coverage: float,
    dataset: str,
    score_threshold: float,
    iou_threshold: float,
    command: str,
) -> CountCalibration:
    """Quantiles of the residuals; each side misses (1 - coverage) / 2 of the pictures.

    Raises ToolError for a coverage outside 0.5 to 0.99, and where no folder has enough pictures.
    """
    if not 0.5 <= coverage <= 0.99:
        raise ToolError(f"coverage is {coverage:g}; expected 0.5 to 0.99")
    most, minimum = max(map(len, folders), default=0), minimum_pictures(coverage)
    if most < minimum:
        raise ToolError(
            f"{dataset}: {most} pictures; an interval of {coverage:.0%} coverage takes at least "
            f"{minimum} that training never saw"
        )
    pictures = [picture for folder in folders for picture in folder]
    unscaled = CountCalibration(
        coverage=coverage,
        below=0.0,
        above=0.0,
        pictures=len(pictures),
        dataset=dataset,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        command=command,
        spread=SPREAD,
        ranges=measure_ranges([picture.features for picture in pictures]),
    )
    bounds = [
        _find_bounds(
            np.array(
                [
                    (picture.true_count - picture.features.count)
                    / count_interval.scale(picture.features, unscaled)
                    for picture in folder
                ]
            ),
            coverage,
        )
        for folder in folders
        if folder
    ]
    return unscaled._replace(
        below=round(min(below for below, _ in bounds), 9),
        above=round(max(above for _, above in bounds), 9),
    )


def _find_bounds(residuals: NDArray[np.float64], coverage: float) -> tuple[float, float]:
    """Between which `coverage` of pictures like these n lie, residuals (n,), n >= 1."""
    pictures = len(residuals)
    ascending = np.sort(residuals)
    if pictures < minimum_pictures(coverage):
        further = 1 + 1 / pictures
        return float(ascending[0]) * further, float(ascending[-1]) * further
    # The finite-sample ranks: among n + 1 exchangeable residuals every rank is as likely.
    miss_rate = (1 - coverage) / 2
    rank = min(pictures, math.ceil((pictures + 1) * (1 - miss_rate) - 1e-9))
    return float(ascending[pictures - rank]), float(ascending[rank - 1])


def measure_ranges(pictures: Sequence[PictureFeatures]) -> PictureRanges:
    """From where to where each feature reaches, with MARGIN on both sides."""
    ranges = {}
    for name in PictureRanges._fields:
        values = [getattr(picture, name) for picture in pictures]
        known = [float(value) for value in values if value is not None] or [0.0]
        margin = MARGIN * (max(known) - min(known))
        low, high = min(known) - margin, max(known) + margin
        ranges[name] = (round(max(0.0, low), 4), round(high, 4))
    return PictureRanges(**ranges)


def measure_coverage(pictures: Sequence[CountedPicture], calibration: CountCalibration) -> Coverage:
    """How often an interval is given, and holds."""
    held = [
        low <= picture.true_count <= high
        for picture in pictures
        if calibration.ranges and not find_difference(picture.features, calibration.ranges)
        for low, high in [count_interval.interval(picture.features, calibration)]
    ]
    return Coverage(len(pictures), len(held), sum(held))


def leave_each_out(
    folders: Sequence[Sequence[CountedPicture]], folder: int, calibration: CountCalibration
) -> Coverage:
    """The coverage of one of the calibration's folders, each of its pictures tried on a
    calibration of all the others."""
    given = held = 0
    for number, picture in enumerate(folders[folder]):
        others = [list(each) for each in folders]
        del others[folder][number]
        if max(map(len, others)) < minimum_pictures(calibration.coverage):
            continue
        made = calibrate_count_interval(
            others,
            coverage=calibration.coverage,
            dataset=calibration.dataset,
            score_threshold=calibration.score_threshold,
            iou_threshold=calibration.iou_threshold,
            command=calibration.command,
        )
        one = measure_coverage([picture], made)
        given, held = given + one.given, held + one.held
    return Coverage(len(folders[folder]), given, held, is_left_out=True)
