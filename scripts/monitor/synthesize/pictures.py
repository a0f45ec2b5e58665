"""What synthetic pictures are like and what the model sees in them: rows of the reference, drawn
again with a little jitter, and moved by the planted shifts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.images.statistics import EMBEDDING_SIZE, LUMA_BINS
from scripts.monitor.synthesize.detections import PropertyRows, draw_candidates
from scripts.monitor.synthesize.shifts import PropertyMover, Shift, robust_scale
from scripts.monitor.synthesize.traffic import Plan
from scripts.records.observations import IMAGE_PROPERTIES

_JITTER = 0.05  # of a robust standard deviation: no two pictures are quite the same
_UNJITTERED = {"jpeg_quality", "log_megapixels", "log_aspect_ratio"}
_NEW_CAMERA, _NEW_FORMAT = (2048.0, 1536.0), "WEBP"
_CHANGED_THRESHOLD = {"mild": 0.08, "medium": 0.18, "strong": 0.3}  # added to the model's own
_STUCK = 0x57C  # seeds the one picture of a stuck camera
# Image fields that are a property as it is, and their digits.
_FIELDS = {
    "brightness": 4, "contrast": 4, "sharpness": 4, "focus": 4, "noise": 5, "red_to_green": 4,
    "blue_to_green": 4,
}  # fmt: skip
_LOG_RATIOS = ("focus", "red_to_green", "blue_to_green")  # of either sign


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture and what the model sees in it, best first.

    image: the record's. threshold: the model's own. scores: (k,), all candidates. boxes: (k, 4),
    xyxy in px. classes: int (k,).
    """

    image: dict[str, Any]
    threshold: float
    scores: NDArray[np.float64]
    boxes: NDArray[np.float64]
    classes: NDArray[np.int64]
    below_floor: int
    below_floor_score: float

    def count_above(self, threshold: float) -> int:
        """How many candidates score at least `threshold`."""
        return int(np.searchsorted(-self.scores, -threshold, side="right"))

    @cached_property
    def scored_boxes(self) -> NDArray[np.float64]:
        """Scores and corners, (k, 5)."""
        return np.concatenate([self.scores[:, None], self.boxes], axis=1)


class PictureMaker:
    """Draws pictures by a plan."""

    def __init__(self, plan: Plan) -> None:
        self._manifest, self._seed = plan.manifest, plan.seed
        observations = plan.reference.observations
        self._observations = observations.select(observations.is_prediction)
        self._names = list(observations.properties)
        self._matrix = self._observations.matrix(self._names)
        is_jittered = [name in IMAGE_PROPERTIES and name not in _UNJITTERED for name in self._names]
        self._jitter = np.where(is_jittered, _JITTER * robust_scale(self._matrix)[1], 0.0)
        self._shifts: list[tuple[np.datetime64, Shift, PropertyMover]] = [
            (
                np.datetime64(shift.starts(plan.start).replace(tzinfo=None), "ms"),
                shift,
                PropertyMover(shift, plan.reference, self._names),
            )
            for shift in sorted(plan.shifts, key=lambda shift: shift.day)
        ]

    def draw(self, rng: np.random.Generator, times: NDArray[np.datetime64]) -> list[Picture]:
        """A picture for each time (n,)."""
        pictures = self._draw(rng, times)
        for start, shift, _ in self._shifts:
            if shift.name == "stuck" and self._stuck is not None:
                pictures = [
                    self._stuck if is_stuck else picture
                    for picture, is_stuck in zip(pictures, (times >= start).tolist(), strict=True)
                ]
        return pictures

    @cached_property
    def _stuck(self) -> Picture | None:
        starts = [start for start, shift, _ in self._shifts if shift.name == "stuck"]
        if not starts:
            return None
        rng = np.random.default_rng([self._seed, _STUCK])
        return self._draw(rng, np.array(starts[:1]))[0]

    def _draw(self, rng: np.random.Generator, times: NDArray[np.datetime64]) -> list[Picture]:
        count = len(times)
        source = rng.integers(len(self._matrix), size=count)
        values = self._matrix[source] + self._jitter * rng.standard_normal(
            (count, len(self._names))
        )
        facts = self._observations.facts
        sizes = np.stack([facts["width"][source], facts["height"][source]], axis=1)
        sizes = np.where(np.isfinite(sizes), sizes, 1024.0)
        formats = np.array([name or "JPEG" for name in facts["format"][source]], dtype=object)
        thresholds = np.full(count, self._manifest.thresholds.score)
        for start, shift, mover in self._shifts:
            active = times >= start
            values[active] = mover.move(values[active])
            if shift.name == "camera":
                sizes[active], formats[active] = _NEW_CAMERA, _NEW_FORMAT
            elif shift.name == "threshold":
                thresholds[active] += _CHANGED_THRESHOLD[shift.strength]
            self._follow_megapixels(values, sizes, active & (formats != _NEW_FORMAT))
        rows = PropertyRows(self._names, values)
        candidates = draw_candidates(
            rng,
            rows,
            self._observations.score_histogram[source],
            sizes,
            self._manifest.classes,
            threshold=self._manifest.thresholds.score,
            floor=self._manifest.thresholds.score_floor,
        )
        orientations = np.nan_to_num(facts["orientation"][source], nan=1.0).astype(int)
        images = _make_images(rng, rows, sizes, formats, orientations)
        below_floor = np.rint(np.expm1(rows.get("log_below_floor", 0.0))).clip(0).astype(int)
        below_floor_score = rows.get("below_floor_score", 0.0).clip(0).round(3)
        ends = np.searchsorted(candidates.owners, np.arange(count + 1))
        return [
            Picture(
                images[row],
                min(round(float(thresholds[row]), 4), 0.95),
                candidates.scores[ends[row] : ends[row + 1]],
                candidates.boxes[ends[row] : ends[row + 1]],
                candidates.classes[ends[row] : ends[row + 1]],
                int(below_floor[row]),
                float(below_floor_score[row]),
            )
            for row in range(count)
        ]

    def _follow_megapixels(
        self, values: NDArray[np.float64], sizes: NDArray[np.float64], active: NDArray[np.bool_]
    ) -> None:
        """Give the pictures whose size a shift moved that size in px."""
        rows = PropertyRows(self._names, values)
        pixels = np.exp(rows.get("log_megapixels", np.nan)) * 1e6
        ratio = np.exp(rows.get("log_aspect_ratio", 0.0))
        moved = active & (np.abs(np.log(pixels / sizes.prod(axis=1))) > 0.05)
        sizes[moved, 0] = np.sqrt(pixels * ratio)[moved].round().clip(16, 20_000)
        sizes[moved, 1] = np.sqrt(pixels / ratio)[moved].round().clip(16, 20_000)


