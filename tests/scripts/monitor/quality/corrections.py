"""Records and corrections of pictures in which a simulated model errs at known rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handler.records.feedback import Feedback
from handler.records.record import Image, Model, PredictionRecord

MODEL = Model("squares", "1.0.0", "0" * 64)
SIZE = 1000  # px of a side


def listing(
    boxes: Sequence[Sequence[float]], scores: Sequence[float] | None = None, label: str = "red"
) -> list[dict[str, Any]]:
    """Detections as records list them, or as feedback does, without scores."""
    corners = ("xmin", "ymin", "xmax", "ymax")
    rows: list[dict[str, Any]] = [
        {"label": label, "box": dict(zip(corners, map(float, box), strict=True))} for box in boxes
    ]
    if scores is not None:
        for row, score in zip(rows, scores, strict=True):
            row["score"] = score
    return rows


def make_record(
    prediction_id: str,
    detections: list[dict[str, Any]],
    near_misses: list[dict[str, Any]] | None = None,
    *,
    asked: float = 0.5,
    own: float | None = 0.5,
    **fields: Any,
) -> PredictionRecord:
    """A record of a picture of SIZE x SIZE px. asked, own: thresholds of the request, the model."""
    near_misses = near_misses or []
    above = [each for each in [*detections, *near_misses] if own and each["score"] > own]
    return PredictionRecord(
        **{
            "prediction_id": prediction_id,
            "time": "2026-11-23T04:05:06.789Z",
            "route": "/v1/detect",
            "model": MODEL,
            "image": Image("0" * 64, 100_000, "JPEG", SIZE, SIZE, 1, 0.5, 0.2, 0.02),
            "thresholds": {"score": asked, "iou": 0.5, "max_detections": 100},
            "count": len(detections),
            "counts": {"red": len(detections)},
            "detections": detections,
            "near_misses": near_misses,
            "timing_ms": {"total": 1.5},
            "cold_start": False,
            "outcome": "ok",
            "problem": None,
            "at_model_threshold": None if own is None else {"score": own, "count": len(above)},
            **fields,
        }
    )


def correct(
    prediction_id: str,
    detections: list[dict[str, Any]] | None = None,
    *,
    count: int | None = None,
    counts: dict[str, int] | None = None,
    time: str = "2026-11-23T05:00:00.000Z",
) -> Feedback:
    return Feedback(f"f-{time}", prediction_id, time, MODEL, count, counts, detections, None)


@dataclass(frozen=True)
class Traffic:
    """A window of records with the truth of each."""

    records: dict[str, PredictionRecord]
    truth: dict[str, list[dict[str, Any]]]

    @property
    def count_bias(self) -> float:
        predicted = sum(len(each.detections) for each in self.records.values())
        return predicted / sum(map(len, self.truth.values())) - 1

    def corrections(self, prediction_ids: Sequence[str]) -> list[Feedback]:
        return [correct(each, self.truth[each]) for each in prediction_ids]


def simulate(
    pictures: int, *, recall: float, false_boxes: float, failing: float = 0.0, seed: int = 0
) -> Traffic:
    """Pictures of about 12 objects. recall, false_boxes (a picture): of the model. failing: a share
    of pictures of which it finds nothing."""
    rng = np.random.default_rng(seed)
    records, truth = {}, {}
    for number in range(pictures):
        prediction_id = f"p{number:05d}"
        cells = rng.permutation(100)
        objects, false = rng.poisson(12), rng.poisson(false_boxes)
        boxes = [
            [c % 10 * 100, c // 10 * 100, c % 10 * 100 + 60, c // 10 * 100 + 60] for c in cells
        ]
        is_found = rng.random(objects) < recall * (rng.random() >= failing)
        found = [box for box, seen in zip(boxes[:objects], is_found, strict=True) if seen]
        found += boxes[objects : objects + false]
        scores = np.sort(rng.uniform(0.51, 1, len(found)).round(4))[::-1].tolist()
        records[prediction_id] = make_record(prediction_id, listing(found, scores))
        truth[prediction_id] = listing(boxes[:objects])
    return Traffic(records, truth)
