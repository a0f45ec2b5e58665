"""Windows of observations without records: rows of a made-up reference, drawn again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from scripts.monitor.synthesize.plausible import make_plausible_reference
from scripts.records.observations import Observations
from scripts.records.read import ReadCounts, ReadResult
from scripts.records.window import Window

START = datetime(2026, 11, 15, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=14))
REFERENCE = make_plausible_reference("cells", "1.0.0", ("cell",), threshold=0.32, floor=0.05)
BLUR = {"focus": -3.0, "sharpness": -2.5, "score_mean": -1.5, "log_count": -0.7}


def draw_window(
    count: int, *, seed: int = 0, shift: dict[str, float] | None = None, changed: float = 0.6
) -> ReadResult:
    """Predictions, evenly over WINDOW. shift: by property in standard deviations, on the part of
    the window from `changed` on."""
    rng = np.random.default_rng(seed)
    base = REFERENCE.observations
    rows = base.select(rng.integers(len(base), size=count))
    span_ms = int((WINDOW.end - WINDOW.start) / timedelta(milliseconds=1))
    times = np.datetime64(WINDOW.start.replace(tzinfo=None), "ms") + (
        np.arange(count) * span_ms // count
    )
    facts = dict(rows.facts) | {
        "time": times,
        "prediction_id": np.array([f"id-{number:06d}" for number in range(count)], dtype=object),
        "image_sha256": np.array([rng.bytes(32).hex() for _ in range(count)], dtype=object),
        "dhash": np.array([rng.bytes(8).hex() for _ in range(count)], dtype=object),
    }
    properties = dict(rows.properties)
    is_after = np.arange(count) >= changed * count
    for name, effect in (shift or {}).items():
        properties[name] = properties[name] + effect * is_after * np.nanstd(base.properties[name])
    return read_result(Observations(facts, properties, rows.score_histogram))


def read_result(observations: Observations) -> ReadResult:
    """The observations as if they had been read."""
    predictions = int(observations.is_prediction.sum())
    schemas = {"prediction/2": len(observations)}
    counts = ReadCounts(
        len(observations), predictions, len(observations) - predictions, 0, 0, (), schemas
    )
    return ReadResult(observations, counts)