def _make_images(
    rng: np.random.Generator,
    rows: PropertyRows,
    sizes: NDArray[np.float64],
    formats: NDArray[np.object_],
    orientations: NDArray[np.int64],
) -> list[dict[str, Any]]:
    count = len(rows)
    bytes_per_pixel = np.exp(rows.get("log_bytes_per_pixel", -2.5).clip(-8, 2))
    is_jpeg = formats == "JPEG"
    quality = np.where(is_jpeg, rows.get("jpeg_quality", np.nan).clip(1, 100).round(), np.nan)
    columns: dict[str, list[Any]] = {
        "sha256": [rng.bytes(32).hex() for _ in range(count)],
        "bytes": np.rint(bytes_per_pixel * sizes.prod(axis=1)).clip(200).astype(int).tolist(),
        "format": formats.tolist(),
        "width": sizes[:, 0].astype(int).tolist(),
        "height": sizes[:, 1].astype(int).tolist(),
        "orientation": np.where(is_jpeg, orientations, 1).tolist(),
    }
    for name, digits in _FIELDS.items():
        values = rows.get(name, np.nan)
        values = values if name in _LOG_RATIOS else values.clip(0)
        columns[name] = _with_none(values.round(digits))
    luma = rows.get_all([f"luma_{i}" for i in range(LUMA_BINS)]).clip(0)
    luma = np.rint(10_000 * luma / luma.sum(axis=1, keepdims=True).clip(1e-12))
    columns["luma_histogram"] = _rows_with_none(luma, int)
    columns["dhash"] = [rng.bytes(8).hex() for _ in range(count)]
    embedding = rows.get_all([f"embedding_{i}" for i in range(EMBEDDING_SIZE)]).round(3)
    columns["embedding"] = _rows_with_none(embedding, float)
    columns["jpeg_quality"] = [None if each is None else int(each) for each in _with_none(quality)]
    names = list(columns)
    return [dict(zip(names, each, strict=True)) for each in zip(*columns.values(), strict=True)]


def _with_none(values: NDArray[np.float64]) -> list[float | None]:
    """NaN, which JSON does not know, as None."""
    return [None if value != value else value for value in values.tolist()]


def _rows_with_none(values: NDArray[np.float64], kind: type) -> list[list[Any] | None]:
    is_known = np.isfinite(values.sum(axis=1))
    known = np.where(is_known[:, None], values, 0).astype(kind).tolist()
    return [row if is_whole else None for row, is_whole in zip(known, is_known, strict=True)]
