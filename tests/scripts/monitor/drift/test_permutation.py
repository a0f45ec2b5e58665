"""The permutation test: valid at any size, strong for few and for many changes."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy.stats import binom

from scripts.monitor.drift.permutation import compare

Matrix = NDArray[np.float64]


def draw(random: np.random.Generator, count: int) -> Matrix:
    """Eight properties: correlated, skewed, tied, constant, and partly unknown."""
    values = random.normal(size=(count, 8)) + random.normal(size=(count, 1))
    values[:, 1] = np.exp(values[:, 1])
    values[:, 2] = np.round(values[:, 2])
    values[:, 3] = 7
    values[random.random(count) < 0.6, 4] = np.nan
    return values


@pytest.mark.parametrize("count", [20, 60])
def test_windows_of_the_references_kind_alarm_as_rarely_as_was_said(count: int) -> None:
    random = np.random.default_rng(count)
    p_values = [
        compare(draw(random, 60), draw(random, count), seed=seed, shuffles=99).p_value
        for seed in range(120)
    ]
    for level in (0.05, 0.2):
        alarms = int(np.sum(np.asarray(p_values) <= level))
        assert binom.sf(alarms - 1, len(p_values), level) > 1e-6
    assert min(p_values) >= 0.01  # one in a hundred orders: never 0


def test_nor_do_more_of_the_values_being_known() -> None:
    """A property that one side knows more often is no change of the property."""
    random = np.random.default_rng(4)
    p_values = []
    for seed in range(100):
        reference, window = random.normal(size=(80, 3)), random.normal(size=(40, 3))
        reference[random.random(80) < 0.7, 0] = np.nan
        p_values.append(compare(reference, window, seed=seed, shuffles=99).p_value)
    assert binom.sf(int(np.sum(np.asarray(p_values) <= 0.05)) - 1, 100, 0.05) > 1e-6


@pytest.mark.parametrize(
    "kind", ["one property", "many a little", "spread", "last quarter", "strata"]
)
def test_changes_are_found(kind: str) -> None:
    random = np.random.default_rng(1)
    reference, window = random.normal(size=(200, 30)), random.normal(size=(100, 30))
    strata = None
    if kind == "one property":
        window[:, 7] += 0.8
    elif kind == "many a little":
        window += 0.25 * random.choice([-1, 1], 30)
    elif kind == "spread":
        window[:, 7] *= 2.8
    elif kind == "last quarter":
        window[75:, 7] += 2
    else:
        strata = np.concatenate([np.arange(200) % 2, np.arange(100) % 2])
        reference[strata[:200] == 1] += 5
        window[strata[200:] == 1] += 5
        window[:, 7] += 1
    test = compare(reference, window, strata)
    assert test.p_value <= 0.001
    moved = test.property_p_values <= 0.01
    if kind in ("one property", "spread", "strata"):
        assert list(np.flatnonzero(moved)) == [7]


def test_another_mix_of_hours_is_no_change_within_hours() -> None:
    random = np.random.default_rng(2)
    strata = np.concatenate([np.repeat([0, 1], 100), np.repeat([0, 1], [10, 50])])
    values = random.normal(size=(260, 5)) + 3 * strata[:, None]
    assert compare(values[:200], values[200:]).p_value <= 0.001
    assert compare(values[:200], values[200:], strata).p_value > 0.01


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 100), offset=st.floats(-50, 50))
def test_units_and_the_references_order_change_nothing(
    seed: int, scale: float, offset: float
) -> None:
    """Ranks are compared, so a property's unit does not matter; of the window only the parts do."""
    random = np.random.default_rng(seed)
    reference, window = random.normal(size=(40, 3)), random.normal(size=(20, 3)) + 0.4
    first = compare(reference, window, shuffles=99, seed=1)
    other = compare(scale * reference + offset, scale * window + offset, shuffles=99, seed=1)
    assert other.statistics == first.statistics
    order = random.permutation(40)
    shuffled = compare(reference[order], window, shuffles=999, seed=1)
    whole = compare(reference, window, shuffles=999, seed=1)
    assert shuffled.p_value == pytest.approx(whole.p_value, abs=0.15)


@pytest.mark.parametrize(("reference", "window"), [(0, 5), (5, 0), (1, 1), (3, 1)])
def test_one_record_or_none_is_no_crash(reference: int, window: int) -> None:
    random = np.random.default_rng(0)
    test = compare(random.normal(size=(reference, 2)), random.normal(size=(window, 2)))
    assert 0 < test.p_value <= 1


def test_nothing_known_is_nothing_found() -> None:
    assert compare(np.full((30, 2), np.nan), np.full((30, 2), np.nan)).p_value == 1
    assert compare(np.empty((30, 0)), np.empty((30, 0))).p_value == 1
