"""What a load test is asked for, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scripts.bench.load.crashes import Crash
from scripts.bench.load.figures import Knee, Step
from scripts.bench.load.machine import Usage
from scripts.bench.load.records import RecordCount
from scripts.paths import SAMPLE


@dataclass(frozen=True)
class LoadOptions:
    """environments: at most at once. rates: requests a second. seconds: of each. waits: a series
    of all rates for each, s that a request may wait for an environment. form: of arrivals. crashes:
    environments to kill at once, 0 for none, at crash_rate (None: a quarter of what they can do).
    records: `file` or `s3`, a moto server. bundle: a folder, None for the default model."""

    environments: int = 2
    rates: tuple[float, ...] = (2, 4, 8, 12, 16, 20, 24, 32)
    seconds: float = 15.0
    waits: tuple[float, ...] = (0.0,)
    form: str = "poisson"
    seed: int = 1
    picture: Path = SAMPLE
    mixed: bool = False
    crashes: int = 0
    crash_rate: float | None = None
    crash_seconds: float = 30.0
    records: str = "file"
    bundle: Path | None = None


@dataclass(frozen=True)
class Series:
    """The steps of rising rates, and where it ends being well."""

    wait_s: float
    steps: list[Step]
    knee: Knee | None


@dataclass(frozen=True)
class LoadResult:
    """cold_ms: of each environment's first request, INIT included. init_ms: of INIT alone.
    resident_mb: of the environments that lived throughout, at the start and at the end."""

    options: LoadOptions
    cold_ms: list[float]
    init_ms: list[float]
    series: list[Series]
    crash: Crash | None
    crash_usage: Usage | None
    resident_mb: list[tuple[float, float]]
    records: RecordCount
    seconds: float

    def usages(self) -> list[Usage]:
        steps = [step.usage for series in self.series for step in series.steps]
        return [*steps, *([self.crash_usage] if self.crash_usage else [])]

    @property
    def is_clean(self) -> bool:
        """Whether the machine had little else to do, all the time."""
        return all(usage.is_clean for usage in self.usages())
