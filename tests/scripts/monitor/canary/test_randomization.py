"""The randomization test keeps its level, whatever requests depend on, and finds what differs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from scripts.monitor.canary.randomization import _Stratum, compare_versions


def test_it_is_the_exact_test_of_all_ways_to_deal_the_versions_out() -> None:
    values = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0, 3.5, 8.0, 9.7])
    is_new = np.isin(np.arange(10), [4, 8, 9])
    # by enumeration: of the 120 ways, those whose mean lies as far off
    observed = abs(values[is_new].mean() - values.mean())
    ways = [
        abs(values[list(rows)].mean() - values.mean())
        for rows in itertools.combinations(range(10), 3)
    ]
    exact = np.mean(np.array(ways) >= observed - 1e-9)
    test = compare_versions(
        values[:, None], is_new, np.arange(10), np.zeros(10, np.int64), level=0.01
    )
    assert test.smallest == pytest.approx(1 / 120)
    assert exact == pytest.approx(1 / 120)
    assert test.p_values[0] == pytest.approx(exact, abs=0.015)  # of 199 shuffles
    assert test.differences[0] == pytest.approx(values[is_new].mean() - values[~is_new].mean())
    means = np.array([
        values[list(rows)].mean() - np.delete(values, rows).mean()
        for rows in itertools.combinations(range(10), 3)
    ])  # fmt: skip
    assert test.spreads[0] == pytest.approx(means.std())


@pytest.mark.parametrize("size", [1, 3, 5])
def test_each_shuffle_chooses_requests_once_and_all_alike(size: int) -> None:
    powers = 2.0 ** np.arange(6)[:, None]  # a sum says what is in it
    stratum = _Stratum(powers, size, powers[:size].sum(axis=0))
    sums = stratum.shuffled(6000, np.random.default_rng(0))[:, 0].astype(int)
    chosen = (sums[:, None] >> np.arange(6)) & 1
    fewer = min(size, 6 - size)
    assert set(chosen.sum(axis=1).tolist()) == {fewer}
    assert chosen.mean(axis=0) == pytest.approx(np.full(6, fewer / 6), abs=0.03)


def test_too_few_requests_for_a_level_are_told() -> None:
    values = np.arange(10.0)[:, None]
    test = compare_versions(
        values, values[:, 0] > 8, np.arange(10), np.zeros(10, np.int64), level=0.05
    )
    assert test.smallest == pytest.approx(1 / 10)
    assert test.p_values[0] == 1


def _p_value(
    random: np.random.Generator, *, by_request: bool, by_minute: bool, requests: int = 120
) -> float:
    """Of versions that behave alike. Requests have up to 16 pictures, which are much alike; and
    from minute to minute pictures get more objects, and the new version a larger share."""
    pictures = random.integers(1, 17, requests)
    of_request = np.sort(random.integers(0, 5, requests))
    is_new = random.random(requests) < 0.1 + 0.15 * of_request
    ids = np.repeat(np.arange(requests), pictures)
    level = random.normal(size=requests)[ids] + 2.0 * of_request[ids]
    values = np.stack([level + 0.1 * random.normal(size=len(ids)) for _ in range(2)], axis=1)
    test = compare_versions(
        values,
        is_new[ids],
        ids if by_request else np.arange(len(ids)),
        of_request[ids] if by_minute else np.zeros(len(ids), np.int64),
        level=0.05,
    )
    return float(test.p_values.min())


@pytest.mark.parametrize(("by_request", "by_minute"), [(True, True), (False, True), (True, False)])
def test_requests_and_minutes_keep_the_level(by_request: bool, by_minute: bool) -> None:
    repeats = 60
    alarms = sum(
        _p_value(np.random.default_rng(seed), by_request=by_request, by_minute=by_minute) <= 0.05
        for seed in range(repeats)
    )
    most = repeats * 0.05 + 3 * math.sqrt(repeats * 0.05 * 0.95)
    # Without either of them, the level is broken: so the test above says something.
    assert (alarms <= most) == (by_request and by_minute), alarms


def test_a_strong_difference_is_found_among_others_with_unknown_values() -> None:
    random = np.random.default_rng(4)
    values = random.normal(size=(400, 5))
    is_new = random.random(400) < 0.1
    values[is_new, 2] += 1.5
    values[random.random((400, 5)) < 0.3] = np.nan
    values[:, 4] = 1.0  # does not vary
    test = compare_versions(values, is_new, np.arange(400), np.arange(400) // 80, level=0.0005)
    assert test.p_values[2] <= 0.0005
    assert test.p_values[[0, 1, 3]].min() > 0.05
    assert test.p_values[4] == 1
    assert test.differences[2] == pytest.approx(1.5, abs=4 * test.spreads[2])


def test_nothing_known_of_one_version_is_no_difference() -> None:
    random = np.random.default_rng(5)
    values = random.normal(size=(200, 2))
    is_new = np.arange(200) % 4 == 0
    values[is_new, 1] = np.nan
    test = compare_versions(values, is_new, np.arange(200), np.zeros(200, np.int64), level=0.001)
    assert np.isnan(test.differences[1])
    assert test.p_values.min() > 0.01
