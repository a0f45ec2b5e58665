"""The detections in one picture, as one checked, immutable value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCORE_DECIMALS = 4  # of every score, from the detector on


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes, scores and classes of N objects, best first. N may be 0; nothing is ever None.

    boxes: float32 (N, 4), xyxy in px. scores: float32 (N,), 0..1. class_ids: int64 (N,), from 0.
    Raises ValueError for other shapes or dtypes.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]

    def __post_init__(self) -> None:
        count = np.size(self.scores)
        for name, shape, dtype in (
            ("boxes", (count, 4), np.float32),
            ("scores", (count,), np.float32),
            ("class_ids", (count,), np.int64),
        ):
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"{name} must be {np.dtype(dtype)} {shape}, not {array.dtype} {array.shape}"
                )

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def empty(cls) -> Detections:
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))

    def select(self, index: NDArray[Any] | slice) -> Detections:
        """The detections at a boolean mask, an index array or a slice, in its order."""
        return Detections(self.boxes[index], self.scores[index], self.class_ids[index])

    def to_json(self, classes: Sequence[str]) -> list[dict[str, Any]]:
        """As the API and the records write them: label, score (4 digits), box (2 digits)."""
        # Rounded as float64: a float32 0.1 would print as 0.10000000149.
        scores = self.scores.astype(float).round(SCORE_DECIMALS).tolist()
        boxes = self.boxes.astype(float).round(2).tolist()
        return [
            {
                "label": classes[class_id],
                "score": score,
                "box": dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)),
            }
            for class_id, score, box in zip(self.class_ids.tolist(), scores, boxes, strict=True)
        ]


def join(parts: Sequence[Detections]) -> Detections:
    """Concatenate detections."""
    return Detections(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.class_ids for part in parts]),
    )


def round_scores(detections: Detections) -> Detections:
    """The same with scores of SCORE_DECIMALS, before anything compares them: who reads an answer
    or a record, and filters it by a threshold, comes to the count of the API itself."""
    scores = detections.scores.astype(float).round(SCORE_DECIMALS).astype(np.float32)
    return replace(detections, scores=scores)


def drop_impossible(
    detections: Detections, input_size: tuple[int, int], *, class_count: int
) -> Detections:
    """Leave out what no detection can be, best first again.

    That is: a score or a corner that is NaN or infinite; a box whose right or lower edge lies
    before its left or upper one; a box that does not touch the input; a class that the bundle has
    not. A box partly outside, or without area, stays. input_size: (width, height) in px.
    """
    boxes, scores, class_ids = detections.boxes, detections.scores, detections.class_ids
    is_finite = np.isfinite(scores) & np.isfinite(boxes).all(axis=1)
    is_box = (boxes[:, :2] <= boxes[:, 2:]).all(axis=1)
    touches = (boxes[:, :2] <= input_size).all(axis=1) & (boxes[:, 2:] >= 0).all(axis=1)
    is_possible = is_finite & is_box & touches & (class_ids >= 0) & (class_ids < class_count)
    if is_possible.all():
        return detections
    possible = detections.select(is_possible)
    # A graph that gives NaN may have sorted by it.
    return possible.select(np.argsort(-possible.scores, kind="stable"))
