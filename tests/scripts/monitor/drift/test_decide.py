"""decide: which records count, what is said, and that it neither alarms nor fails for no reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from scripts.monitor.drift.decide import decide, is_decidable
from scripts.monitor.drift.levels import DAILY_LEVEL, EXACT_LEVEL
from scripts.records.observations import PROPERTIES, Observations, join_observations
from tests.support.drawn_observations import (
    as_prediction_1,
    draw_observations,
    shift,
    with_facts,
)

REFERENCE = draw_observations(300, seed=0)


def test_a_year_of_daily_looks_has_less_than_one_false_alarm() -> None:
    assert 365 * (DAILY_LEVEL + EXACT_LEVEL) < 1


def test_null_windows_alarm_as_rarely_as_was_said() -> None:
    alarms = 0
    for seed in range(30):
        reference, window = (draw_observations(size, 500 + 2 * seed + size) for size in (60, 30))
        alarms += decide(reference, window, level=0.05, seed=seed).is_changed
    assert binom.sf(alarms - 1, 30, 0.05) > 1e-6


@pytest.mark.parametrize("count", [50, 150])
def test_a_change_is_found_with_the_properties_that_moved(count: int) -> None:
    window = shift(draw_observations(count, seed=1), 2.0, "focus", "score_mean")
    decision = decide(REFERENCE, window)
    assert decision.is_changed
    assert decision.window_p_value < decision.level
    assert {each.name for each in decision.shifts[:2]} == {"focus", "score_mean"}
    assert all(each.p_value < 0.01 and each.effect > 1 for each in decision.shifts[:2])
    assert decision == decide(REFERENCE, window)  # the same in every run


def test_the_martingale_says_with_which_record_the_change_was_evident() -> None:
    window = shift(draw_observations(400, seed=2), 3.0, "focus", start=250)
    decision = decide(REFERENCE, window)
    assert decision.martingale >= decision.martingale_limit
    assert decision.alarm_time is not None
    crossed = np.datetime64(decision.alarm_time.removesuffix("Z"), "ms")
    assert list(window.facts["time"]).index(crossed) in range(250, 290)


def test_rejections_and_repeats_of_a_picture_do_not_count() -> None:
    window = shift(draw_observations(30, seed=3), 3.0, "focus")
    same = with_facts(window, image_sha256="ab")
    few = decide(REFERENCE, same)
    assert not few.is_changed and not is_decidable(few)
    assert few.notes[0].startswith("Too few to decide: 1 different pictures")
    assert few.notes[1] == "29 records repeat a picture; each picture counts once."
    rejected = with_facts(window, outcome="rejected")
    assert not is_decidable(decide(REFERENCE, rejected))


@pytest.mark.parametrize("count", [0, 1, 19])
def test_few_records_are_too_few(count: int) -> None:
    decision = decide(REFERENCE, draw_observations(count, seed=4))
    assert not decision.is_changed and decision.window_p_value == 1 and decision.shifts == ()
    assert not is_decidable(decision)
    assert not is_decidable(decide(draw_observations(count, seed=4), REFERENCE))


def test_records_of_prediction_1_are_compared_by_what_they_know() -> None:
    quiet = as_prediction_1(draw_observations(100, seed=5))
    decision = decide(REFERENCE, quiet)
    assert not decision.is_changed
    assert any("properties are not compared" in note for note in decision.notes)
    assert "focus" not in {each.name for each in decision.shifts}
    assert decide(REFERENCE, shift(quiet, 2.0, "brightness")).is_changed


def test_a_mix_of_both_schemas_is_no_change() -> None:
    older = as_prediction_1(draw_observations(80, seed=6))
    mixed = join_observations([older, draw_observations(80, seed=7)])
    mixed = with_facts(mixed, time=draw_observations(160, seed=8).facts["time"])
    assert not decide(REFERENCE, mixed).is_changed


def test_bursts_of_one_sample_are_no_change() -> None:
    """Twenty pictures of each sample, which differ little: as if there were ten, not 200."""
    samples = draw_observations(10, seed=9)
    window = draw_observations(200, seed=10)
    alike = {
        name: np.repeat(samples.properties[name], 20) + 0.1 * window.properties[name]
        for name in PROPERTIES
    }
    decision = decide(REFERENCE, window.with_properties(alike))
    assert not decision.is_changed
    assert any("bursts" in note for note in [*decision.notes])


def test_a_change_that_lasts_is_not_taken_for_a_burst() -> None:
    window = shift(draw_observations(200, seed=11), 3.0, *PROPERTIES[:20], start=100)
    decision = decide(REFERENCE, window)
    assert decision.is_changed
    assert not any("bursts" in note for note in decision.notes)


def test_another_mix_of_hours_is_a_change_only_where_the_reference_knows_no_hours() -> None:
    """Pictures are brighter by day, and the window has more of the night."""

    def by_day(count: int, seed: int, hours: range) -> Observations:
        drawn = draw_observations(count, seed)
        times = np.datetime64("2026-09-01", "ms") + np.arange(count) * np.timedelta64(31, "m")
        hour = times.astype("datetime64[h]").astype(int) % 24
        bright = drawn.properties["brightness"] + 6.0 * ((hour >= 8) & (hour < 20))
        drawn = with_facts(drawn, time=times).with_properties({"brightness": bright})
        return drawn.select(np.isin(hour, list(hours)))

    month, week = by_day(1400, 12, range(24)), by_day(300, 13, range(24))
    nights = by_day(300, 14, range(7))
    assert decide(week, nights).is_changed
    assert any(
        "Hours and weekdays are not considered" in note for note in decide(week, nights).notes
    )
    aware = decide(month, nights)
    assert not aware.is_changed
    assert not any("Hours and weekdays" in note for note in aware.notes)


def test_large_windows_are_bounded() -> None:
    window = draw_observations(5_000, seed=15)
    assert decide(REFERENCE, shift(window, 0.5, "focus")).is_changed


def test_what_a_references_file_rounds_is_no_change() -> None:
    def with_counts(count: int, seed: int) -> Observations:
        drawn = draw_observations(count, seed)
        counts = np.random.default_rng(seed).integers(2, 4, count)
        return drawn.with_properties({"log_near_misses": np.log1p(counts)})

    reference = with_counts(300, 18)
    rounded = {name: np.round(column, 5) for name, column in reference.properties.items()}
    decision = decide(reference.with_properties(rounded), with_counts(300, 19))
    assert not decision.is_changed


def test_infinite_values_are_unknown() -> None:
    window = draw_observations(60, seed=16)
    focus = window.properties["focus"].copy()
    focus[::2] = np.inf
    decision = decide(REFERENCE, window.with_properties({"focus": focus}))
    assert not decision.is_changed
    assert all(np.isfinite(each.effect) for each in decision.shifts)


def test_a_reference_without_times_or_a_window_without_is_compared() -> None:
    timeless = with_facts(REFERENCE, time=np.datetime64("NaT"))
    window = shift(draw_observations(60, seed=17), 3.0, "focus")
    assert decide(timeless, window).is_changed
    assert decide(REFERENCE, replace(window)).is_changed
