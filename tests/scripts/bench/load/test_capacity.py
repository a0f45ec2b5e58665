"""What a service time means on Lambda: AWS's own example, and the table of docs/load.md."""

from __future__ import annotations

import re

import pytest

from scripts.bench.cost.bill import MEMORY_MB, bill
from scripts.bench.load.capacity import reckon_capacity
from scripts.bench.load.figures import KNEE_FAILED, erlang_b
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "load.md"
ROW = re.compile(r"\| \d+ \| ")
REQUEST_BYTES = 149_843  # events/sample.jpg


def test_compute_is_reckoned_as_on_awss_page() -> None:
    # aws.amazon.com/lambda/pricing, an example: 3 million requests of 1 s at 512 MB are 1,500,000
    # GB-seconds, of which 1,100,000 are billed: $18.34; $0.20 a million requests
    cost = bill(1000, REQUEST_BYTES)
    gb_seconds = 3 * 1_000_000 * 512 / 1024
    assert 3 * cost.compute * 512 / MEMORY_MB * 1_100_000 / gb_seconds == pytest.approx(
        18.34, abs=0.01
    )
    assert cost.requests == pytest.approx(0.20)
    assert (cost.api, cost.records) == (pytest.approx(1.00), pytest.approx(5.00))
    assert cost.total > cost.compute + 6.20


def test_a_large_request_counts_as_several_of_the_api() -> None:
    assert bill(50, 512 * 1024).api == pytest.approx(1.00)
    assert bill(50, 512 * 1024 + 1).api == pytest.approx(2.00)


def test_the_quota_of_requests_bounds_a_fast_function() -> None:
    # docs.aws.amazon.com/lambda: an account's requests a second are ten times its concurrency
    [capacity] = reckon_capacity(10, [10])
    assert (capacity.at_most, capacity.throttle_rate) == (1000, 100)


def test_the_pages_table_is_what_the_tool_reckons() -> None:
    section = PAGE.read_text().split("## What it means on Lambda\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if ROW.match(line)]
    assert len(rows) == 5
    for row in rows:
        service_ms, one, average, needed, rate, large_rate, compute, total = (
            float(cell.replace(",", "")) for cell in row
        )
        ten, thousand = reckon_capacity(service_ms, [10, 1000])
        cost = bill(service_ms, REQUEST_BYTES)
        assert one == pytest.approx(1000 / service_ms, abs=0.05)
        assert average == pytest.approx(100 * service_ms / 1000, abs=0.5)
        fits = [n for n in range(1, 100) if erlang_b(n, 0.1 * service_ms) <= KNEE_FAILED]
        assert needed == fits[0]
        assert rate == pytest.approx(ten.throttle_rate, abs=0.5)
        assert large_rate == pytest.approx(thousand.throttle_rate, abs=0.5)
        assert compute == pytest.approx(cost.compute, abs=0.005)
        assert total == pytest.approx(cost.total, abs=0.005)


def test_the_default_rate_fits_a_new_account_as_the_page_says() -> None:
    assert "as a request takes less than 223 ms" in " ".join(PAGE.read_text().split())
    [new] = reckon_capacity(223, [10])
    assert 20 <= new.throttle_rate < 20.1
