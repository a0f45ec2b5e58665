"""The command simulates a load or a trace, and refuses what makes no sense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.bench.capacity.__main__ import main
from scripts.bench.capacity.measured import measured_durations
from scripts.bench.cost.report import Report, to_json
from scripts.bench.cost.sizes import Assumptions
from tests.scripts.bench.cost.test_sizes import MEASURED


def test_a_trace_is_simulated_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "".join(f"{second},{60}\n" for second in range(5))
    (tmp_path / "trace.csv").write_text(f"minute,count\n{lines}")
    main(
        ["--trace", str(tmp_path / "trace.csv"), "--answer-ms", "100", "--init-ms", "500",
         "--placing-ms", "0", "--quota", "20", "--out", str(tmp_path)]
    )  # fmt: skip
    out = capsys.readouterr().out
    assert "| trace.csv, quota 20 | 300 |" in out
    [run] = json.loads((tmp_path / "capacity.json").read_text())
    assert run["figures"]["p50"] == pytest.approx(100)
    assert run["figures"]["failed"] == 0
    assert run["scenario"]["rules"]["quota"] == 20
    # windows with too few answers for a p99 have none
    assert set(run["figures"]["windows"]["p99"]) == {None}
    assert (tmp_path / "capacity.svg").read_text().startswith("<?xml")


def test_durations_are_those_that_were_measured(tmp_path: Path) -> None:
    path = tmp_path / "cost.json"
    report = Report("sample.jpg", MEASURED, (200, 400), Assumptions(put_ms=20))
    path.write_text(to_json(report))
    answer, after, init = measured_durations(path, 1769)
    assert (answer.p50, len(answer.sample)) == (pytest.approx(90), 20)
    assert after.p50 == pytest.approx(30)  # 10 of its own and the PUT
    assert init.p50 == pytest.approx(500)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rate", "0"], "--rate: expected"),
        (["--seconds", "86400"], "requests are more than 8,000,000"),
        (["--quota", "0"], "--quota"),
        (["--quota", "5", "--provisioned", "6"], "--provisioned"),
        (["--answer-ms", "200,100"], "P99 not below P50"),
        (["--answer-ms", "fast"], "expected milliseconds"),
        (["--retries", "100"], "--retries"),
        (["--memory", "1"], "--memory"),
        (["--trace", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["--cost", "nowhere.json"], "nowhere.json is no cost.json"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path)])
    said = f"{ended.value} {capsys.readouterr().err}"
    assert complaint in said
