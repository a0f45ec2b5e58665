"""Runs a candidate bundle over kept pictures and compares, box by box, with what was recorded.

Both sides are taken above their own model's threshold, in the tiles that the request had. Boxes of
one class match where they overlap by IoU >= 0.5, best scores first, as `evaluate` matches them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.detection.detector import Detector, Thresholds
from handler.detection.merging import box_overlaps
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.detection.tiling import Grid
from handler.problems import Problem
from handler.records.record import PredictionRecord
from scripts.accuracy.matching import match
from scripts.monitor.quality.candidates import CORNERS, read_candidates
from scripts.records.source import Source

MAX_PIXELS = 100_000_000
TILES_S = 120.0
MOVED_IOU = 0.8  # a matched box that overlaps by less has moved

Box = dict[str, Any]  # label, score and box, as records list detections


@dataclass(frozen=True)
class Pair:
    """A recorded box and the candidate's that matches it."""

    recorded: Box
    candidate: Box
    iou: float

    @property
    def has_moved(self) -> bool:
        return self.iou < MOVED_IOU

    @property
    def score_change(self) -> float:
        return float(self.candidate["score"] - self.recorded["score"])


@dataclass(frozen=True)
class PictureChange:
    """What would change in one picture. capture: the key of the picture. width, height: px of the
    upright original."""

    prediction_id: str
    time: str
    capture: str
    width: int
    height: int
    matched: tuple[Pair, ...]
    gained: tuple[Box, ...]
    lost: tuple[Box, ...]

    @property
    def count_before(self) -> int:
        return len(self.matched) + len(self.lost)

    @property
    def count_after(self) -> int:
        return len(self.matched) + len(self.gained)

    @property
    def moved(self) -> int:
        return sum(pair.has_moved for pair in self.matched)

    @property
    def difference(self) -> float:
        """How much of the picture's boxes is not the same, 0..1; a moved one counts by half."""
        boxes = len(self.matched) + len(self.gained) + len(self.lost)
        return (len(self.gained) + len(self.lost) + self.moved / 2) / boxes if boxes else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "count_before": self.count_before,
            "count_after": self.count_after,
            "moved": self.moved,
            "difference": round(self.difference, 4),
        }


@dataclass(frozen=True)
class Replay:
    """All pictures, in the order of their records. skipped: how many pictures, by reason."""

    candidate: str
    recorded: tuple[str, ...]
    changes: tuple[PictureChange, ...]
    skipped: Mapping[str, int]

    @property
    def totals(self) -> dict[str, float]:
        """Sums over all pictures; count_change is a fraction of the recorded count."""
        before = sum(each.count_before for each in self.changes)
        after = sum(each.count_after for each in self.changes)
        scores = [pair.score_change for each in self.changes for pair in each.matched]
        return {
            "pictures": len(self.changes),
            "pictures_unchanged": sum(each.difference == 0 for each in self.changes),
            "count_before": before,
            "count_after": after,
            "count_change": after / before - 1 if before else float(after > 0),
            "matched": sum(len(each.matched) for each in self.changes),
            "moved": sum(each.moved for each in self.changes),
            "gained": sum(len(each.gained) for each in self.changes),
            "lost": sum(len(each.lost) for each in self.changes),
            "mean_score_change": round(float(np.mean(scores)), 4) if scores else 0.0,
        }

    def worst(self, count: int) -> list[PictureChange]:
        """The pictures that change most, those with more changed boxes first among equals."""
        changed = [each for each in self.changes if each.difference > 0]
        changed.sort(key=lambda each: (-each.difference, -len(each.gained) - len(each.lost)))
        return changed[:count]

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": "replay/1",
            "candidate": self.candidate,
            "recorded": list(self.recorded),
            "totals": self.totals,
            "skipped": dict(self.skipped),
            "pictures": [each.to_json() for each in self.changes],
        }


def replay(
    detector: Detector,
    source: Source,
    records: Iterable[PredictionRecord],
    *,
    on_progress: Callable[[], None] = lambda: None,
) -> Replay:
    """Predict on every record's kept picture. Pictures that are gone, or that the candidate's
    handler rejects, are counted and left out."""
    changes: list[PictureChange] = []
    skipped: dict[str, int] = {}
    recorded: dict[str, None] = {}
    for record in records:
        found = _replay_one(detector, source, record)
        if isinstance(found, str):
            skipped[found] = skipped.get(found, 0) + 1
        else:
            changes.append(found)
            recorded[f"{record.model.name} {record.model.version}"] = None
        on_progress()
    manifest = detector.manifest
    return Replay(f"{manifest.name} {manifest.version}", tuple(recorded), tuple(changes), skipped)


def _replay_one(
    detector: Detector, source: Source, record: PredictionRecord
) -> PictureChange | str:
    """The change, or why there is none."""
    body = source.get(record.capture or "")
    if body is None:
        return "the kept picture is gone"
    thresholds = detector.manifest.thresholds
    asked = Thresholds(thresholds.score, thresholds.iou, thresholds.max_detections)
    grid = Grid(**record.tiles) if record.tiles else Grid(1, 1)
    request = PredictRequest(body, asked, grid)
    try:
        prediction = predict(request, detector=detector, max_pixels=MAX_PIXELS, tiles_s=TILES_S)
    except Problem as problem:
        return f"{problem.title}"
    candidates = read_candidates(record)
    listed = [*record.detections, *record.near_misses]
    before = [each for each, above in zip(listed, candidates.is_detection, strict=True) if above]
    after = prediction.detections.to_json(detector.manifest.classes)
    matched, gained, lost = compare_boxes(before, after)
    return PictureChange(
        prediction_id=record.prediction_id,
        time=record.time,
        capture=record.capture or "",
        width=prediction.picture.width,
        height=prediction.picture.height,
        matched=matched,
        gained=gained,
        lost=lost,
    )


def compare_boxes(
    before: Sequence[Box], after: Sequence[Box]
) -> tuple[tuple[Pair, ...], tuple[Box, ...], tuple[Box, ...]]:
    """Boxes that match, that only `after` has, and that only `before` has. Both best first."""
    boxes, true_boxes = _corners(after), _corners(before)
    matches = match(
        boxes,
        [each["label"] for each in after],
        true_boxes,
        [each["label"] for each in before],
    )
    overlaps = box_overlaps(boxes, true_boxes)[0]  # type: ignore[arg-type]
    matched = tuple(
        Pair(before[other], after[index], round(float(overlaps[index, other]), 4))
        for index, other in enumerate(matches.tolist())
        if other >= 0
    )
    gained = tuple(each for each, other in zip(after, matches, strict=True) if other < 0)
    lost = tuple(each for index, each in enumerate(before) if index not in matches)
    return matched, gained, lost


def _corners(listed: Sequence[Box]) -> NDArray[np.float64]:
    rows = [[each["box"][corner] for corner in CORNERS] for each in listed]
    return np.array(rows, np.float64).reshape(-1, 4)
