"""A made-up reference, for bundles that have none: distributions that look like a microscope's.

Only synthetic traffic uses it. What real records of a model look like, its reference.parquet says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handler.images.statistics import EMBEDDING_SIZE, LUMA_BINS
from scripts.records.observations import (
    CLASS_SHARE,
    FACTS,
    PROPERTIES,
    SCORE_BINS,
    Observations,
)
from scripts.records.reference import Reference

RECORDS = 300
ORIGIN = "made up: this bundle has no reference"


def make_plausible_reference(
    name: str, version: str, classes: Sequence[str], *, threshold: float, floor: float
) -> Reference:
    """RECORDS observations of a detector of small objects, always the same."""
    rng = np.random.default_rng(20)
    count = np.maximum(1, rng.negative_binomial(8, 8 / (8 + 45), RECORDS))
    near_misses = rng.poisson(48, RECORDS)
    histogram, scores = _draw_scores(rng, count, near_misses, threshold, floor)
    properties = dict.fromkeys(PROPERTIES, np.full(RECORDS, np.nan))
    properties |= _draw_image_properties(rng)
    means = np.array([each.mean() for each in scores])
    properties |= {
        "log_count": np.log1p(count),
        "log_near_misses": np.log1p(near_misses),
        "near_miss_share": near_misses / (count + near_misses),
        "log_below_floor": np.log1p(rng.poisson(160, RECORDS)),
        "below_floor_score": rng.normal(3.2, 0.4, RECORDS).clip(0.5),
        "score_mean": means,
        "score_std": np.array([each.std() for each in scores]),
        "score_min": np.array([each.min() for each in scores]),
        "score_max": np.array([each.max() for each in scores]),
        "score_median": np.array([np.median(each) for each in scores]),
        "log_box_area_mean": rng.normal(-5.9, 0.15, RECORDS),
        "log_box_area_std": rng.normal(0.38, 0.05, RECORDS).clip(0.1),
        "box_elongation_mean": rng.normal(0.42, 0.06, RECORDS).clip(0.05),
        "box_x_std": rng.normal(0.23, 0.02, RECORDS),
        "box_y_std": rng.normal(0.23, 0.02, RECORDS),
        "edge_share": rng.binomial(count, 0.03) / count,
    }
    shares = rng.dirichlet(np.full(len(classes), 4.0), RECORDS).round(6)
    properties |= {f"{CLASS_SHARE}{label}": shares[:, i] for i, label in enumerate(classes)}
    observations = Observations(
        _make_facts(rng, name, version, count, threshold), properties, histogram
    )
    return Reference(name, version, ORIGIN, observations, None, ())


def _draw_scores(
    rng: np.random.Generator,
    count: NDArray[np.int64],
    near_misses: NDArray[np.int64],
    threshold: float,
    floor: float,
) -> tuple[NDArray[np.uint16], list[NDArray[np.float64]]]:
    quality = rng.normal(0, 0.25, RECORDS)
    histogram = np.zeros((RECORDS, SCORE_BINS), np.uint16)
    scores = []
    for row in range(RECORDS):
        above = threshold + (0.97 - threshold) * rng.beta(2.6 + quality[row], 1.9, count[row])
        below = floor + (threshold - floor) * rng.beta(1.0, 2.5, near_misses[row])
        both = np.concatenate([above, below])
        histogram[row] = np.histogram(both, SCORE_BINS, (0, 1))[0]
        scores.append(above)
    return histogram, scores


def _draw_image_properties(rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    exposure, detail = rng.normal(0, 1, (2, RECORDS))
    drawn = {
        "brightness": 0.52 + 0.05 * exposure,
        "contrast": 0.21 + 0.03 * rng.normal(0, 1, RECORDS),
        "sharpness": 0.031 * np.exp(0.2 * detail),
        "focus": 0.42 + 0.05 * detail + 0.02 * rng.normal(0, 1, RECORDS),
        "noise": 0.011 * np.exp(0.15 * rng.normal(0, 1, RECORDS)),
        "red_to_green": 0.04 + 0.03 * rng.normal(0, 1, RECORDS),
        "blue_to_green": -0.03 + 0.03 * rng.normal(0, 1, RECORDS),
        "jpeg_quality": rng.choice([88.0, 90.0, 90.0, 92.0], RECORDS),
        "log_megapixels": np.full(RECORDS, np.log(1.96)),
        "log_aspect_ratio": np.zeros(RECORDS),
        "log_bytes_per_pixel": -2.57 + 0.12 * detail + 0.05 * rng.normal(0, 1, RECORDS),
    }
    bins = (np.arange(LUMA_BINS) + 0.5) / LUMA_BINS
    centre, width = drawn["brightness"][:, None], 0.75 * drawn["contrast"][:, None]
    luma = np.exp(-0.5 * ((bins - centre) / width) ** 2) + 0.02
    luma /= luma.sum(axis=1, keepdims=True)
    drawn |= {f"luma_{i}": luma[:, i] for i in range(LUMA_BINS)}
    mixing = np.random.default_rng(21).normal(0, 0.1, (2, EMBEDDING_SIZE))
    embedding = np.stack([exposure, detail], axis=1) @ mixing
    embedding += rng.normal(0, 0.08, (RECORDS, EMBEDDING_SIZE))
    return drawn | {f"embedding_{i}": embedding[:, i] for i in range(EMBEDDING_SIZE)}


def _make_facts(
    rng: np.random.Generator, name: str, version: str, count: NDArray[np.int64], threshold: float
) -> dict[str, NDArray[np.generic]]:
    known = {
        "prediction_id": [f"reference-{row:04d}" for row in range(RECORDS)],
        "schema": ["prediction/2"] * RECORDS,
        "time": np.datetime64("2026-01-01T00:00:00", "ms") + np.arange(RECORDS) * 60_000,
        "model_name": [name] * RECORDS,
        "model_version": [version] * RECORDS,
        "outcome": ["ok"] * RECORDS,
        "format": ["JPEG"] * RECORDS,
        "width": np.full(RECORDS, 1400.0),
        "height": np.full(RECORDS, 1400.0),
        "orientation": np.ones(RECORDS),
        "image_sha256": [rng.bytes(32).hex() for _ in range(RECORDS)],
        "dhash": [rng.bytes(8).hex() for _ in range(RECORDS)],
        "score_threshold": np.full(RECORDS, threshold),
        "iou_threshold": np.full(RECORDS, 0.5),
        "max_detections": np.full(RECORDS, 300.0),
        "model_threshold": np.full(RECORDS, threshold),
        "total_ms": np.exp(rng.normal(np.log(110), 0.2, RECORDS)),
        "inference_ms": np.exp(rng.normal(np.log(60), 0.15, RECORDS)),
        "detections": count.astype(float),
    }
    empty: dict[str, object] = {"O": "", "f8": np.nan, "?": False}
    return {
        column: np.array(known[column], dtype=kind)
        if column in known
        else np.full(RECORDS, empty[kind], dtype=kind)
        for column, kind in FACTS.items()
    }
