"""Makes the records of a chunk of synthetic traffic, as lines of JSON.

Every random number of a chunk comes from the plan's seed and the chunk's number, so that the same
plan gives the same records in any number of processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from handler.records.record import SCHEMA, partition
from scripts.monitor.synthesize.pictures import Picture, PictureMaker
from scripts.monitor.synthesize.requests import Requests, draw_requests
from scripts.monitor.synthesize.traffic import Chunk, Plan

FROM_SCORE = 0.01  # below the floor, the record sums up scores from here on
_SCHEMA_1 = "prediction/1"
_NEW_FIELDS = {"at_model_threshold", "below_floor", "capture", "function_version"}
_NEW_IMAGE_FIELDS = {
    "focus", "noise", "red_to_green", "blue_to_green", "luma_histogram", "dhash", "embedding",
    "jpeg_quality",
}  # fmt: skip
_BOX = ',"score":%.4f,"box":{"xmin":%.2f,"ymin":%.2f,"xmax":%.2f,"ymax":%.2f}},'
_NO_DETECTIONS = '"detections":[],"near_misses":[]'


@dataclass(frozen=True, eq=False)
class Line:
    """One record. time: RFC 3339. text: its JSON, without a line's end. picture: of a prediction.
    capture: the key of the kept picture."""

    time: str
    prediction_id: str
    text: str
    picture: Picture | None
    capture: str | None


class RecordMaker:
    """Makes records by a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pictures = PictureMaker(plan)
        schema_2 = plan.start + timedelta(days=plan.schema_1_days)
        self._schema_2 = np.datetime64(schema_2.replace(tzinfo=None), "ms")
        manifest = plan.manifest
        self._model = {
            "name": manifest.name,
            "version": manifest.version,
            "sha256": manifest.sha256,
        }
        # By class, a format of score and corners: a fifth of the time that json.dumps takes.
        labels = (_dump(label).replace("%", "%%") for label in manifest.classes)
        self._boxes = [f'{{"label":{label}{_BOX}' for label in labels]

    def make(self, chunk: Chunk) -> Iterator[Line]:
        """The records of a chunk, in its order."""
        rng = np.random.default_rng([self._plan.seed, 1, chunk.number])
        pictures = self._pictures.draw(rng, chunk.times)
        requests = draw_requests(rng, len(chunk.times), self._plan)
        times = np.datetime_as_string(chunk.times, unit="ms").tolist()
        is_schema_1 = (chunk.times < self._schema_2).tolist()
        for row, (time, picture) in enumerate(zip(times, pictures, strict=True)):
            yield self._make_line(f"{time}Z", requests, row, picture, is_schema_1[row])

    def _make_line(
        self, time: str, requests: Requests, row: int, picture: Picture, is_schema_1: bool
    ) -> Line:
        manifest, prediction_id = self._plan.manifest, requests.ids[row]
        problem = requests.problems[row]
        head: dict[str, Any] = {
            "prediction_id": prediction_id,
            "time": time,
            "route": requests.routes[row],
            "model": self._model,
        }
        tail: dict[str, Any] = {
            "timing_ms": requests.timings[row],
            "cold_start": requests.is_cold[row],
            "outcome": "ok" if problem is None else "rejected",
            "problem": problem,
            "tiles": None,
            "warnings": [],
            "at_model_threshold": None,
            "below_floor": None,
            "capture": None,
            "function_version": None,
            "schema": SCHEMA,
        }
        shown = None if problem else picture
        boxes = _NO_DETECTIONS
        if shown is None:
            head |= {"image": None, "thresholds": None, "count": None, "counts": None}
        else:
            threshold = requests.thresholds[row] or picture.threshold
            above = picture.count_above(threshold)
            counts = np.bincount(picture.classes[:above], minlength=len(manifest.classes))
            head |= {
                "image": picture.image,
                "thresholds": {
                    "score": threshold,
                    "iou": manifest.thresholds.iou,
                    "max_detections": manifest.thresholds.max_detections,
                },
                "count": above,
                "counts": dict(zip(manifest.classes, counts.tolist(), strict=True)),
            }
            boxes = (
                f'"detections":[{self._format_boxes(picture, slice(0, above))}],'
                f'"near_misses":[{self._format_boxes(picture, slice(above, None))}]'
            )
            tail |= self._new_fields(picture, time, prediction_id, requests.is_captured[row])
        if is_schema_1:
            tail = {name: value for name, value in tail.items() if name not in _NEW_FIELDS}
            tail["schema"] = _SCHEMA_1
            if shown is not None:
                image = picture.image.items()
                head["image"] = {k: value for k, value in image if k not in _NEW_IMAGE_FIELDS}
        text = f"{_dump(head)[:-1]},{boxes},{_dump(tail)[1:]}"
        return Line(time, prediction_id, text, shown, tail.get("capture"))

    def _new_fields(
        self, picture: Picture, time: str, prediction_id: str, is_captured: bool
    ) -> dict[str, Any]:
        where = partition(self._plan.manifest.name, self._plan.manifest.version, time)
        return {
            "at_model_threshold": {
                "score": picture.threshold,
                "count": picture.count_above(picture.threshold),
            },
            "below_floor": {
                "from_score": FROM_SCORE,
                "count": picture.below_floor,
                "score_sum": picture.below_floor_score,
            },
            "capture": f"captures/{where}/{prediction_id}.jpg" if is_captured else None,
        }

    def _format_boxes(self, picture: Picture, which: slice) -> str:
        values = picture.scored_boxes[which]
        if len(self._boxes) == 1:
            format = self._boxes[0] * len(values)
        else:
            format = "".join(self._boxes[each] for each in picture.classes[which].tolist())
        return (format % tuple(values.ravel().tolist()))[:-1]


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
