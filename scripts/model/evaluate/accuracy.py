"""Judged pictures in, what a detector reaches on them out: COCO's precision, counts, thresholds.

A detection counts as right when it overlaps a box of its label, not yet taken, by IoU >= 0.5.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handler.detection.detections import Detections
from scripts.model import dataset
from scripts.model.dataset import LabelledPicture

MAX_DETECTIONS = 300
SIZES = ("small", "medium", "large")  # COCO's areas: under 32², to 96², above, in px of the picture


@dataclass(frozen=True)
class EvaluatedPicture:
    """One picture's truth beside its detections (every one above the score floor, best first)."""

    picture: LabelledPicture
    detections: Detections
    width: int
    height: int
    statistics: tuple[float, float, float] = (0.0, 0.0, 0.0)  # see handler.record.statistics

    def count(self, threshold: float) -> int:
        return int((self.detections.scores > threshold).sum())


@dataclass(frozen=True)
class AveragePrecision:
    """COCO's figures over IoU 0.50 to 0.95; None where there is no object to find.

    by_size: AP of SIZES. by_class: (AP, AP50) by label.
    """

    ap: float
    ap50: float
    ap75: float
    by_size: dict[str, float | None]
    by_class: dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Curve:
    """Precision, recall, F1 and mean relative count error at score thresholds, float64 (T,)
    each."""

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    count_error: np.ndarray


@dataclass(frozen=True)
class Figures:
    """What a bundle reaches on a set of pictures; counts are cells a picture, errors relative to
    the true count."""

    dataset: str
    pictures: int
    objects: int
    ap50: float
    ap: float
    precision: float
    recall: float
    count_error: float  # mean over pictures of |predicted - true| / max(true, 1)
    count_bias: float  # (all predicted - all true) / all true
    score_threshold: float
    ap75: float
    count_mae: float  # mean over pictures of |predicted - true|
    f1: float
    best_f1_threshold: float
    by_size: dict[str, float | None]
    by_class: dict[str, tuple[float, float] | None]


def figures(
    judged: Sequence[EvaluatedPicture],
    classes: Sequence[str],
    name: str,
    score_threshold: float,
    max_detections: int = MAX_DETECTIONS,
) -> Figures:
    """Score judged pictures at a threshold. AP does not depend on the threshold. Labels unknown to
    the model raise dataset.DatasetError."""
    unknown = sorted({label for item in judged for label in item.picture.labels} - set(classes))
    if unknown:
        raise dataset.DatasetError(
            f"{name}: labels {unknown} are none of the model's: {list(classes)}"
        )
    found_by = average_precision(judged, classes, max_detections)
    over = curve(judged, classes)
    hits = found = true = 0
    errors, apart = [], []
    for item in judged:
        shown = item.detections.select(item.detections.scores > score_threshold)
        hits += matches(item.picture, shown, classes)
        found += len(shown)
        true += len(item.picture.boxes)
        apart.append(abs(len(shown) - len(item.picture.boxes)))
        errors.append(apart[-1] / max(len(item.picture.boxes), 1))
    return Figures(
        dataset=name,
        pictures=len(judged),
        objects=true,
        ap50=found_by.ap50,
        ap=found_by.ap,
        precision=hits / found if found else 0.0,
        recall=hits / true if true else 0.0,
        count_error=float(np.mean(errors)) if errors else 0.0,
        count_bias=(found - true) / true if true else 0.0,
        score_threshold=score_threshold,
        ap75=found_by.ap75,
        count_mae=float(np.mean(apart)) if apart else 0.0,
        f1=2 * hits / (found + true) if found + true else 0.0,
        best_f1_threshold=float(over.thresholds[int(over.f1.argmax())]),
        by_size=found_by.by_size,
        by_class=found_by.by_class,
    )


