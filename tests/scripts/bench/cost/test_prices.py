"""The one table of prices, and bills by it, against the worked examples of AWS's own page
(aws.amazon.com/lambda/pricing, read 2026-11-29)."""

from __future__ import annotations

import re
import subprocess

import pytest

from scripts.bench.cost import prices
from scripts.bench.cost.bill import bill, compute_cost, delivery_cost, duration_cost
from tests.docs.pages import PAGES, block
from tests.support.paths import ROOT


def test_a_spike_with_provisioned_concurrency_is_awss_example() -> None:
    """Example 1: 100 of 1,536 MB for 8 hours, 500,000 requests of 100 ms in them; $18 and $0.73."""
    gb_seconds = 100 * 1.5 * 8 * 3600
    assert gb_seconds * prices.PROVISIONED["x86_64"].each == pytest.approx(18, abs=0.005)
    in_it = 500_000 * 0.1 * 1.5 * prices.PROVISIONED_DURATION["x86_64"].each
    assert in_it == pytest.approx(0.73, abs=0.005)
    assert duration_cost(50_000) == pytest.approx(0.83, abs=0.005)


def test_snapstart_is_awss_example() -> None:
    """1 GB for 31 days, 74,400 restores: $4.03 and $10.40; 7.44 million requests of 2 s: $248."""
    assert 31 * 86_400 * prices.SNAPSTART_CACHE.each == pytest.approx(4.03, abs=0.005)
    assert 74_400 * prices.SNAPSTART_RESTORE.each == pytest.approx(10.4, abs=0.005)
    assert 7_440_000 * compute_cost(2000, 1024) == pytest.approx(248, abs=0.01)


def test_tiers_hold_for_what_is_above_them() -> None:
    in_first = duration_cost(6e9)
    assert duration_cost(7e9) - in_first == pytest.approx(1e9 * 0.000015)
    assert duration_cost(16e9) - duration_cost(15e9) == pytest.approx(1e9 * 0.0000133334)
    assert duration_cost(1e9, "arm64") == pytest.approx(1e9 * 0.0000133334)


def test_arm64_and_other_ways_of_records_cost_less() -> None:
    x86, arm = (bill(100, 1000, architecture=each) for each in prices.ARCHITECTURES)
    assert arm.compute / x86.compute == pytest.approx(0.8, abs=1e-4)
    assert arm.total - x86.total == pytest.approx(arm.compute - x86.compute)
    printed, batched = delivery_cost("logs"), delivery_cost("batch")
    assert batched.write < printed.write == pytest.approx(10_026 / 1e9 * 0.5 * 1e6)
    assert bill(100, 1000, delivery="batch").records == batched.write


def test_the_page_has_the_table() -> None:
    assert block(PAGES["docs/capacity.md"], "prices") == prices.format_prices()
    assert prices.CHECKED in PAGES["docs/capacity.md"]


def test_a_price_stands_in_no_other_tool() -> None:
    """A second table is where two pages come to disagree."""
    files = subprocess.run(
        ["git", "grep", "-lE", r"0\.00001[36]|0\.20 / |0\.005 / 1000", "--", "scripts/*.py"],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert [name for name in files if not re.search(r"cost/prices\.py$", name)] == []
