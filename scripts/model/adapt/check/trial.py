"""What one reading finds on the pictures of --check, and the measures of it.

Score mass alone is fooled: a YOLOv8 that is given pixels of 0..255 for 0..1 finds 180 boxes a
picture with scores near 1. So each picture is also tried mirrored and cut by a few hundredths, and
a box counts as confirmed where it is found there at the same place, to an IoU of 0.7.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from handler.detection.detections import Detections
from scripts.accuracy.matching import box_iou_batch, match
from scripts.model.adapt.check.variants import ReadingVariant

_MIN_SIDE_PX, _HUGE_SHARE = 2.0, 0.98
# Of what detectors find in earnest 71 to 100 % of the score mass come back at this overlap, of junk
# 7 or 8 % (yolox_nano, NudeNet's YOLOv8 and the default model, in right and in wrong pixels).
_CONFIRMED_IOU, _MIN_RECURRING_SHARE, _MIN_CONFIRMED_SHARE = 0.7, 0.2, 0.5
MANY_BOXES, _MIN_ODD, _MAX_COMMON_SHARE, _MAX_BOXES_AT_A_PLACE = 10, 3, 0.25, 3
_ALIKE_IOU, MAX_SHARE_ALIKE = 0.9, 0.8


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
            _CONFIRMED_IOU,
        )
        is_found = twins >= 0
        confirmed = np.zeros(len(found))
        confirmed[is_found] = np.minimum(found.scores[is_found], mirrored.scores[twins[is_found]])
        return confirmed

    @cached_property
    def recurs(self) -> NDArray[np.bool_]:
        """Bool (N,): whether a box of any class is at the same place in the mirrored picture, which
        no better one has. Letters and digits come back as others."""
        found, mirrored = self.detections, self.mirrored
        boxes = found.boxes.astype(np.float64), mirrored.boxes.astype(np.float64)
        any_class = np.zeros(len(found), int), np.zeros(len(mirrored), int)
        twins = match(boxes[0], any_class[0], boxes[1], any_class[1], _CONFIRMED_IOU)
        return np.asarray(twins >= 0)

    @cached_property
    def by_place(self) -> NDArray[np.float64]:
        """Float64 (M,): `confirmed` of the boxes that do not lie on a better one, of any class.

        Scores that saturate leave many boxes around each thing.
        """
        boxes = self.detections.boxes[self.confirmed > 0].astype(np.float64)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        stays = np.ones(len(boxes), bool)
        for index in range(len(boxes)):
            if stays[index]:
                low = np.maximum(boxes[index, :2], boxes[index + 1 :, :2])
                high = np.minimum(boxes[index, 2:], boxes[index + 1 :, 2:])
                common = np.clip(high - low, 0, None).prod(axis=1)
                smaller = np.minimum(areas[index], areas[index + 1 :])
                stays[index + 1 :] &= common <= _MAX_COMMON_SHARE * smaller
        return self.confirmed[self.confirmed > 0][stays]

    @property
    def confirmed_mass(self) -> float:
        """The sum of `by_place`."""
        return float(self.by_place.sum())

    @property
    def relative_boxes(self) -> NDArray[np.float64]:
        """The detections' boxes in thousandths of the picture's sides."""
        size = np.array([self.width, self.height] * 2, np.float64)
        return self.detections.boxes.astype(np.float64) / size * 1000

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
        """The part of it that the mirrored pictures confirm, of one box at each place."""
        return sum(trial.confirmed_mass for trial in self.pictures)

    @cached_property
    def confirmed(self) -> int:
        """How many detections the mirrored pictures confirm."""
        return sum(int(np.count_nonzero(trial.confirmed)) for trial in self.pictures)

    @cached_property
    def is_steady(self) -> bool:
        """Whether most of the score mass is confirmed, as of all that finds things in earnest."""
        confirmed = sum(trial.confirmed.sum() for trial in self.pictures)
        return bool(confirmed >= _MIN_CONFIRMED_SHARE * self.score_mass)

    @cached_property
    def share_alike(self) -> float:
        """The share of boxes that lie at the same place, relative to the picture, in the next."""
        if len(self.pictures) < 2:
            return 0.0
        alike = 0
        for first, second in itertools.pairwise([*self.pictures, self.pictures[0]]):
            if not len(first.detections) or not len(second.detections):
                continue
            overlaps = box_iou_batch(first.relative_boxes, second.relative_boxes)
            is_same = first.detections.class_ids[:, None] == second.detections.class_ids[None]
            alike += int(np.count_nonzero((overlaps * is_same).max(axis=1) > _ALIKE_IOU))
        return alike / self.found if self.found else 0.0

    @property
    def is_evidence(self) -> bool:
        """Whether what is found speaks for the reading: it is steady, no junk, and no two pictures
        have the same."""
        is_sound = self.failure is None and self.junk is None and self.is_steady
        return is_sound and self.share_alike < MAX_SHARE_ALIKE

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
        if self.found >= MANY_BOXES and recurring < _MIN_RECURRING_SHARE * self.score_mass:
            count = sum(int(trial.recurs.sum()) for trial in self.pictures)
            return f"of {self.found} boxes only {count} come back in the mirrored picture"
        places = sum(len(trial.by_place) for trial in self.pictures)
        if self.confirmed >= max(MANY_BOXES, _MAX_BOXES_AT_A_PLACE * places):
            return f"{self.found} boxes lie on each other, at {places} places"
        return None
