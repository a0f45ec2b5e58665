"""Arrival times are fixed beforehand, at the rate that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.bench.load.arrivals import arrival_times


def test_constant_arrivals_have_equal_gaps() -> None:
    assert arrival_times("constant", 4, 1.5, seed=1) == [0, 0.25, 0.5, 0.75, 1.0, 1.25]


def test_poisson_arrivals_have_exponential_gaps_at_the_rate() -> None:
    times = arrival_times("poisson", 50, 200, seed=3)
    assert len(times) == pytest.approx(10_000, abs=400)  # four standard deviations
    assert times == sorted(times) and times[0] > 0 and times[-1] < 200
    gaps = np.sort(np.diff(times))
    # Kolmogorov and Smirnov: the greatest distance to 1 - exp(-50 t), critical at 0.1 %
    expected, steps = 1 - np.exp(-50 * gaps), np.arange(1, len(gaps) + 1) / len(gaps)
    assert np.abs(expected - steps).max() < 1.95 / np.sqrt(len(gaps))


def test_a_seed_gives_the_same_times_again_and_another_others() -> None:
    first = arrival_times("poisson", 10, 5, seed=1)
    assert first == arrival_times("poisson", 10, 5, seed=1)
    assert first != arrival_times("poisson", 10, 5, seed=2)
