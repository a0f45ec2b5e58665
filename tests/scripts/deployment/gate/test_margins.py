"""The verdict on a figure: its margin decides, and the resampled interval says how sure it is."""

from __future__ import annotations

import pytest

from scripts.deployment.gate.margins import ACCURACY, LATENCY, SIZE

BY_NAME = {margin.name: margin for margin in (*ACCURACY, LATENCY, SIZE)}


@pytest.mark.parametrize(
    ("name", "live", "new", "interval", "verdict"),
    [
        ("ap50", 0.85, 0.84, (-0.01, 0.0), "as good"),  # exactly the margin is allowed
        ("ap50", 0.85, 0.839, (-0.02, 0.01), "worse"),
        ("ap50", 0.85, 0.845, (-0.03, 0.02), "unsure"),
        ("ap50", 0.85, 0.87, (0.005, 0.03), "better"),
        ("ap50", 0.85, 0.87, (-0.005, 0.03), "as good"),
        ("ap50", 0.85, float("nan"), None, "worse"),
        ("count_error", 0.05, 0.06, (0.0, 0.01), "as good"),
        ("count_error", 0.05, 0.061, (0.0, 0.02), "worse"),
        ("count_error", 0.05, 0.05, (-0.01, 0.02), "unsure"),
        ("count_error", 0.05, 0.03, (-0.03, -0.01), "better"),
        ("inference_ms", 30.0, 37.0, None, "as good"),
        ("inference_ms", 30.0, 38.0, None, "worse"),
        ("inference_ms", 0.2, 1.0, None, "as good"),  # nobody notices 0.8 ms
        ("model_mb", 4.0, 8.0, None, "as good"),
        ("model_mb", 4.0, 8.1, None, "worse"),
    ],
)
def test_the_verdict(
    name: str, live: float, new: float, interval: tuple[float, float] | None, verdict: str
) -> None:
    low, high = interval or (None, None)
    assert BY_NAME[name].judge(live, new, low, high) == verdict
