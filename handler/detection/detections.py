"""The detections in one picture, as one checked, immutable value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
        scores = self.scores.astype(float).round(4).tolist()
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
