"""A generated load has its rates; a trace is read as it is, or refused with the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.bench.capacity.arrivals import Load, generate, rates, read_trace
from scripts.tool import ToolError


def test_a_load_follows_its_day_and_never_exceeds_its_rate() -> None:
    load = Load(rate=1000, seconds=600, trough=0.2, period_s=600, bursts=0)
    times = generate(load)
    assert np.all(np.diff(times) >= 0) and times[0] >= 0 and times[-1] < 600
    counts = np.histogram(times, bins=[0, 30, 285, 315, 570, 600])[0] / [30, 255, 30, 255, 30]
    assert counts[0] == pytest.approx(204, rel=0.05)  # the night
    assert counts[2] == pytest.approx(999, rel=0.05)  # the top
    assert len(times) / 600 == pytest.approx(600, rel=0.01)  # halfway between both
    bursty = Load(rate=1000, seconds=600, bursts=4)
    assert rates(bursty).max() == pytest.approx(1000, rel=0.001)
    assert np.sum(rates(bursty) > 990) >= 15  # of the burst at the day's top
    assert np.array_equal(generate(bursty), generate(bursty))


def test_a_constant_load_is_poisson() -> None:
    times = generate(Load(rate=50, seconds=2000, trough=1, bursts=0))
    counts = np.bincount(times.astype(int), minlength=2000)
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.1)
    gaps = np.diff(times)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    "load",
    [Load(rate=0), Load(rate=1e6), Load(seconds=0), Load(trough=2), Load(seconds=86_400.0)],
)
def test_a_load_without_bounds_is_refused(load: Load) -> None:
    with pytest.raises(ToolError):
        generate(load)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        pytest.param("time\n5.5\n5\n7\n", [0, 0.5, 2], id="seconds, in any order"),
        pytest.param(
            "Time\n2026-11-29T10:00:00Z\n2026-11-29T10:00:01.5Z\n\n", [0, 1.5], id="ISO 8601"
        ),
    ],
)
def test_a_trace_of_times(tmp_path: Path, text: str, times: list[float]) -> None:
    (tmp_path / "trace.csv").write_text(text)
    assert read_trace(tmp_path / "trace.csv").tolist() == pytest.approx(times)


def test_a_trace_of_counts_is_spread_over_its_minutes(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("minute,count\n10,600\n12,60\n")
    times = read_trace(tmp_path / "trace.csv")
    assert np.histogram(times, bins=[0, 60, 120, 180])[0].tolist() == [600, 0, 60]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected the heading"),
        ("when\n1\n", "expected the heading"),
        ("time\n", "no requests"),
        ("time\n1\nnoon\n", "line 3: 'noon' is no time"),
        ("time\nnan\n", "line 2: 'nan' is no time"),
        ("minute,count\n1,-5\n", "line 2: expected a minute"),
        ("minute,count\n1,2,3\n", "line 2: '1,2,3' are no two numbers"),
        ("minute,count\n1,99999999\n", "more than 8,000,000 requests"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "trace.csv").write_text(text)
    with pytest.raises(ToolError, match=complaint):
        read_trace(tmp_path / "trace.csv")
