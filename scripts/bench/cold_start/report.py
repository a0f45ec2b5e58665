"""The measurement as Markdown, for a terminal and for docs/performance.md alike."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.bench.cold_start.emulated import FLOOR, FUNCTION, FirstAnswer, median_of
from scripts.bench.cold_start.processes import Program, Run, median_ratio
from scripts.bench.cold_start.programs import FUNCTION as FUNCTION_PROCESS
from scripts.bench.cold_start.programs import PARTS
from scripts.bench.load.machine import Usage

# A module belongs to the first of them whose package it is in; all else is the standard library's.
PACKAGES = {
    "numpy": ("numpy",),
    "ONNX Runtime": ("onnxruntime",),
    "Pillow": ("PIL",),
    "powertools' Logger": ("aws_lambda_powertools", "jmespath", "typing_extensions", "botocore"),
    "the handler": ("handler",),
}
STANDARD_LIBRARY = "the standard library"


@dataclass(frozen=True)
class Result:
    """first_answers: None where there is no emulator. usage: of the machine meanwhile."""

    programs: Sequence[Program]
    runs: Mapping[str, Sequence[Run]]
    imports: Mapping[str, float]
    first_answers: Mapping[str, list[FirstAnswer]] | None
    usage: Usage

    def floor_of(self, program: Program) -> Program | None:
        """The floor on the same Python and CPUs."""
        for each in self.programs:
            if each.is_floor and (each.python, each.cpus) == (program.python, program.cpus):
                return each
        return None


def format_result(result: Result) -> str:
    """Markdown; its last line is the ratio to the floor."""
    blocks = [_processes(result), _parts(result), _by_package(result), _dearest(result, 20)]
    if result.first_answers is None:
        blocks.append(
            "Lambda's emulator is not here (`scripts/test` makes .venv-sam): plain processes."
        )
    else:
        blocks.append(_first_answers(result.first_answers))
    usage = result.usage
    blocks.append(
        f"{len(next(iter(result.runs.values())))} processes of each, in turns, medians; others "
        f"used {usage.others:.1f} of {usage.cores} CPUs meanwhile."
    )
    blocks.append(_last_line(result))
    return "\n\n".join(blocks)


def _processes(result: Result) -> str:
    rows = []
    for program in result.programs:
        runs = result.runs[program.name]
        floor = result.floor_of(program)
        ratios = ["", ""]
        if floor is not None and not program.is_floor:
            floors = result.runs[floor.name]
            ratios = [
                f"{median_ratio(_each(runs, name), _each(floors, name)):.2f}"
                for name in ("ready_cpu", "ready_clock")
            ]
        answered = "" if program.is_floor else f"{_median(runs, 'answered_clock'):.0f}"
        rows.append(
            [
                program.name,
                f"{_median(runs, 'ready_cpu'):.0f}",
                ratios[0],
                f"{_median(runs, 'ready_clock'):.0f}",
                ratios[1],
                answered,
                f"{_median(runs, 'rss_mb'):.0f}",
            ]
        )
    header = [
        "process start to", "ready, CPU ms", "× floor", "ready, ms", "× floor",
        "first answer, ms", "memory, MB",
    ]  # fmt: skip
    return _table(header, rows)


def _parts(result: Result) -> str:
    """The function's parts beside the floor's, by CPU on one CPU."""
    floor = next(each for each in result.programs if each.is_floor)
    function = next(each for each in result.programs if each.text == PARTS)
    names = list(result.runs[function.name][0].parts)
    rows = []
    for name in names:
        cells = [
            statistics.median(run.parts[name] for run in result.runs[program.name])
            if name in result.runs[program.name][0].parts
            else None
            for program in (function, floor)
        ]
        rows.append([name, *("" if cell is None else f"{cell:.1f}" for cell in cells)])
    return _table(["CPU ms, on one CPU", "function", "floor"], rows)


def _by_package(result: Result) -> str:
    sums = dict.fromkeys([*PACKAGES, STANDARD_LIBRARY], 0.0)
    for module, ms in result.imports.items():
        sums[_package(module)] += ms
    rows = [[package, f"{ms:.1f}"] for package, ms in sums.items()]
    return _table(["imports of", "ms"], rows)


def _dearest(result: Result, count: int) -> str:
    dearest = sorted(result.imports.items(), key=lambda item: -item[1])[:count]
    listed = ", ".join(f"`{module}` {ms:.1f}" for module, ms in dearest)
    return f"The {count} dearest modules, ms of their own code: {listed}."


def _first_answers(answers: Mapping[str, list[FirstAnswer]]) -> str:
    rows = []
    for name in (FUNCTION, FLOOR):
        median = median_of(answers[name])
        rows.append([name, *_cells(median, ("init_ms", "clock_ms", "cpu_ms", "rss_mb"))])
    header = ["under the emulator", "INIT, ms", "first answer, ms", "CPU ms", "memory, MB"]
    return _table(header, rows)


def _last_line(result: Result) -> str:
    told = []
    for program in result.programs:
        floor = result.floor_of(program)
        is_the_function = (
            program.name.startswith("the function, ") and program.text == FUNCTION_PROCESS
        )
        if is_the_function and floor is not None:
            runs, floors = result.runs[program.name], result.runs[floor.name]
            cpu, clock = (
                median_ratio(_each(runs, name), _each(floors, name))
                for name in ("ready_cpu", "ready_clock")
            )
            what = program.name.removeprefix("the function, ")
            told.append(f"{what} {cpu:.2f} by CPU, {clock:.2f} by the clock")
    return f"INIT takes × its floor: {'; '.join(told)}."


def _package(module: str) -> str:
    top = module.partition(".")[0]
    return next((name for name, tops in PACKAGES.items() if top in tops), STANDARD_LIBRARY)


def _each(runs: Sequence[Run], name: str) -> list[float]:
    return [getattr(run, name) for run in runs]


def _median(runs: Sequence[Run], name: str) -> float:
    return statistics.median(_each(runs, name))


def _cells(values: Mapping[str, float], names: Sequence[str]) -> list[str]:
    return [f"{values[name]:.0f}" if name in values else "" for name in names]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
