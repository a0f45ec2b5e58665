"""A reference's file rounds what it keeps: its own records, as they were before, still equal it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scripts.monitor.analyse import analyse
from scripts.monitor.drift.columns import comparable_columns
from scripts.monitor.drift.decide import decide
from scripts.monitor.histograms import make_histograms
from scripts.monitor.surprises import find_surprises
from scripts.records.fingerprint import compare, measure_scale
from scripts.records.observations import Observations
from scripts.records.reference import Reference, read_reference, to_bytes
from tests.support.observed_windows import REFERENCE, WINDOW, draw_window, read_result


def draw_exact() -> Observations:
    """Records with discrete properties that five decimals don't hold: logarithms of counts, shares
    on the very border between two decimals, a constant."""
    drawn = draw_window(320, seed=3).observations
    counts = np.random.default_rng(3).integers(3, 40, len(drawn))
    return drawn.with_properties(
        {
            "log_count": np.log1p(counts),
            "near_miss_share": counts / 64,
            "edge_share": counts / 3,
            "score_mean": counts / 200 + 0.000005,
            "log_aspect_ratio": np.full(len(drawn), np.log(4 / 3)),
        }
    )


@pytest.fixture(scope="module")
def window() -> Observations:
    return draw_exact()


@pytest.fixture(scope="module")
def reference(window: Observations) -> Reference:
    return read_reference(to_bytes(replace(REFERENCE, observations=window, labels=None)))


def test_every_value_ties_with_itself(reference: Reference, window: Observations) -> None:
    columns = comparable_columns(reference.observations, window)
    assert {"log_count", "near_miss_share", "edge_share", "score_mean"} <= set(columns.names)
    assert "log_aspect_ratio" not in columns.names  # a constant on both sides
    np.testing.assert_array_equal(columns.reference, columns.window)


def test_no_property_moved(reference: Reference, window: Observations) -> None:
    decision = decide(reference.observations, window)
    assert not decision.is_changed
    assert decision.window_p_value == 1.0
    assert {shift.effect for shift in decision.shifts} == {0.0}
    assert {shift.p_value for shift in decision.shifts} == {1.0}


def test_the_fingerprint_is_nothing(reference: Reference, window: Observations) -> None:
    scale = measure_scale(reference.observations)
    before, after = scale.transform(reference.observations), scale.transform(window)
    np.testing.assert_array_equal(before, after)
    found = compare(scale, before, after)
    assert set(found.effects.values()) == {0.0} and set(found.spreads.values()) == {0.0}


def test_histograms_and_surprises_are_the_references(
    reference: Reference, window: Observations
) -> None:
    base = reference.observations
    for histogram in make_histograms(base, window, list(window.properties), "all").values():
        assert histogram["reference"] == histogram["window"]
        assert histogram["effect"] == 0
        assert histogram["reference_median"] == histogram["window_median"]
    own = [(each.prediction_id, each.surprise) for each in find_surprises(base, base)]
    assert [(each.prediction_id, each.surprise) for each in find_surprises(base, window)] == own


def test_the_report_says_that_nothing_changed(reference: Reference, window: Observations) -> None:
    result = analyse(reference, read_result(window), window=WINDOW)
    assert result.status == "ok"
    assert result.findings == ()
