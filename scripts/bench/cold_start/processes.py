"""Runs the programs as processes, in turns, so that each of them meets the same machine."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from scripts.bench.cold_start.programs import FLOOR_PROCESS, FUNCTION, IMPORTS, PARTS
from scripts.bench.load.function import function_env
from scripts.bench.load.machine import pinned
from scripts.paths import ROOT
from scripts.tool import ToolError

_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


@dataclass(frozen=True)
class Program:
    """What is measured. cpus: that it may use. env: besides the function's own."""

    name: str
    text: str
    python: str
    cpus: int
    bundle: Path
    is_floor: bool = False
    has_first_run: bool = True


@dataclass(frozen=True)
class Run:
    """One process: CPU and clock, each in ms since the process began or, for parts, of the part.

    parts: CPU of each, in their order.
    """

    ready_cpu: float
    ready_clock: float
    answered_cpu: float
    answered_clock: float
    rss_mb: float
    parts: Mapping[str, float]


def make_programs(
    python: str, other_python: str | None, bundle: Path, float_bundle: Path | None
) -> list[Program]:
    """The floor and the function, on one CPU and two, and the variants."""
    two = min(2, os.cpu_count() or 1)
    programs = []
    for cpus in dict.fromkeys((1, two)):
        on = f"{cpus} CPU{'s' if cpus > 1 else ''}"
        programs += [
            Program(f"the floor, {on}", FLOOR_PROCESS, python, cpus, bundle, is_floor=True),
            Program(f"the function, {on}", FUNCTION, python, cpus, bundle),
        ]
    programs += [
        Program("the function, its parts timed", PARTS, python, 1, bundle),
        Program("no first run at INIT", PARTS, python, 1, bundle, has_first_run=False),
    ]
    if float_bundle:
        programs.append(Program("with the float bundle", FUNCTION, python, 1, float_bundle))
    if other_python:
        version = _version_of(other_python)
        programs += [
            Program(f"the floor, {version}", FLOOR_PROCESS, other_python, 1, bundle, is_floor=True),
            Program(f"the function, {version}", FUNCTION, other_python, 1, bundle),
        ]
    return programs


def measure(programs: Sequence[Program], runs: int, event_path: Path) -> dict[str, list[Run]]:
    """Each program's runs, in turns. Raises ToolError where one does not answer."""
    measured: dict[str, list[Run]] = {program.name: [] for program in programs}
    rounds = [(number, program) for number in range(runs + 1) for program in programs]
    for number, program in tqdm(rounds, "processes", disable=None, leave=False):
        run = run_once(program, event_path)
        if number:  # the first one may compile, and reads its files from the disk
            measured[program.name].append(run)
    return measured


def run_once(program: Program, event_path: Path) -> Run:
    """Raises ToolError where the program fails."""
    env = _env(program) | {"EVENT": str(event_path), "STARTED": repr(time.monotonic())}
    told = json.loads(_run([program.python, "-c", program.text], program, env).splitlines()[-1])
    if program.is_floor:
        return _read_floor(told)
    return _read_function(told)


def import_times(program: Program, runs: int) -> dict[str, float]:
    """What each module's own code takes when `handler.app` is imported, ms by the clock: the least
    of the runs."""
    least: dict[str, float] = {}
    command = [program.python, "-X", "importtime", "-c", IMPORTS]
    for _ in tqdm(range(runs), "imports", disable=None, leave=False):
        with pinned(0 if program.cpus == 1 else None):
            ran = subprocess.run(
                command, cwd=ROOT, env=_env(program), capture_output=True, text=True
            )
        if ran.returncode:
            raise _failure(ran.stderr)
        for own, name in _LINE.findall(ran.stderr):
            least[name] = min(least.get(name, 1e9), int(own) / 1000)
    del least["handler.app"]  # that holds the session's, which is no import
    return least


def median_ratio(some: Sequence[float], floors: Sequence[float]) -> float:
    """Of the runs of the same turns."""
    return statistics.median(a / b for a, b in zip(some, floors, strict=True))


def _read_floor(told: dict[str, Any]) -> Run:
    begun, imported, session, ready = (
        told[name] for name in ("begun", "imported", "session", "ready")
    )
    return Run(
        ready_cpu=1000 * ready[0],
        ready_clock=1000 * ready[1],
        answered_cpu=1000 * ready[0],
        answered_clock=1000 * ready[1],
        rss_mb=told["rss_mb"],
        parts={
            "interpreter": 1000 * begun[0],
            "imports": 1000 * (imported[0] - begun[0]),
            "session": 1000 * (session[0] - imported[0]),
            "first run": 1000 * (ready[0] - session[0]),
        },
    )


def _read_function(told: dict[str, Any]) -> Run:
    begun, ready, asked, answered = (told[name] for name in ("begun", "ready", "asked", "answered"))
    names = ("bundle", "session", "first run")
    apart = {name: 1000 * told[name][0] if name in told else 0.0 for name in names}
    first_request_cpu, first_request_clock = (answered[at] - asked[at] for at in (0, 1))
    return Run(
        ready_cpu=1000 * ready[0],
        ready_clock=1000 * ready[1],
        answered_cpu=1000 * (ready[0] + first_request_cpu),
        answered_clock=1000 * (ready[1] + first_request_clock),
        rss_mb=told["rss_mb"],
        parts={
            "interpreter": 1000 * begun[0],
            "imports": 1000 * (ready[0] - begun[0]) - sum(apart.values()),
            **apart,
            "first request": 1000 * first_request_cpu,
        },
    )


def _env(program: Program) -> dict[str, str]:
    env = function_env() | {
        "PYTHONPATH": str(ROOT),
        "MODEL_DIR": str(program.bundle),
        "ORT_THREADS": "1",
    }
    return env if program.has_first_run else env | {"WITHOUT_FIRST_RUN": "1"}


def _run(command: Sequence[str], program: Program, env: Mapping[str, str]) -> str:
    with pinned(0 if program.cpus == 1 else None):
        ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if ran.returncode:
        raise _failure(ran.stderr)
    return ran.stdout


def _failure(stderr: str) -> ToolError:
    last = stderr.strip().rpartition("\n")[2]
    return ToolError(f"the function does not start: {last[-500:]}")


def _version_of(python: str) -> str:
    code = "import sys; print('Python %d.%d' % sys.version_info[:2])"
    try:
        ran = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError as error:
        raise ToolError(f"--python {python}: {error.strerror}") from None
    if ran.returncode:
        raise ToolError(f"--python {python}: {ran.stderr.strip()[-200:]}")
    return ran.stdout.strip()
