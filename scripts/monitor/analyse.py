"""Analyses a window of records against a model's reference: what one report says.

Exact checks come first, then whether the distributions changed, since when, and why, by the records
after the change. How good the predictions still are is an estimate from the scores, and, where
people corrected some, from those. A part that refuses is told as that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from handler.records.feedback import Feedback
from handler.records.record import PredictionRecord
from scripts.monitor.drift.cause import name_cause
from scripts.monitor.drift.change_point import differs_from_start, find_change_point
from scripts.monitor.drift.decide import MIN_RECORDS, decide, is_decidable
from scripts.monitor.drift.effects import shift_of
from scripts.monitor.drift.exact import check, name_unknown
from scripts.monitor.drift.levels import DAILY_LEVEL
from scripts.monitor.drift.sample import bounded
from scripts.monitor.histograms import make_histograms
from scripts.monitor.quality import corrected, label_free
from scripts.monitor.result import (
    ChangeDecision,
    ChangePoint,
    MonitorResult,
    Quality,
)
from scripts.monitor.surprises import find_surprises
from scripts.monitor.timeline import make_timeline
from scripts.monitor.verdict import choose_status, find_moved, write_verdict
from scripts.monitor.words import format_count, is_readable
from scripts.records.observations import Observations
from scripts.records.read import ReadResult
from scripts.records.reference import Reference
from scripts.records.window import Window

ALL_STREAMS = "all"
MAX_ROWS = 50_000  # for the cause and the quality: more rows tell nothing more
MAX_PREDICTIONS = 200_000  # of a window: copies of more would not fit into 2 GB beside them
MAIN_PROPERTIES = ("brightness", "sharpness", "score_mean", "log_count")
MAX_SHOWN = 9  # histograms


def analyse(
    reference: Reference,
    read: ReadResult,
    *,
    window: Window,
    stream: str = ALL_STREAMS,
    feedback: Sequence[Feedback] = (),
    corrected_records: Mapping[str, PredictionRecord] | None = None,
    chances: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    level: float = DAILY_LEVEL,
    seed: int = 0,
    max_predictions: int = MAX_PREDICTIONS,
) -> MonitorResult:
    """Compare the records of one model and stream with its reference.

    read: of `window`. stream: the route that was read, or ALL_STREAMS. feedback: people's
    corrections, of `corrected_records` by prediction_id. chances: with which pictures were chosen
    to be corrected, by prediction_id, where that is known. notes: sentences about what was read.
    max_predictions: of more, a part is analysed that is the same in every run, and all corrected
    ones; exact checks and the timeline are of all.
    """
    base = reference.observations
    findings = check(base, read.observations, read.counts)
    is_prediction = read.observations.is_prediction
    count = int(is_prediction.sum())
    rows = _choose_rows(read.observations, corrected_records or {}, max_predictions)
    predictions = (
        read.observations if len(rows) == len(is_prediction) else read.observations.select(rows)
    )
    decision = decide(base, predictions, level=level, seed=seed)
    status = choose_status(findings, decision, is_decidable=is_decidable(decision))
    since, cause, is_changed_from_start = None, None, False
    part = predictions
    if status == "changed":
        since = _count_around(find_change_point(base, predictions), read.observations)
        is_changed_from_start = since is None and differs_from_start(base, predictions, seed=seed)
        part = _after(predictions, since)
        cause = name_cause(reference, _sample(part, seed), findings)
    quality, quality_notes = _estimate_quality(
        reference, part, feedback, corrected_records or {}, chances, seed
    )
    shown = _choose_shown(base, part, decision if status == "changed" else None)
    is_part = len(part) < len(predictions)
    start = f"{window.start:%Y-%m-%dT%H:%M:%SZ}"
    unknown = name_unknown(base, read.observations)
    return MonitorResult(
        model_name=reference.model_name,
        model_version=reference.model_version,
        stream=stream,
        window_start=start,
        window_end=f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        reference=_describe_reference(reference),
        status=status,
        verdict=write_verdict(
            status,
            count,
            MIN_RECORDS,
            findings,
            since,
            cause,
            decision,
            quality,
            changed_from=start if is_changed_from_start else "",
        ),
        read=read.counts,
        findings=findings,
        decision=decision,
        since=since,
        cause=cause,
        quality=quality,
        timeline=make_timeline(read.observations, window, shown[:3]),
        surprises=find_surprises(base, part),
        histograms=make_histograms(
            base, part, shown, "since the change" if is_part else "this window"
        ),
        notes=(
            *notes,
            *quality_notes,
            *_note_schemas(read),
            *([unknown] if unknown else []),
            *_note_part(len(predictions), count),
        ),
        is_changed_from_start=is_changed_from_start,
    )


def _choose_rows(
    observations: Observations, corrected_records: Mapping[str, PredictionRecord], limit: int
) -> NDArray[np.int64]:
    """Indices of the predictions to analyse, ascending: all, or `limit` of them and those that
    people corrected."""
    rows = np.flatnonzero(observations.is_prediction)
    if len(rows) <= limit:
        return rows
    ids = observations.facts["prediction_id"][rows]
    chosen = set(bounded(ids, limit).tolist())
    chosen |= {row for row, each in enumerate(ids.tolist()) if each in corrected_records}
    return rows[np.array(sorted(chosen), np.int64)]


def _count_around(since: ChangePoint | None, observations: Observations) -> ChangePoint | None:
    """The change point with the numbers of all predictions before and after it."""
    if since is None:
        return None
    times = observations.facts["time"][observations.is_prediction]
    before = int((times < np.datetime64(since.time.removesuffix("Z"), "ms")).sum())
    return replace(since, records_before=before, records_after=len(times) - before)


def _note_part(analysed: int, count: int) -> list[str]:
    if analysed == count:
        return []
    return [
        f"Of {count:,} predictions {analysed:,} are analysed, the same ones in every run; exact "
        "checks and the timeline are of all."
    ]


def _after(predictions: Observations, since: ChangePoint | None) -> Observations:
    """The predictions since the change; all, where these are too few or it is not known."""
    if since is None:
        return predictions
    start = np.datetime64(since.time.removesuffix("Z"), "ms")
    after = predictions.facts["time"] >= start
    return predictions.select(after) if after.sum() >= MIN_RECORDS else predictions


def _sample(observations: Observations, seed: int) -> Observations:
    if len(observations) <= MAX_ROWS:
        return observations
    rows = np.random.default_rng(seed).choice(len(observations), MAX_ROWS, replace=False)
    return observations.select(np.sort(rows))


def _estimate_quality(
    reference: Reference,
    part: Observations,
    feedback: Sequence[Feedback],
    corrected_records: Mapping[str, PredictionRecord],
    chances: Mapping[str, float] | None,
    seed: int,
) -> tuple[tuple[Quality, ...], list[str]]:
    found = [label_free.estimate(reference, _sample(part, seed), seed=seed)]
    notes = []
    if feedback:
        ids = set(part.facts["prediction_id"].tolist())
        of_part = [each for each in feedback if each.prediction_id in ids]
        quality = corrected.estimate(corrected_records, of_part, part, chances=chances, seed=seed)
        if quality is not None:
            found.insert(0, quality)
        else:
            notes.append(
                f"{format_count(len(feedback), 'correction')} could not be used: none is of a "
                "picture that is judged here."
            )
    return tuple(found), notes


def _choose_shown(
    base: Observations, part: Observations, decision: ChangeDecision | None
) -> list[str]:
    """Properties to show: those that moved, furthest in `part` first, then the main ones."""
    names = [shift.name for shift in find_moved(decision)]
    names = [name for name in names if is_readable(name)] or names[:3]
    effects = {
        name: abs(shift_of(base.properties[name], part.properties[name])[2])
        for name in names
        if name in base.properties and name in part.properties
    }
    moved = sorted(effects, key=lambda name: -effects[name])
    return list(dict.fromkeys([*moved[: MAX_SHOWN - 3], *MAIN_PROPERTIES]))[:MAX_SHOWN]


def _describe_reference(reference: Reference) -> str:
    return f"{format_count(len(reference.observations), 'record')}: {reference.origin}"


def _note_schemas(read: ReadResult) -> list[str]:
    old = read.counts.schemas.get("prediction/1", 0)
    if not old:
        return []
    return [
        f"{format_count(old, 'record')} of prediction/1 have no focus, noise, colour, hash or "
        "embedding: of these, a change is seen in the newer records only."
    ]
