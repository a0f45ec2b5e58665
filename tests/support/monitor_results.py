"""Monitor results made by hand, of every status, for tests of the report."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from PIL import Image

from scripts.monitor.report.pictures import DrawnPicture
from scripts.monitor.result import (
    Cause,
    ChangeDecision,
    ChangePoint,
    Day,
    Estimate,
    Finding,
    MonitorResult,
    PropertyShift,
    Quality,
    Surprise,
)
from scripts.records.read import ReadCounts

START = datetime(2026, 11, 15, tzinfo=UTC)
DAYS = 14
CHANGED_DAY = 9
REFUSAL = "the window is unlike everything that was measured, so scores say nothing about AP50"

DECISION = ChangeDecision(
    is_changed=True,
    level=1 / 365,
    window_p_value=0.0002,
    martingale=84_000.0,
    martingale_limit=100.0,
    alarm_time="2026-11-24T15:10:00Z",
    shifts=(
        PropertyShift("focus", 0.42, 0.26, -2.98, 0.0002),
        PropertyShift("sharpness", 0.0313, 0.0157, -2.52, 0.0002),
        PropertyShift("score_mean", 0.694, 0.655, -1.46, 0.0002),
        PropertyShift("log_bytes_per_pixel", -2.57, -2.76, -1.4, 0.0004),
        PropertyShift("log_count", 3.74, 3.44, -0.8, 0.004),
        PropertyShift("brightness", 0.52, 0.521, 0.01, 0.97),
        PropertyShift("contrast", 0.213, 0.205, -0.27, 0.6),
        PropertyShift("red_to_green", 0.04, 0.041, 0.07, 0.99),
    ),
    notes=("Seasons are not considered: that needs four weeks of records.",),
)
QUALITY = Quality(
    "label-free",
    Estimate(0.81, 0.72, 0.88, 0.9),
    Estimate(0.9, 0.83, 0.94, 0.9),
    Estimate(0.76, 0.66, 0.85, 0.9),
    Estimate(-0.18, -0.25, -0.1, 0.9),
)
CORRECTED = Quality(
    "corrected",
    Estimate(0.78, 0.7, 0.86, 0.9),
    Estimate(0.88, 0.82, 0.93, 0.9),
    Estimate(0.74, 0.68, 0.8, 0.9),
    Estimate(-0.2, -0.26, -0.15, 0.9),
    corrections=38,
    sentence="114 more corrections would halve the interval of the count error.",
)


def make_changed(**fields: Any) -> MonitorResult:
    """Pictures are out of focus since day CHANGED_DAY."""
    result = MonitorResult(
        model_name="microalgae",
        model_version="1.0.0",
        stream="/v1/detect",
        window_start=_time(0),
        window_end=_time(DAYS),
        reference="300 rendered pictures of seeds 500000 to 500299",
        status="changed",
        verdict="Something changed: pictures are out of focus since 24 Nov 13:00 (± 3 h); counts "
        "are probably 18 % too low (−25 % to −10 %).",
        read=ReadCounts(
            4012, 3966, 46, 12, 2,
            ("predictions/model=microalgae/version=1.0.0/dt=2026-11-20/hour=07/3f8a.json.gz",) * 2,
            {"prediction/1": 1200, "prediction/2": 2812},
        ),
        findings=(
            Finding("rejected share", False, "1.1 % of the requests were rejected, as usual."),
            Finding("latency", True, "The median latency rose from 110 ms to 190 ms on 24 Nov."),
        ),
        decision=DECISION,
        since=ChangePoint(
            "2026-11-24T13:00:00Z", "2026-11-24T10:30:00Z", "2026-11-24T16:00:00Z", 0.95, 2700, 1266
        ),
        cause=Cause(
            "defocused", 0.93, "rescaled",
            ("Focus fell by 3.0 standard deviations.", "Sharpness fell by 2.5."),
        ),
        quality=(QUALITY, CORRECTED),
        timeline=_timeline(),
        surprises=tuple(
            Surprise(
                f"3f8a1c52-0000-4000-8000-{number:012d}",
                f"2026-11-2{4 + number % 5}T1{number}:05:00Z",
                9.0 - number, "focus is 5.1 standard deviations below the reference",
                f"captures/{number}.jpg" if number < 4 else None,
            )
            for number in range(6)
        ),
        histograms={
            name: _histogram(moved, name)
            for name, moved in (
                ("focus", 6), ("sharpness", 5), ("score_mean", 3), ("log_bytes_per_pixel", 2),
                ("log_count", 1.5), ("brightness", 0),
            )
        },
    )  # fmt: skip
    return replace(result, **fields)


def make_ok(**fields: Any) -> MonitorResult:
    """Nothing changed."""
    shifts = tuple(replace(shift, effect=0.03, p_value=0.8) for shift in DECISION.shifts)
    good = replace(
        QUALITY, ap50=Estimate(0.9, 0.87, 0.93, 0.9), count_bias=Estimate(-0.01, -0.05, 0.04, 0.9)
    )
    result = make_changed(
        status="ok",
        verdict="Nothing changed: the 3,966 predictions of this window look like the reference.",
        decision=replace(
            DECISION, is_changed=False, window_p_value=0.43, martingale=1.7, alarm_time=None,
            shifts=shifts,
        ),
        since=None, cause=None, quality=(good,), findings=(),
        histograms={
            name: _histogram(0, name) | {"of": "this window"}
            for name in ("brightness", "sharpness", "score_mean", "log_count")
        },
        timeline=_timeline(changed=DAYS + 1),
        surprises=make_changed().surprises[:3],
        read=ReadCounts(4012, 3966, 46, 0, 0, (), {"prediction/2": 4012}),
    )  # fmt: skip
    return replace(result, **fields)


def make_too_few(**fields: Any) -> MonitorResult:
    """12 predictions."""
    return replace(
        make_ok(),
        status="too few",
        verdict="Too few predictions (12 of 20) to say whether something changed.",
        decision=None,
        quality=(refuse("12 predictions are too few"),),
        histograms={},
        surprises=(),
        timeline=tuple(Day(_time(day), day % 3, 0, 40.0 + day, {}) for day in range(DAYS)),
        read=ReadCounts(13, 12, 1, 0, 0, (), {"prediction/2": 13}),
        **fields,
    )


def make_attention(**fields: Any) -> MonitorResult:
    """A stuck camera that the distributions do not show."""
    stuck = Finding("stuck camera", True, "One picture came 212 times since 27 Nov 08:00.")
    return replace(
        make_ok(),
        status="attention",
        verdict="Attention: one picture came 212 times since 27 Nov 08:00.",
        findings=(stuck,),
        **fields,
    )


def refuse(reason: str = REFUSAL) -> Quality:
    """A quality that says nothing."""
    none = Estimate(None, None, None, 0.9, reason)
    return Quality("label-free", none, none, none, none)


def draw_pictures(result: MonitorResult) -> dict[str, DrawnPicture]:
    """A picture for each surprise that has a capture."""
    rng = np.random.default_rng(0)
    jpeg = io.BytesIO()
    Image.fromarray(rng.integers(90, 140, (300, 400, 3)).astype(np.uint8)).save(jpeg, "JPEG")
    return {
        each.prediction_id: DrawnPicture(jpeg.getvalue(), 400, 300, "31 objects found")
        for each in result.surprises
        if each.capture
    }


def _time(day: float) -> str:
    return f"{START + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"


def _timeline(changed: int = CHANGED_DAY) -> tuple[Day, ...]:
    rng = np.random.default_rng(1)
    days = []
    for day in range(DAYS):
        is_after = day >= changed
        noise = rng.normal(0, 1, 3)
        medians = {
            "focus": 0.42 - 0.16 * is_after + 0.006 * noise[0],
            "score_mean": 0.694 - 0.04 * is_after + 0.003 * noise[1],
            "log_count": 3.74 - 0.3 * is_after + 0.03 * noise[2],
        }
        busy = 120 if day % 7 in (0, 6) else 360
        days.append(Day(_time(day), busy + int(10 * noise[0]), 4, 41.0, medians))
    return tuple(days)


def _histogram(moved: float, name: str) -> dict[str, Any]:
    bins = np.arange(24)
    shares = [np.exp(-0.5 * ((bins - centre) / 3) ** 2) for centre in (13, 13 - moved)]
    reference, window = ((each / each.sum()).round(4).tolist() for each in shares)
    edges = np.linspace(0.1, 0.6, 25).round(3).tolist()
    shift = next(shift for shift in DECISION.shifts if shift.name == name)
    return {
        "edges": edges,
        "reference": reference,
        "window": window,
        "reference_median": shift.reference_median,
        "window_median": shift.window_median if moved else shift.reference_median,
        "effect": shift.effect if moved else 0.01,
        "of": "since the change",
    }
