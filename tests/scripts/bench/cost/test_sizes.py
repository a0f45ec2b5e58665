"""Which memory size is recommended, and what of a busy machine's figures is believed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from scripts.bench.cost.__main__ import main
from scripts.bench.cost.bill import bill
from scripts.bench.cost.report import Report, draw_report, format_report, read_report, to_json
from scripts.bench.cost.sizes import Assumptions, Measured, cost_of, judge, recommend, vcpus
from scripts.tool import ToolError

NONE = Assumptions(put_ms=0, cold_share=0)
SIZES = (512, 1024, 1769, 3008)


def measure(memory_mb: int, cpu: float = 100.0, **changes: object) -> Measured:
    """A function of one thread that computes for `cpu` ms and nothing else."""
    ms = cpu / min(1.0, vcpus(memory_mb))
    values = {
        "memory_mb": memory_mb, "answer": (0.9 * ms,) * 20, "billed": (ms,) * 20, "cpu": cpu,
        "init": 500.0, "init_cpu": 400.0, "peak_mb": 170.0, "fits": memory_mb > 600,
        "largest_ms": 1500.0,
    }  # fmt: skip
    return Measured(**(values | changes))  # type: ignore[arg-type]


MEASURED = tuple(measure(memory_mb) for memory_mb in SIZES)


def test_a_vcpu_is_1769_mb_and_below_it_a_size_costs_as_much_as_another() -> None:
    assert vcpus(1769) == 1 and vcpus(3538) == 2
    compute = [cost_of(size, "x86_64", "s3", NONE).compute for size in judge(MEASURED)]
    assert compute[:3] == pytest.approx([compute[2]] * 3)
    assert compute[3] == pytest.approx(compute[2] * 3008 / 1769)
    assert compute[2] == pytest.approx(bill(100, 0).compute)


def test_the_fastest_of_those_that_cost_the_same_is_recommended() -> None:
    chosen = recommend(judge(MEASURED), (1000, 1000), NONE)
    assert chosen and chosen.memory_mb == 1769


def test_what_is_too_small_or_too_slow_is_not_recommended() -> None:
    only = [each for each in MEASURED if each.memory_mb < 1769]
    chosen = recommend(judge(only), (1000, 1000), NONE)
    assert chosen and chosen.memory_mb == 1024
    assert recommend(judge(only), (100, 1000), NONE) is None  # 156 ms
    assert recommend(judge(only), (1000, 100), NONE) is None
    # 12 s of CPU are 20.7 s of 0.58 vCPU, more than the function's timeout
    slow = [dataclasses.replace(each, largest_ms=12_000.0) for each in only]
    assert recommend(judge(slow), (1000, 1000), NONE) is None


def test_times_of_a_busy_machine_are_cpu_times_by_the_vcpus() -> None:
    busy = [measure(each, answer=(900.0,) * 20, billed=(1000.0,) * 20) for each in SIZES]
    busy[0] = dataclasses.replace(busy[0], others=1.5, cpu=130.0)
    sizes = judge(busy)
    assert not any(size.by_clock for size in sizes)
    assert [size.mean_ms for size in sizes] == pytest.approx(
        [100 * 1769 / 512, 172.75, 100, 100], rel=1e-3
    )
    assert sizes[2].p50 == pytest.approx(90)
    assert judge(MEASURED)[0].by_clock


def test_what_is_assumed_has_its_price() -> None:
    [size] = judge([measure(1769)])
    plain = cost_of(size, "x86_64", "s3", NONE).compute
    gb = 1769 / 1024 * 1e6 * 0.0000166667
    assumed = Assumptions(arm_time=1.5, put_ms=20, cold_share=0.1)
    assert cost_of(size, "x86_64", "s3", assumed).compute - plain == pytest.approx(gb * 0.07)
    # records in the log wait for nothing; of a batch's PUT each has a hundredth
    assert cost_of(size, "x86_64", "logs", assumed).compute - plain == pytest.approx(gb * 0.05)
    assert cost_of(size, "x86_64", "batch", assumed).compute - plain == pytest.approx(gb * 0.0502)
    arm = cost_of(size, "arm64", "logs", assumed).compute
    assert arm == pytest.approx(0.8 * 1.5 * (plain + gb * 0.05), rel=1e-4)


def test_the_report_says_what_is_recommended_and_survives_its_file(tmp_path: Path) -> None:
    report = Report("sample.jpg", MEASURED, (200, 400), Assumptions())
    text = format_report(report)
    assert "Recommended: **1769 MB**" in text and "by the clock" in text
    assert "| 512 | 0.29 |" in text and "**too small**" in text
    (tmp_path / "cost.json").write_text(to_json(report))
    assert read_report(tmp_path / "cost.json") == report
    assert draw_report(report) == draw_report(report)
    without = dataclasses.replace(report, why="there is no docker")
    assert "there is no docker: one measurement without limits" in format_report(without)


def test_an_earlier_run_is_reckoned_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("sample.jpg", MEASURED, (200, 400), Assumptions())
    (tmp_path / "cost.json").write_text(to_json(report))
    source = ["--from", str(tmp_path / "cost.json"), "--out", str(tmp_path / "out")]
    main([*source, "--target-ms", "10,20", "--arm-time", "0.9"])
    assert "No size keeps p50 within 10 ms" in capsys.readouterr().out
    written = json.loads((tmp_path / "out" / "cost.json").read_text())
    assert written["assumed"]["arm_time"] == 0.9 and written["recommended_mb"] is None
    assert (tmp_path / "out" / "cost.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--sizes", "64"], "Lambda has 128 to 10240 MB"),
        (["--sizes", "many"], "--sizes: expected some numbers"),
        (["--target-ms", "200"], "--target-ms: expected 2 numbers"),
        (["--runs", "1"], "--runs: expected 5 to"),
        (["--cold-share", "2"], "--cold-share"),
        (["--arm-time", "0"], "--arm-time"),
        (["--picture", "nowhere.jpg"], "--picture cannot be read"),
        (["--from", "nowhere.json"], "nowhere.json is no cost.json"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path)])
    said = f"{ended.value} {capsys.readouterr().err}"
    assert complaint in said


def test_a_file_that_is_none_of_this_tool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cost.json").write_text('{"measured": []}')
    with pytest.raises(ToolError, match=r"is no cost\.json"):
        read_report(tmp_path / "cost.json")
