"""The plan of synthetic traffic: of which model, when requests come, what shifts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handler.bundle.files import load_bundle
from handler.bundle.manifest import Manifest
from scripts.monitor.synthesize.plausible import make_plausible_reference
from scripts.monitor.synthesize.shifts import Shift
from scripts.records.reference import REFERENCE_FILE, Reference

CHUNK = 1000  # records that are made together; the same ones for any number of processes
_NIGHT, _WEEKEND = 0.12, 0.35  # of the traffic of a working hour


@dataclass(frozen=True, eq=False)
class Plan:
    """What to make. start, end: UTC. schema_1_days: at the start, records are of prediction/1.
    capture_share: of the predictions, whose pictures are kept. feedback_share: that are
    corrected."""

    manifest: Manifest
    reference: Reference
    start: datetime
    end: datetime
    records: int
    shifts: tuple[Shift, ...] = ()
    seed: int = 0
    schema_1_days: float = 0.0
    capture_share: float = 0.0
    feedback_share: float = 0.0


@dataclass(frozen=True, eq=False)
class Chunk:
    """A part of the traffic. times: datetime64[ms] (n,), sorted."""

    number: int
    times: NDArray[np.datetime64]


def load_model(folder: Path) -> tuple[Manifest, Reference]:
    """The manifest of a bundle, and its reference, a made-up one where it has none. Raises
    BundleError."""
    manifest = load_bundle(folder).manifest
    path = folder / REFERENCE_FILE
    if path.is_file():
        from scripts.records.reference import read_reference

        return manifest, read_reference(path)
    return manifest, make_plausible_reference(
        manifest.name,
        manifest.version,
        manifest.classes,
        threshold=manifest.thresholds.score,
        floor=manifest.thresholds.score_floor,
    )


def split_traffic(plan: Plan) -> Iterator[Chunk]:
    """All requests in the order of time: busy by day, quiet by night and at weekends."""
    rng = np.random.default_rng([plan.seed, 0])
    span_ms = max(1, int((plan.end - plan.start) / timedelta(milliseconds=1)))
    hours = -(-span_ms // 3_600_000)
    lengths = np.full(hours, 3_600_000)
    lengths[-1] = span_ms - (hours - 1) * 3_600_000
    starts = [plan.start + timedelta(hours=hour) for hour in range(hours)]
    weights = np.array([_business(start) for start in starts]) * lengths
    counts = rng.multinomial(plan.records, weights / weights.sum())
    offsets = np.repeat(np.arange(hours) * 3_600_000, counts)
    offsets += (rng.random(plan.records) * np.repeat(lengths, counts)).astype(np.int64)
    offsets.sort()
    times = np.datetime64(plan.start.replace(tzinfo=None), "ms") + offsets
    for number, first in enumerate(range(0, plan.records, CHUNK)):
        yield Chunk(number, times[first : first + CHUNK])


def _business(hour: datetime) -> float:
    day = np.exp(-0.5 * ((hour.hour - 13) / 3.5) ** 2)
    return float((_NIGHT + (1 - _NIGHT) * day) * (_WEEKEND if hour.weekday() >= 5 else 1.0))
