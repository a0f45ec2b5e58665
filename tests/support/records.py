"""A record for tests of the log."""

from __future__ import annotations

from handler.records.record import Model, PredictionRecord


def make_record(prediction_id: str = "3f8a1c52-0000-4000-8000-000000000001") -> PredictionRecord:
    return PredictionRecord(
        prediction_id=prediction_id,
        time="2026-11-23T04:05:06.789Z",
        route="/v1/detect",
        model=Model("microalgae", "1.0.0", "0" * 64),
        image=None,
        thresholds=None,
        count=None,
        counts=None,
        detections=[],
        near_misses=[],
        timing_ms={"total": 1.5},
        cold_start=False,
        outcome="rejected",
        problem="urn:icebox:problem:bad-request",
    )
