"""Observations drawn from known distributions: correlated properties, ties, and unknown values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scripts.records.observations import (
    CLASS_SHARE,
    FACTS,
    PROPERTIES,
    SCORE_BINS,
    Observations,
)

START = np.datetime64("2026-10-01", "ms")
STEP = np.timedelta64(10, "m")
NEW_IN_2 = ("focus", "noise", "red_to_green", "blue_to_green", "jpeg_quality", "below_floor_score")
MIXING = np.random.default_rng(3).normal(size=(6, len(PROPERTIES))) / 2


def draw_observations(count: int, seed: int) -> Observations:
    """Predictions, ten minutes apart. Properties share six causes; one is constant, one has ties,
    one is skewed and one is mostly unknown."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, len(PROPERTIES))) + random.normal(size=(count, 6)) @ MIXING
    properties = {name: values[:, index].copy() for index, name in enumerate(PROPERTIES)}
    properties["jpeg_quality"] = np.full(count, 90.0)
    properties["log_count"] = np.round(properties["log_count"])
    properties["noise"] = np.exp(properties["noise"])
    properties["score_std"][random.random(count) < 0.7] = np.nan
    properties[f"{CLASS_SHARE}cell"] = np.ones(count)
    facts = {name: _default_fact(kind, count) for name, kind in FACTS.items()}
    texts = {
        "prediction_id": [f"id-{seed}-{number:07d}" for number in range(count)],
        "schema": ["prediction/2"] * count,
        "route": ["/predict"] * count,
        "model_sha256": ["ab" * 32] * count,
        "outcome": ["ok"] * count,
        "format": ["JPEG"] * count,
        "image_sha256": [random.bytes(8).hex() for _ in range(count)],
        "dhash": [random.bytes(8).hex() for _ in range(count)],
    }
    facts |= {name: np.array(column, dtype=object) for name, column in texts.items()}
    facts["time"] = START + np.arange(count) * STEP
    for name, value in (("width", 640.0), ("height", 480.0), ("orientation", 1.0)):
        facts[name] = np.full(count, value)
    facts["total_ms"] = 100 * np.exp(0.1 * random.normal(size=count))
    return Observations(facts, properties, np.zeros((count, SCORE_BINS), np.uint16))


def _default_fact(kind: str, count: int) -> NDArray[np.generic]:
    if kind == "O":
        return np.full(count, "", dtype=object)
    if kind.startswith("datetime64"):
        return np.full(count, np.datetime64("NaT"), dtype=kind)
    return np.full(count, np.nan) if kind == "f8" else np.zeros(count, bool)


def shift(observations: Observations, effect: float, *names: str, start: int = 0) -> Observations:
    """Properties moved by `effect` of their standard deviations, from the row `start` on."""
    moved = {}
    for name in names:
        column = observations.properties[name].copy()
        column[start:] += effect * np.nanstd(column)
        moved[name] = column
    return observations.with_properties(moved)


def with_facts(observations: Observations, **columns: object) -> Observations:
    """The same with some facts replaced, by an array or by one value for all."""
    facts = dict(observations.facts)
    for name, value in columns.items():
        column = facts[name].copy()
        column[:] = value
        facts[name] = column
    return replace(observations, facts=facts)


def as_prediction_1(observations: Observations) -> Observations:
    """What records of the older schema know."""
    unknown = np.full(len(observations), np.nan)
    names = [
        name
        for name in PROPERTIES
        if name in NEW_IN_2 or name.startswith(("luma_", "embedding_", "log_below"))
    ]
    older = observations.with_properties(dict.fromkeys(names, unknown))
    return with_facts(older, schema="prediction/1", dhash="")
