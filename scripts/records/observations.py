"""Observations: prediction records as a table of one row a record, which statistics are made of.

`scripts.records.observe` makes them of records, by one SQL query whether these are JSON or Parquet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.images.statistics import EMBEDDING_SIZE, LUMA_BINS

SCORE_BINS = 20  # equal ones, from 0 to 1
CLASS_SHARE = "class_share:"  # a property for each class, with its label behind
DECIMALS = 5  # of properties

# What is known of a record, with the numpy kind of its column. Times are UTC. Empty text and NaN
# stand for null.
FACTS: Mapping[str, str] = {
    "prediction_id": "O",
    "schema": "O",
    "time": "datetime64[ms]",
    "route": "O",
    "model_name": "O",
    "model_version": "O",
    "model_sha256": "O",
    "outcome": "O",  # ok or rejected
    "problem": "O",
    "format": "O",
    "width": "f8",
    "height": "f8",
    "orientation": "f8",
    "image_sha256": "O",
    "dhash": "O",
    "score_threshold": "f8",  # of the request
    "iou_threshold": "f8",
    "max_detections": "f8",
    "model_threshold": "f8",  # of the model itself, NaN in prediction/1
    "is_tiled": "?",
    "cold_start": "?",
    "total_ms": "f8",
    "inference_ms": "f8",
    "detections": "f8",  # above the model's own threshold
    "capture": "O",
    "function_version": "O",  # of the Lambda function; empty in older records
}

# Numbers whose distribution a drift test compares; NaN where a record does not know one. Those of
# detections are of the detections above the model's own threshold, whichever the request had.
IMAGE_PROPERTIES: tuple[str, ...] = (
    "brightness",
    "contrast",
    "sharpness",
    "focus",
    "noise",
    "red_to_green",
    "blue_to_green",
    "jpeg_quality",
    "log_megapixels",
    "log_aspect_ratio",  # width by height
    "log_bytes_per_pixel",
    *(f"luma_{bin}" for bin in range(LUMA_BINS)),
    *(f"embedding_{axis}" for axis in range(EMBEDDING_SIZE)),
)
OUTPUT_PROPERTIES: tuple[str, ...] = (
    "log_count",  # ln(1 + count)
    "log_near_misses",  # ln(1 + near misses), from the score floor up to the model's threshold
    "near_miss_share",  # of all candidates
    "log_below_floor",  # ln(1 + count)
    "below_floor_score",  # their sum of scores
    "score_mean",
    "score_std",
    "score_min",
    "score_max",
    "score_median",
    "log_box_area_mean",  # ln of fractions of the picture
    "log_box_area_std",
    "box_elongation_mean",  # |ln(width / height)|
    "box_x_std",  # of the centres, in fractions of the picture
    "box_y_std",
    "edge_share",  # of boxes that touch the picture's edge
)
PROPERTIES: tuple[str, ...] = (*IMAGE_PROPERTIES, *OUTPUT_PROPERTIES)


@dataclass(frozen=True, eq=False)
class Observations:
    """n records as columns.

    facts: by the names of FACTS, (n,) each. properties: float64 (n,) each, PROPERTIES and a
    CLASS_SHARE for every class. score_histogram: uint16 (n, SCORE_BINS), all candidates of a
    record by score, near misses as well.
    """

    facts: Mapping[str, NDArray[Any]]
    properties: Mapping[str, NDArray[np.float64]]
    score_histogram: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.score_histogram)

    def select(self, rows: NDArray[Any] | slice) -> Observations:
        """The rows that a mask, indices or a slice chooses."""
        return Observations(
            {name: column[rows] for name, column in self.facts.items()},
            {name: column[rows] for name, column in self.properties.items()},
            self.score_histogram[rows],
        )

    def matrix(self, names: Iterable[str]) -> NDArray[np.float64]:
        """Properties as columns, float64 (n, names); one that is not there is NaN."""
        unknown = np.full(len(self), np.nan)
        columns = [self.properties.get(name, unknown) for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((len(self), 0))

    def sorted_by_time(self) -> Observations:
        """Oldest first; those of one millisecond by id, so that the order is always the same."""
        order = time_order(self.facts["time"], self.facts["prediction_id"])
        if bool((order == np.arange(len(order))).all()):
            return self  # as they are read: at a million records a copy is a gigabyte
        return self.select(order)

    @property
    def is_prediction(self) -> NDArray[np.bool_]:
        """Which rows are of predictions rather than rejections, bool (n,)."""
        mask: NDArray[np.bool_] = self.facts["outcome"] == "ok"
        return mask

    def with_properties(self, properties: Mapping[str, NDArray[np.float64]]) -> Observations:
        """The same with some properties set."""
        return replace(self, properties={**self.properties, **properties})


def round_property(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A property's values as a reference's file keeps them, the same shape.

    Who writes, reads or compares properties rounds by this. Many are discrete: ln(1 + 6) and
    ln(1 + 6) rounded would be no tie, and all ranks of one side would lie below the other's. So
    would 1 / 64, rounded to even here and away from 0 there.
    """
    rounded: NDArray[np.float64] = np.round(values, DECIMALS)
    return rounded


def time_order(times: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.intp]:
    """Rows by time, those of one time by id."""
    order = np.argsort(times, kind="stable")
    sorted_times = times[order]
    ties = np.flatnonzero(sorted_times[1:] == sorted_times[:-1])  # equal the one behind them
    if not len(ties):
        return order
    breaks = np.flatnonzero(np.diff(ties) > 1)
    starts = np.concatenate([ties[:1], ties[breaks + 1]])
    ends = np.concatenate([ties[breaks], ties[-1:]]) + 2
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        some = order[start:end]
        order[start:end] = some[np.argsort(ids[some], kind="stable")]
    return order


def join_observations(parts: Iterable[Observations]) -> Observations:
    """Rows of all parts. A class that a part does not know has a share of 0 in those of its
    records that have detections."""
    parts = list(parts)
    names = dict.fromkeys(name for part in parts for name in part.properties)
    return Observations(
        {
            name: np.concatenate([np.empty(0, kind), *(part.facts[name] for part in parts)])
            for name, kind in FACTS.items()
        },
        {
            name: np.concatenate([np.empty(0), *(_property(part, name) for part in parts)])
            for name in names or PROPERTIES
        },
        np.concatenate(
            [np.empty((0, SCORE_BINS), np.uint16), *(part.score_histogram for part in parts)]
        ),
    )


def _property(part: Observations, name: str) -> NDArray[np.float64]:
    if name in part.properties:
        return part.properties[name]
    if name.startswith(CLASS_SHARE):
        return np.where(part.facts["detections"] > 0, 0.0, np.nan)
    return np.full(len(part), np.nan)
