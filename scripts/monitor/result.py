"""MonitorResult: what the monitor says of one window of records. report.json is this, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scripts.records.read import ReadCounts

SCHEMA = "monitor/1"

CauseName = Literal[
    "darker",
    "brighter",
    "defocused",
    "noisier",
    "rescaled",
    "jpeg",
    "cast",
    "fewer objects",
    "more objects",
    "foreign pictures",
    "worse model",
    "changed threshold",
    "stuck camera",
    "new camera",
    "unknown",
]
Status = Literal["ok", "changed", "attention", "too few"]


@dataclass(frozen=True)
class Finding:
    """An exact check that found something. name: such as `stuck camera`, `new category`,
    `rejected share`, `latency`, `cold share`, `record loss`. evidence: numbers for report.json."""

    name: str
    is_alarm: bool
    sentence: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PropertyShift:
    """How one property moved. effect: difference of the medians in the reference's robust standard
    deviations. p_value: adjusted for all properties together."""

    name: str
    reference_median: float
    window_median: float
    effect: float
    p_value: float


@dataclass(frozen=True)
class ChangeDecision:
    """Whether the window differs from the reference, at a family-wise error of `level`.

    window_p_value: of the permutation test over all properties. martingale: the largest value of
    the conformal test martingale, which is valid at every look; its alarm is at `martingale_limit`.
    alarm_time: RFC 3339, when it crossed. shifts: largest effect first. notes: sentences, such as
    that seasons are not considered.
    """

    is_changed: bool
    level: float
    window_p_value: float
    martingale: float
    martingale_limit: float
    alarm_time: str | None
    shifts: tuple[PropertyShift, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangePoint:
    """Since when: RFC 3339 times, the best guess and the ends of its interval."""

    time: str
    earliest: str
    latest: str
    coverage: float
    records_before: int
    records_after: int


@dataclass(frozen=True)
class Cause:
    """Why. confidence: 0..1. runner_up: the next best. evidence: the properties that say so, as
    sentences."""

    name: CauseName
    confidence: float
    runner_up: CauseName | None
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; value is null where the monitor refuses, for a `reason`."""

    value: float | None
    low: float | None
    high: float | None
    coverage: float
    reason: str | None = None


@dataclass(frozen=True)
class Quality:
    """How good still. Fractions; count_bias is (predicted - true) / true over the window.

    source: `label-free` by the scores and the reference, or `corrected` with people's feedback.
    corrections: how many were used. sentence: what more corrections would bring.
    """

    source: Literal["label-free", "corrected"]
    ap50: Estimate
    precision: Estimate
    recall: Estimate
    count_bias: Estimate
    corrections: int = 0
    sentence: str = ""


@dataclass(frozen=True)
class Day:
    """One step of the timeline. time: RFC 3339, of its start. medians: by property."""

    time: str
    predictions: int
    rejected: int
    mean_count: float | None
    medians: Mapping[str, float]
    martingale: float | None = None


@dataclass(frozen=True)
class Surprise:
    """A picture unlike the reference. reason: the property that is furthest out, as a sentence.
    capture: the key of the kept picture."""

    prediction_id: str
    time: str
    surprise: float
    reason: str
    capture: str | None = None


@dataclass(frozen=True)
class MonitorResult:
    """All that one report says. title sentence first: `verdict`."""

    model_name: str
    model_version: str
    stream: str  # which records: a route, or all
    window_start: str
    window_end: str
    reference: str  # a sentence: what the window is compared with
    status: Status
    verdict: str
    read: ReadCounts
    findings: tuple[Finding, ...]
    decision: ChangeDecision | None
    since: ChangePoint | None
    cause: Cause | None
    quality: tuple[Quality, ...]
    timeline: tuple[Day, ...]
    surprises: tuple[Surprise, ...]
    histograms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    schema: str = SCHEMA
    # Where since is None: the first records of the window differ already, so that the change came
    # with its start or before.
    is_changed_from_start: bool = False
