"""The clock of a step's parts, on a time of the test's own."""

from __future__ import annotations

import threading
import time

import pytest

from scripts.bench.training_speed.clock import StepClock


def test_a_part_within_another_counts_for_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lightning's optimizer, which runs forward and backward within its step."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    steps: list[dict[str, float]] = []

    def pause(parts: dict[str, float]) -> None:
        steps.append(parts)
        now[0] += 1000

    clock = StepClock(pause)
    for _ in range(2):
        with clock.part("data"):
            now[0] += 1
        clock.enter("optimizer")
        now[0] += 2
        with clock.part("forward"):
            now[0] += 4
            with clock.part("forward"):  # a module's modules
                now[0] += 8
        elsewhere = threading.Thread(target=clock.enter, args=("data",))
        elsewhere.start()
        elsewhere.join()
        now[0] += 16
        clock.leave()
        now[0] += 32
        clock.end_step()
    expected = {"data": 1, "optimizer": 18, "forward": 12, "other": 32}
    assert steps == [expected, expected]


def test_a_part_ends_with_the_work_that_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now, queued = [0.0], [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def wait() -> None:
        now[0] += queued[0]
        queued[0] = 0

    steps: list[dict[str, float]] = []
    clock = StepClock(steps.append, wait)
    with clock.part("forward"):
        queued[0] = 5  # a GPU's work, begun and not awaited
    clock.end_step()
    assert steps == [{"other": 0, "forward": 5}]
