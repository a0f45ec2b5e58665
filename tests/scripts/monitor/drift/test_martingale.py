"""The martingale: its ranks are uniform, its capital grows by a change only, at any look."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import binom, kstest

from scripts.monitor.drift.martingale import conformal_p_values, run_martingale


def test_ranks_are_those_of_plain_counting() -> None:
    random = np.random.default_rng(0)
    reference, window = random.integers(0, 9, (20, 2)), random.integers(0, 9, (300, 2))
    before, after = reference.astype(float), window.astype(float)
    after[5, 0] = np.nan
    p_values = conformal_p_values(before, after)
    assert np.isnan(p_values[5, 0])
    for row in (0, 7, 130, 299):  # on both sides of a batch's end
        for column in (0, 1):
            earlier = np.concatenate([before[:, column], after[:row, column]])
            earlier = earlier[~np.isnan(earlier)]
            below = np.sum(earlier < after[row, column])
            ties = np.sum(earlier == after[row, column]) + 1
            size = len(earlier) + 1
            assert below / size <= p_values[row, column] <= (below + ties) / size


def test_ranks_are_uniform_though_values_tie() -> None:
    random = np.random.default_rng(1)
    reference, window = (np.round(random.normal(size=(size, 1))) for size in (50, 2000))
    assert kstest(conformal_p_values(reference, window)[:, 0], "uniform").pvalue > 1e-6


def test_quiet_streams_reach_a_capital_as_rarely_as_villes_inequality_says() -> None:
    random = np.random.default_rng(2)
    largest = np.asarray(
        [
            run_martingale(random.normal(size=(40, 4)), random.normal(size=(150, 4))).largest
            for _ in range(200)
        ]
    )
    for limit in (5, 20):
        assert binom.sf(int(np.sum(largest >= limit)) - 1, len(largest), 1 / limit) > 1e-6


@pytest.mark.parametrize("start", [0, 1500])
def test_a_change_is_seen_though_it_comes_after_a_long_quiet(start: int) -> None:
    random = np.random.default_rng(3)
    reference, window = random.normal(size=(300, 6)), random.normal(size=(start + 150, 6))
    window[start:, 2] += 1.2
    crossed = run_martingale(reference, window).first_at(2000)
    assert crossed is not None
    assert start < crossed < start + 100


def test_a_wider_spread_is_seen_and_the_property_is_known() -> None:
    random = np.random.default_rng(4)
    reference, window = random.normal(size=(300, 6)), random.normal(size=(400, 6))
    window[:, 5] *= 2.5
    martingale = run_martingale(reference, window)
    assert martingale.largest > 1e6
    assert int(np.argmax(martingale.property_log_capital)) == 5


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 299))
def test_ranks_before_a_look_are_not_changed_by_what_comes_after(seed: int, cut: int) -> None:
    random = np.random.default_rng(seed)
    reference, window = random.normal(size=(30, 2)), random.normal(size=(300, 2))
    whole = conformal_p_values(reference, window)
    part = conformal_p_values(reference, window[:cut])
    # Without ties, a rank is exact up to its own place.
    width = 1 / (31 + np.arange(cut))
    assert np.all(np.abs(whole[:cut] - part) <= width[:, None])


def test_unknown_values_are_no_bet() -> None:
    martingale = run_martingale(np.zeros((30, 1)), np.full((20, 1), np.nan))
    assert martingale.largest == pytest.approx(1)
    assert run_martingale(np.empty((30, 0)), np.empty((20, 0))).largest == 1
    assert run_martingale(np.zeros((30, 2)), np.empty((0, 2))).first_at(10) is None


def test_records_are_ranked_among_those_of_their_stratum() -> None:
    random = np.random.default_rng(5)
    strata = np.concatenate([np.arange(200) % 2, np.zeros(100, np.int64)])
    values = random.normal(size=(300, 1)) + 4 * strata[:, None]
    assert run_martingale(values[:200], values[200:]).largest > 1e3  # another mix
    assert run_martingale(values[:200], values[200:], strata).largest < 20