def curve(judged: Sequence[EvaluatedPicture], classes: Sequence[str]) -> Curve:
    """The figures that depend on the score threshold, from 0.05 to 0.95.

    Boxes are matched best first, so that raising the threshold takes matches away and changes
    none.
    """
    thresholds = np.round(np.arange(0.05, 0.951, 0.01), 2)
    hits, found, true = np.zeros(len(thresholds)), np.zeros(len(thresholds)), 0
    errors = np.zeros(len(thresholds))
    for item in judged:
        shown = item.detections.scores[:, None] > thresholds
        hit = np.array(taken(item.picture, item.detections, classes) >= 0, bool)
        hits += (shown & hit[:, None]).sum(0)
        found += shown.sum(0)
        true += len(item.picture.boxes)
        errors += abs(shown.sum(0) - len(item.picture.boxes)) / max(len(item.picture.boxes), 1)
    return Curve(
        thresholds,
        precision=np.where(found > 0, hits / np.maximum(found, 1), np.nan),  # of none, nothing
        recall=hits / max(true, 1),
        f1=2 * hits / np.maximum(found + true, 1),
        count_error=errors / max(len(judged), 1),
    )


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes xyxy: (N, 4) and (M, 4) to float64 (N, M)."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    overlap = np.clip(opposite - corner, 0, None).prod(-1)
    area = (first[:, 2:] - first[:, :2]).prod(-1)[:, None] + (second[:, 2:] - second[:, :2]).prod(
        -1
    )[None]
    return overlap / np.maximum(area - overlap, 1e-9)


def taken(picture: LabelledPicture, found: Detections, classes: Sequence[str]) -> np.ndarray:
    """Which true box each detection, best first, hits that no better one took: int64 (N,), -1 for
    none."""
    overlaps = iou(found.boxes.astype(np.float64), picture.boxes)
    truth = np.array([classes.index(label) for label in picture.labels], np.int64)
    hit = np.full(len(found), -1, np.int64)
    for index, (row, class_id) in enumerate(zip(overlaps, found.class_ids, strict=True)):
        row = np.where(truth == class_id, row, 0.0)
        if len(row) and row.max() >= 0.5:
            hit[index] = row.argmax()
            overlaps[:, row.argmax()] = 0
    return hit


def matches(picture: LabelledPicture, found: Detections, classes: Sequence[str]) -> int:
    """How many detections hit a true box."""
    return int((taken(picture, found, classes) >= 0).sum())


def average_precision(
    judged: Sequence[EvaluatedPicture], classes: Sequence[str], max_detections: int = MAX_DETECTIONS
) -> AveragePrecision:
    """COCO's average precision at up to max_detections a picture."""
    precision = _coco_precision(judged, classes, max_detections)
    if precision is None:
        return AveragePrecision(0.0, 0.0, 0.0, dict.fromkeys(SIZES), dict.fromkeys(classes))
    valid = np.where(precision > -1, precision, np.nan)

    def mean(values: np.ndarray) -> float | None:
        return None if np.isnan(values).all() else float(np.nanmean(values))

    by_class = {}
    for number, name in enumerate(classes):
        whole = mean(valid[:, :, number, 0])
        by_class[name] = None if whole is None else (whole, mean(valid[0, :, number, 0]) or 0.0)
    return AveragePrecision(
        ap=mean(valid[..., 0]) or 0.0,
        ap50=mean(valid[0, :, :, 0]) or 0.0,
        ap75=mean(valid[5, :, :, 0]) or 0.0,
        by_size={name: mean(valid[..., at]) for at, name in enumerate(SIZES, 1)},
        by_class=by_class,
    )


def _coco_precision(
    judged: Sequence[EvaluatedPicture], classes: Sequence[str], max_detections: int
) -> np.ndarray | None:
    """pycocotools' precision (IoU, recall, class, area: all and SIZES), -1 where there is no
    object; None where nothing is labelled or found."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    labelled = dataset.as_coco([item.picture for item in judged], classes)
    results = []
    for number, item in enumerate(judged, 1):
        for box, score, class_id in zip(
            item.detections.boxes, item.detections.scores, item.detections.class_ids, strict=True
        ):
            x0, y0, x1, y1 = map(float, box)
            results.append(
                {
                    "image_id": number,
                    "category_id": int(class_id) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": float(score),
                }
            )
    if not labelled["annotations"] or not results:
        return None
    truth = COCO()
    truth.dataset = labelled
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools talks
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.params.maxDets = [1, 10, max_detections]
        judge.evaluate()
        judge.accumulate()
    return judge.eval["precision"][..., -1]


def best_threshold(judged: Sequence[EvaluatedPicture], classes: Sequence[str], name: str) -> float:
    """The score threshold, in steps of 0.01, at which the mean relative count error is smallest."""
    candidates = np.arange(0.10, 0.91, 0.01)
    errors = []
    for threshold in candidates:
        counts = [
            (int((item.detections.scores > threshold).sum()), len(item.picture.boxes))
            for item in judged
        ]
        errors.append(np.mean([abs(found - true) / max(true, 1) for found, true in counts]))
    smooth = np.convolve(np.pad(errors, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return float(round(candidates[int(np.argmin(smooth))], 2))
