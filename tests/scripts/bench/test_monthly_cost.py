"""What a stack costs a month."""

from __future__ import annotations

import pytest

from scripts.bench.monthly_cost import Usage, items, main


def test_a_million_pictures_by_hand() -> None:
    """150 ms with 1769 MB are 0.2591 GB-s, a million of them 259,131 at $16.6667 a million."""
    costs = {item.name: item.cost(1_000_000) for item in items(Usage())}
    assert costs["Lambda, time"] == pytest.approx(4.32, abs=0.005)
    assert costs["S3, writes"] == pytest.approx(5.0)
    assert costs["S3, storage"] == pytest.approx(2.5 * 0.023 * 12, rel=0.01)  # a year's 2.5 GB
    assert costs["logs"] == pytest.approx(
        (1.7 + 6 * 0.026) * 0.5
    )  # CloudWatch adds 26 bytes a line
    twice = {item.name: item.cost(2_000_000) for item in items(Usage())}
    assert twice["HTTP API"] == 2 * costs["HTTP API"] and twice["alarms"] == costs["alarms"]


def test_the_command_takes_your_own_figures(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--ms", "300", "--days", "30"])
    assert "| Lambda, time | 300 ms" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--ms", "-1"])
