"""How good planted predictions are: the four figures that a signature keeps.

evaluate computes all of COCO's figures by pycocotools, at ten overlaps and four sizes, which takes
longer than the predictions themselves where there are dozens of small sets. AP50 here is the same
number: precision, made falling, at 101 steps of recall, and its mean over the classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from handler.records.record import PredictionRecord
from scripts.accuracy.average_precision import average_precision
from scripts.model.baseline.predictions import list_candidates
from scripts.model.dataset import LabelledPicture
from scripts.model.matching import match_to_ground_truth
from scripts.records.reference import Accuracy


def measure_accuracy(
    records: Sequence[PredictionRecord],
    ground_truth: Sequence[LabelledPicture],
    classes: Sequence[str],
) -> Accuracy | None:
    """Precision, recall and count bias of the detections, AP50 of all candidates; None where
    nothing is labelled."""
    scores, class_ids, is_match, is_detection = [], [], [], []
    objects = np.zeros(len(classes), np.int64)
    for record, picture in zip(records, ground_truth, strict=True):
        candidates = list_candidates(record, classes)
        scores.append(candidates.scores.astype(np.float64))
        class_ids.append(candidates.class_ids)
        is_match.append(match_to_ground_truth(candidates, picture, classes) >= 0)
        is_detection.append(np.arange(len(candidates)) < len(record.detections))
        objects += np.bincount([classes.index(label) for label in picture.labels],
                               minlength=len(classes)).astype(np.int64)  # fmt: skip
    if not objects.sum():
        return None
    all_scores, all_classes = np.concatenate(scores), np.concatenate(class_ids)
    all_matches, all_detections = np.concatenate(is_match), np.concatenate(is_detection)
    precisions = [
        average_precision(
            all_scores[all_classes == each], all_matches[all_classes == each], int(count)
        )
        for each, count in enumerate(objects)
        if count
    ]
    predicted, matched = int(all_detections.sum()), int((all_matches & all_detections).sum())
    return Accuracy(
        ap50=float(np.mean(precisions)),
        precision=matched / predicted if predicted else 0.0,
        recall=matched / int(objects.sum()),
        count_bias=(predicted - int(objects.sum())) / int(objects.sum()),
    )
