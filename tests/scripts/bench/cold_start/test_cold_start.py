"""The bench of a cold start measures the function beside its floor, and tells what both are of."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from scripts.bench.cold_start import __main__ as cold_start
from scripts.bench.cold_start import emulated, processes, report
from scripts.bench.cold_start.emulated import FirstAnswer
from scripts.bench.cold_start.processes import Program, Run
from scripts.bench.cold_start.programs import FUNCTION, PARTS
from scripts.bench.load.machine import Usage
from scripts.paths import SAMPLE

LAST_LINE = re.compile(
    r"INIT takes × its floor: (\d CPUs? \d+\.\d\d by CPU, \d+\.\d\d by the cl.*)"
)


def bench(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    cold_start.main(["--runs", "1", *arguments])
    return capsys.readouterr().out


def test_the_parts_are_those_of_a_process_that_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path
) -> None:
    monkeypatch.setattr(cold_start.emulator, "find", lambda: None)
    text = bench(capsys, "--bundle", str(tiny_bundle), "--image", str(SAMPLE))
    for part in ("interpreter", "imports", "bundle", "session", "first run", "first request"):
        [cells] = re.findall(rf"^\| {part} \| (.*) \|$", text, re.M)
        assert float(cells.split(" |")[0]) > 0
    listed = re.search(r"The 20 dearest modules, ms of their own code: (.*)\.", text)
    assert listed and listed[1].count(", ") == 19 and "`onnxruntime." in listed[1]
    assert "Lambda's emulator is not here" in text
    assert LAST_LINE.fullmatch(text.strip().splitlines()[-1])


@pytest.mark.needs_emulator
def test_the_emulator_starts_the_function_and_its_floor(tiny_bundle: Path) -> None:
    event = cold_start.make_event(SAMPLE)
    measured = emulated.measure_first_answers(sys.executable, tiny_bundle, event.encode(), 1)
    for [answer] in measured.values():
        assert answer.init_ms is not None and 50 < answer.init_ms < answer.clock_ms
        assert answer.cpu_ms > 50 and answer.rss_mb > 50


def test_the_ratio_is_of_runs_of_the_same_turn() -> None:
    """A machine that slows down in between changes both of a turn."""
    floor = Program("the floor, 1 CPU", "", "python", 1, Path(), is_floor=True)
    function = Program("the function, 1 CPU", FUNCTION, "python", 1, Path())
    timed = Program("the function, its parts timed", PARTS, "python", 1, Path())
    parts = {"interpreter": 10.0}
    runs = {
        floor.name: [Run(ms, 2 * ms, ms, ms, 100.0, parts) for ms in (100.0, 400.0, 100.0)],
        function.name: [Run(ms, 3 * ms, ms, ms, 120.0, parts) for ms in (120.0, 480.0, 120.0)],
    }
    runs[timed.name] = runs[function.name]
    answers = {
        name: [FirstAnswer(900.0, 700.0, 600.0, 150.0)]
        for name in (emulated.FUNCTION, emulated.FLOOR)
    }
    imports = {"numpy": 50.0, "numpy.lib": 5.0, "PIL.Image": 9.0, "json": 2.0, "handler.http": 1.0}
    result = report.Result(
        [floor, function, timed], runs, imports, answers, Usage(2, 1.0, 0.25, 1.0)
    )
    text = report.format_result(result)
    assert text.endswith("INIT takes × its floor: 1 CPU 1.20 by CPU, 1.80 by the clock.")
    assert "| the function, 1 CPU | 120 | 1.20 | 360 | 1.80 | 120 | 120 |" in text
    assert "| numpy | 55.0 |" in text and "| the standard library | 2.0 |" in text
    assert "| the floor | 600 | 900 | 700 | 150 |" in text


def test_a_function_that_does_not_start_is_told(tmp_path: Path) -> None:
    program = Program("", "import no_such_module", sys.executable, 1, tmp_path)
    with pytest.raises(processes.ToolError, match="no_such_module"):
        processes.run_once(program, tmp_path)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--bundle", "/no/such", "--bundle: /no/such has no model.onnx"),
        ("--image", "/no/such", "--image: /no/such is no file"),
        ("--runs", "0", "--runs: expected 1 to 100"),
    ],
)
def test_options_of_no_use_are_told(
    option: str, value: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cold_start.main([option, value])
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("python", ["/no/such/python", "false"])
def test_another_python_that_is_none_is_told(python: str) -> None:
    with pytest.raises(SystemExit, match=rf"^cold_start: --python {python}"):
        cold_start.main(["--runs", "1", "--python", python])
