"""What one reading finds on the pictures of --check, and the measures of it.

Score mass alone is fooled: a YOLOv8 that is given pixels of 0..255 for 0..1 finds 180 boxes a
picture with scores near 1. So each picture is also tried mirrored and cut by a few hundredths, and
a box counts as confirmed where it is found there, too. Four fifths and more of what a detector
finds in earnest come back, and a third of such junk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from handler.detection.detections import Detections
from scripts.accuracy.matching import MATCH_IOU, box_iou_batch, match
from scripts.model.adapt.check.variants import ReadingVariant

_MIN_SIDE_PX, _HUGE_SHARE = 2.0, 0.98
_JUNK_BOXES, _MIN_RECURRING_SHARE, _MIN_ODD = 10, 0.5, 3


@dataclass(frozen=True, eq=False)
class PictureTrial:
    """What a reading finds on one picture: boxes xyxy in px of the upright original, best first.

    candidates: detections, and near misses down to the score floor. mirrored: what is found in the
    mirrored picture, down to the floor, in px of the original.
    """

    width: int
    height: int
    detections: Detections
    candidates: Detections
    mirrored: Detections

    @cached_property
    def confirmed(self) -> NDArray[np.float64]:
        """Float64 (N,): of each detection the lower of its score and that of the same class at the
        same place in the mirrored picture, 0 where there is none."""
        found, mirrored = self.detections, self.mirrored
        twins = match(
            found.boxes.astype(np.float64),
            found.class_ids,
            mirrored.boxes.astype(np.float64),
            mirrored.class_ids,
        )
        is_found = twins >= 0
        confirmed = np.zeros(len(found))
        confirmed[is_found] = np.minimum(found.scores[is_found], mirrored.scores[twins[is_found]])
        return confirmed

    @cached_property
    def recurs(self) -> NDArray[np.bool_]:
        """Bool (N,): whether anything is found at the same place in the mirrored picture.

        Letters and digits come back as others, or as none.
        """
        if not len(self.detections) or not len(self.mirrored):
            return np.zeros(len(self.detections), bool)
        pairs = (self.detections.boxes, self.mirrored.boxes)
        overlaps = box_iou_batch(*(boxes.astype(np.float64) for boxes in pairs))
        return np.asarray(overlaps.max(axis=1) >= MATCH_IOU)

    @cached_property
    def odd_boxes(self) -> int:
        """How many are degenerate: a side under 2 px, or all of the picture."""
        sides = self.detections.boxes[:, 2:] - self.detections.boxes[:, :2]
        share = sides / np.array([self.width, self.height])
        is_odd = (sides < _MIN_SIDE_PX).any(axis=1) | (share > _HUGE_SHARE).all(axis=1)
        return int(np.count_nonzero(is_odd))


@dataclass(frozen=True, eq=False)
class VariantTrial:
    """One reading on all pictures.

    failure: why it cannot be run; pictures is empty then. max_detections: of one picture. ap50:
    None where nothing is labelled.
    """

    variant: ReadingVariant
    pictures: tuple[PictureTrial, ...]
    class_names: tuple[str, ...] = ()
    max_detections: int = 0
    ap50: float | None = None
    failure: str | None = None

    @cached_property
    def found(self) -> int:
        """How many detections all pictures have."""
        return sum(len(trial.detections) for trial in self.pictures)

    @cached_property
    def score_mass(self) -> float:
        """The sum of all scores above the score threshold."""
        return float(sum(trial.detections.scores.sum(dtype=float) for trial in self.pictures))

    @cached_property
    def confirmed_mass(self) -> float:
        """The part of it that the mirrored pictures confirm."""
        return float(sum(trial.confirmed.sum() for trial in self.pictures))

    @cached_property
    def confirmed(self) -> int:
        """How many detections the mirrored pictures confirm."""
        return sum(int(np.count_nonzero(trial.confirmed)) for trial in self.pictures)

    @cached_property
    def odd_boxes(self) -> int:
        """How many boxes are degenerate."""
        return sum(trial.odd_boxes for trial in self.pictures)

    @cached_property
    def junk(self) -> str | None:
        """Why the boxes cannot be a detector's finds, None where nothing speaks against them."""
        if not self.found:
            return None
        at_limit = sum(len(trial.detections) >= self.max_detections for trial in self.pictures)
        if 2 * at_limit > len(self.pictures):
            return f"{self.max_detections} boxes a picture, as many as there may be"
        if 2 * self.odd_boxes >= self.found >= _MIN_ODD:
            return f"{self.odd_boxes} of {self.found} boxes have no size or are the whole picture"
        recurring = sum(trial.detections.scores[trial.recurs].sum() for trial in self.pictures)
        if self.found >= _JUNK_BOXES and recurring < _MIN_RECURRING_SHARE * self.score_mass:
            count = sum(int(trial.recurs.sum()) for trial in self.pictures)
            return f"of {self.found} boxes only {count} come back in the mirrored picture"
        return None
