"""COCO's average precision, as pycocotools computes it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.model.dataset import to_coco
from scripts.model.evaluate.evaluated_picture import EvaluatedPicture

MAX_DETECTIONS = 300
SIZES = ("small", "medium", "large")  # COCO's areas: under 32², to 96², above, in px of the picture


@dataclass(frozen=True)
class AveragePrecision:
    """AP over IoU 0.50 to 0.95, AP50 and AP75.

    by_size: AP of SIZES. by_class: (AP, AP50) by class name. Both have None where nothing is
    labelled.
    """

    ap: float
    ap50: float
    ap75: float
    by_size: dict[str, float | None]
    by_class: dict[str, tuple[float, float] | None]


def compute_average_precision(
    pictures: Sequence[EvaluatedPicture],
    classes: Sequence[str],
    max_detections: int = MAX_DETECTIONS,
) -> AveragePrecision:
    """COCO's average precision at up to `max_detections` a picture."""
    precision = _coco_precision(pictures, classes, max_detections)
    if precision is None:
        return AveragePrecision(0.0, 0.0, 0.0, dict.fromkeys(SIZES), dict.fromkeys(classes))
    valid = np.where(precision > -1, precision, np.nan)

    def mean(values: np.ndarray) -> float | None:
        return None if np.isnan(values).all() else float(np.nanmean(values))

    by_class = {}
    for class_id, name in enumerate(classes):
        ap = mean(valid[:, :, class_id, 0])
        by_class[name] = None if ap is None else (ap, mean(valid[0, :, class_id, 0]) or 0.0)
    return AveragePrecision(
        ap=mean(valid[..., 0]) or 0.0,
        ap50=mean(valid[0, :, :, 0]) or 0.0,
        ap75=mean(valid[5, :, :, 0]) or 0.0,
        by_size={name: mean(valid[..., index]) for index, name in enumerate(SIZES, 1)},
        by_class=by_class,
    )


def _coco_precision(
    pictures: Sequence[EvaluatedPicture], classes: Sequence[str], max_detections: int
) -> np.ndarray | None:
    """pycocotools' precision (IoU, recall, class, area: all and SIZES), -1 where nothing is
    labelled; None where nothing is labelled or predicted at all."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    ground_truth = to_coco([picture.ground_truth for picture in pictures], classes)
    predictions = []
    for image_id, picture in enumerate(pictures, 1):
        detections = picture.predictions
        for box, score, class_id in zip(
            detections.boxes, detections.scores, detections.class_ids, strict=True
        ):
            x0, y0, x1, y1 = map(float, box)
            predictions.append(
                {
                    "image_id": image_id,
                    "category_id": int(class_id) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": float(score),
                }
            )
    if not ground_truth["annotations"] or not predictions:
        return None
    coco = COCO()
    coco.dataset = ground_truth
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        coco.createIndex()
        evaluator = COCOeval(coco, coco.loadRes(predictions), "bbox")
        evaluator.params.maxDets = [1, 10, max_detections]
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator.eval["precision"][..., -1]
