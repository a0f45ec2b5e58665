"""Why each false find and each miss is wrong: each in exactly one error of one kind, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.accuracy.matching import MATCH_IOU, box_iou_batch, box_share_batch, match_overlaps
from scripts.model.evaluate import error_kinds as kinds
from scripts.model.evaluate.error_kinds import ErrorKind
from scripts.model.evaluate.outcomes import PictureOutcome
from scripts.model.matching import match_to_ground_truth


@dataclass(frozen=True, eq=False)
class PictureError:
    """One error. found: index of the false find in outcome.predictions. missed: index of the missed
    label. One is given at the least, and both where one error is of both, with their IoU. low:
    index, in outcome.picture.predictions, of the box that scored too low.
    """

    kind: ErrorKind
    outcome: PictureOutcome
    found: int | None = None
    missed: int | None = None
    low: int | None = None
    iou: float | None = None

    @property
    def score(self) -> float | None:
        """Of the false find, or of the box that scored too low."""
        if self.low is not None:
            return float(self.outcome.picture.predictions.scores[self.low])
        return None if self.found is None else float(self.outcome.predictions.scores[self.found])


@dataclass(frozen=True)
class KindCount:
    """The errors of one kind. f1_mended: F1 if there were none of them."""

    kind: ErrorKind
    errors: tuple[PictureError, ...]
    false_finds: int
    misses: int
    f1_mended: float


@dataclass(frozen=True)
class ErrorCounts:
    """Of a dataset at one score threshold. kinds: those that there are, first the one without which
    F1 would be best."""

    labelled: int
    f1: float
    kinds: tuple[KindCount, ...]

    @property
    def false_finds(self) -> int:
        return sum(each.false_finds for each in self.kinds)

    @property
    def misses(self) -> int:
        return sum(each.misses for each in self.kinds)

    @property
    def errors(self) -> int:
        return sum(len(each.errors) for each in self.kinds)


def count_errors(outcomes: Sequence[PictureOutcome], classes: Sequence[str]) -> ErrorCounts:
    """Every false find and every miss of the pictures is in exactly one error."""
    errors = [error for outcome in outcomes for error in find_errors(outcome, classes)]
    right = sum(each.true_positives for each in outcomes)
    found = sum(len(each.predictions) for each in outcomes)
    labelled = sum(each.picture.true_count for each in outcomes)

    def f1(false_finds_mended: int, misses_mended: int) -> float:
        found_then = found - false_finds_mended + misses_mended
        return 2 * (right + misses_mended) / max(found_then + labelled, 1)

    counts = []
    for kind in kinds.KINDS:
        of_kind = tuple(error for error in errors if error.kind is kind)
        false_finds = sum(error.found is not None for error in of_kind)
        misses = sum(error.missed is not None for error in of_kind)
        if of_kind:
            mended = f1(false_finds, misses)
            counts.append(KindCount(kind, of_kind, false_finds, misses, mended))
    counts.sort(key=lambda each: -each.f1_mended)
    return ErrorCounts(labelled, f1(0, 0), tuple(counts))


def find_errors(outcome: PictureOutcome, classes: Sequence[str]) -> list[PictureError]:
    """The errors of a picture: of its false finds, best first, then of what else is missed."""
    boxes = outcome.predictions.boxes.astype(np.float64)
    labels = outcome.picture.ground_truth.boxes
    iou, inside = box_iou_batch(boxes, labels), box_share_batch(boxes, labels)
    covers = box_share_batch(labels, boxes).T >= kinds.COVERED_SHARE
    is_over_several = covers.sum(1) >= 2
    owned = np.maximum(outcome.matches, outcome.confused_with)  # label of each box, or -1
    has_box = np.isin(np.arange(len(labels)), owned)
    is_second = (iou * has_box >= MATCH_IOU).any(1)
    is_other = _class_ids(outcome, classes)[None] != outcome.predictions.class_ids[:, None]
    # What is more of a part of a found object than a try at a missed one is no loose box.
    of_part = (iou * has_box * (inside >= kinds.INSIDE_SHARE)).max(1, initial=0)
    loose = np.where((iou > of_part[:, None]) & ~has_box, iou, 0.0)
    loose[(owned >= 0) | is_second | is_over_several] = 0
    pairs = _match_loose(loose, is_other)
    errors = []
    for box in np.flatnonzero(outcome.matches < 0).tolist():
        label = max(int(outcome.confused_with[box]), int(pairs[box]))
        if label >= 0:
            other = kinds.OTHER_CLASS if pairs[box] < 0 else kinds.LOOSE_OTHER_CLASS
            kind = other if is_other[box, label] else kinds.LOOSE
            errors.append(PictureError(kind, outcome, box, label, iou=float(iou[box, label])))
            continue
        if is_second[box]:
            kind = kinds.SECOND_BOX
        elif is_over_several[box]:
            kind = kinds.OVER_SEVERAL
        elif (inside[box] >= kinds.INSIDE_SHARE).any():
            kind = kinds.PART
        elif (iou[box] >= kinds.TRY_IOU).any():
            kind = kinds.BESIDE
        else:
            kind = kinds.UNLABELLED
        errors.append(PictureError(kind, outcome, box))
    has_box |= np.isin(np.arange(len(labels)), pairs)
    is_covered = (covers & is_over_several[:, None]).any(0)
    return errors + _find_misses(outcome, classes, np.flatnonzero(~has_box), is_covered)


def _match_loose(iou: np.ndarray, is_other: np.ndarray) -> np.ndarray:
    """Index of the label that each box, best first, is a loose box of, -1 for none: int64 (N,).
    Labels of its own class come first."""
    pairs = match_overlaps(np.where(is_other, 0, iou), kinds.TRY_IOU)
    left = iou.copy()
    left[pairs >= 0], left[:, pairs[pairs >= 0]] = 0, 0
    return np.maximum(pairs, match_overlaps(left, kinds.TRY_IOU))


def _find_misses(
    outcome: PictureOutcome, classes: Sequence[str], missed: np.ndarray, is_covered: np.ndarray
) -> list[PictureError]:
    """The errors of labels that no box above the threshold belongs to."""
    picture = outcome.picture
    # Matched best first, so boxes below the threshold take no label from those above.
    matches = match_to_ground_truth(picture.predictions, picture.ground_truth, classes)
    low = {label: box for box, label in enumerate(matches.tolist()) if label >= 0}
    errors = []
    for label in missed.tolist():
        x0, y0, x1, y1 = picture.ground_truth.boxes[label].tolist()
        margin = min(x0, y0, picture.width - x1, picture.height - y1)
        if is_covered[label]:
            errors.append(PictureError(kinds.COVERED, outcome, missed=label))
        elif label in low:
            errors.append(PictureError(kinds.LOW_SCORE, outcome, missed=label, low=low[label]))
        else:
            is_cut = margin <= kinds.EDGE_SHARE * max(picture.width, picture.height)
            kind = kinds.AT_EDGE if is_cut else kinds.NOT_FOUND
            errors.append(PictureError(kind, outcome, missed=label))
    return errors


def _class_ids(outcome: PictureOutcome, classes: Sequence[str]) -> np.ndarray:
    labels = outcome.picture.ground_truth.labels
    return np.array([classes.index(label) for label in labels], np.int64)
