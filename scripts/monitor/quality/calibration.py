"""What the scores alone say of a window: each score's precision, learned on the reference's labels.

A detector's scores say how often it is right as long as its pictures are like those of the
reference; `known_shifts` says how wrong that is where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from scripts.accuracy.average_precision import average_precision_of_bins
from scripts.records.observations import SCORE_BINS
from scripts.records.reference import Accuracy


@dataclass(frozen=True, eq=False)
class ScoreCalibration:
    """precision: of a candidate by score bin, float64 (SCORE_BINS,), never falling. found: the
    share of objects that any candidate matches, down to the score floor."""

    precision: NDArray[np.float64]
    found: float

    def accuracy(self, candidates: NDArray[np.float64], detections: float) -> Accuracy:
        """The accuracy of pictures with these candidates, were all scores worth what they were.

        candidates: by score bin, (SCORE_BINS,). detections: those above the model's threshold.
        AP50 is of all classes together, its curve drawn through the bins: measured on reference
        pictures and on photos it is 0.002 to 0.004 below pycocotools'.
        """
        right = candidates * self.precision
        objects = float(right.sum()) / self.found
        above = self._right_above(candidates, detections)
        if objects <= 0 or detections <= 0:
            return Accuracy(0.0, 0.0, 0.0, -1.0 if objects > 0 else 0.0)
        return Accuracy(
            ap50=average_precision_of_bins(candidates, right, objects),
            precision=min(above / detections, 1.0),
            recall=min(above / objects, 1.0),
            count_bias=detections / objects - 1,
        )

    def _right_above(self, candidates: NDArray[np.float64], detections: float) -> float:
        """True positives of the best `detections` candidates."""
        drawn = np.append(0.0, np.cumsum(candidates[::-1]))
        right = np.append(0.0, np.cumsum((candidates * self.precision)[::-1]))
        return float(np.interp(detections, drawn, right))


def calibrate(
    candidates: NDArray[np.float64], true_positives: NDArray[np.float64], objects: float
) -> ScoreCalibration:
    """By isotonic regression (Zadrozny and Elkan 2002) of the reference's matches on its scores.

    candidates, true_positives: by score bin, of all pictures together; objects: labelled ones. A
    bin without candidates takes the precision between its neighbours.
    """
    known = np.flatnonzero(candidates > 0)
    if not len(known) or objects <= 0 or true_positives.sum() <= 0:
        return ScoreCalibration(np.zeros(SCORE_BINS), 1.0)
    share = true_positives[known] / candidates[known]
    fitted = isotonic_regression(share, weights=candidates[known]).x
    precision = np.interp(np.arange(SCORE_BINS), known, np.clip(fitted, 0, 1))
    return ScoreCalibration(precision, min(float(true_positives.sum()) / objects, 1.0))
