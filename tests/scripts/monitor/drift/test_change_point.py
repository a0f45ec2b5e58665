"""Since when: close to where the change is, and silent where there is none within the window."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.monitor.drift.change_point import differs_from_start, find_change_point
from scripts.monitor.result import ChangePoint
from scripts.records.observations import Observations
from tests.support.drawn_observations import START, STEP, draw_observations, shift

REFERENCE = draw_observations(300, seed=0)


def position(time: str) -> float:
    return float((np.datetime64(time.removesuffix("Z"), "ms") - START) / STEP)


def find(window: Observations) -> ChangePoint:
    point = find_change_point(REFERENCE, window)
    assert point is not None
    return point


@pytest.mark.parametrize("start", [30, 100, 170])
def test_it_is_within_a_tenth_of_the_window(start: int) -> None:
    covered = 0
    for seed in range(6):
        window = shift(
            draw_observations(200, 100 + seed), 1.2, "focus", "noise", "score_mean", start=start
        )
        point = find(window)
        assert abs(position(point.time) - start) <= 20
        assert position(point.earliest) <= position(point.time) <= position(point.latest)
        assert point.records_before + point.records_after == 200
        assert point.records_before == position(point.time)
        covered += position(point.earliest) <= start <= position(point.latest)
    assert covered >= 4


def test_the_interval_of_a_small_change_is_wider() -> None:
    def width(effect: float) -> float:
        widths = []
        for seed in range(4):
            point = find(shift(draw_observations(300, seed), effect, "focus", "noise", start=150))
            widths.append(position(point.latest) - position(point.earliest))
        return float(np.mean(widths))

    assert width(1.0) > 2 * width(4.0)


def test_a_window_that_is_changed_as_a_whole_has_no_change_within() -> None:
    window = shift(draw_observations(200, seed=3), 2.0, "focus", "noise")
    assert find_change_point(REFERENCE, window) is None
    assert differs_from_start(REFERENCE, window)


def test_the_first_quarter_tells_whether_a_window_is_changed_from_its_start() -> None:
    late = shift(draw_observations(200, seed=3), 2.0, "focus", "noise", start=80)
    assert not differs_from_start(REFERENCE, late)
    assert not differs_from_start(REFERENCE, draw_observations(200, seed=5))
    assert not differs_from_start(REFERENCE, draw_observations(10, seed=5))


def test_a_quiet_window_has_none() -> None:
    found = [find_change_point(REFERENCE, draw_observations(200, 40 + seed)) for seed in range(10)]
    assert sum(point is not None for point in found) <= 2


@pytest.mark.parametrize("count", [0, 1, 10])
def test_few_records_have_none(count: int) -> None:
    assert find_change_point(REFERENCE, draw_observations(count, seed=4)) is None
    assert find_change_point(draw_observations(count, seed=4), REFERENCE) is None
