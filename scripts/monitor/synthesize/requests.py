"""What is random about synthetic requests, apart from their pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scripts.monitor.synthesize.traffic import Plan

ROUTES = ("/v1/detect", "/predict/", "/gradio_api/call/predict")
_ROUTE_SHARES = (0.9, 0.06, 0.04)
PROBLEMS = ("unsupported-image", "unprocessable", "bad-request", "body-too-large")
_PROBLEM_SHARES = (0.4, 0.3, 0.25, 0.05)
REJECTED_SHARE, COLD_SHARE = 0.012, 0.015
OTHER_THRESHOLD_SHARE = 0.02  # requests that name a score threshold of their own
_OTHER_THRESHOLDS = (0.25, 0.5, 0.6)
_COLD_MS = 40.0  # the first inference of an environment takes longer


@dataclass(frozen=True)
class Requests:
    """n requests, a list entry each. problems: None for a prediction. thresholds: the score that
    the request names, None for the model's own. timings: as in the record."""

    ids: list[str]
    routes: list[str]
    problems: list[str | None]
    thresholds: list[float | None]
    is_cold: list[bool]
    is_captured: list[bool]
    timings: list[dict[str, float]]


def draw_requests(rng: np.random.Generator, count: int, plan: Plan) -> Requests:
    """Draw n requests: a few rejected, a few cold, a few with a threshold of their own."""
    is_rejected = rng.random(count) < REJECTED_SHARE
    problems = rng.choice(PROBLEMS, count, p=_PROBLEM_SHARES).tolist()
    floor = plan.manifest.thresholds.score_floor
    has_own = (rng.random(count) < OTHER_THRESHOLD_SHARE).tolist()
    own = np.maximum(rng.choice(_OTHER_THRESHOLDS, count), floor).tolist()
    is_cold = rng.random(count) < COLD_SHARE
    decode = np.exp(rng.normal(np.log(38), 0.25, count))
    inference = np.exp(rng.normal(np.log(62), 0.18, count)) + np.where(is_cold, _COLD_MS, 0)
    total = decode + inference + np.exp(rng.normal(np.log(7), 0.4, count))
    rejected_ms = np.exp(rng.normal(1.5, 0.6, count)).round(1).tolist()
    times = np.stack([decode, inference, total], axis=1).round(1).tolist()
    return Requests(
        ids=[_make_id(rng.bytes(16)) for _ in range(count)],
        routes=rng.choice(ROUTES, count, p=_ROUTE_SHARES).tolist(),
        problems=[
            f"urn:icebox:problem:{problem}" if rejected else None
            for problem, rejected in zip(problems, is_rejected.tolist(), strict=True)
        ],
        thresholds=[
            threshold if named else None for threshold, named in zip(own, has_own, strict=True)
        ],
        is_cold=is_cold.tolist(),
        is_captured=(rng.random(count) < plan.capture_share).tolist(),
        timings=[
            {"total": quick}
            if rejected
            else dict(zip(("decode", "inference", "total"), each, strict=True))
            for each, quick, rejected in zip(times, rejected_ms, is_rejected.tolist(), strict=True)
        ],
    )


def _make_id(random: bytes) -> str:
    digits = random.hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
