"""The first answer under Lambda's emulator: the runtime client, the function and its extension.

The emulator starts the function with the first event, as Lambda starts one for it: so the time of
that request is the whole cold start. The floor is a function beside it whose INIT is the floor.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from scripts.bench.cold_start.programs import FLOOR_FUNCTION
from scripts.bench.load.environment import Environment, EnvironmentDiedError
from scripts.bench.load.function import emulator_command, function_env
from scripts.bench.load.machine import cpu_s, resident_mb
from scripts.paths import ROOT
from scripts.tool import ToolError

FUNCTION, FLOOR = "the function", "the floor"


@dataclass(frozen=True)
class FirstAnswer:
    """clock_ms: from the event to the answer. cpu_ms: of all processes until the record is
    written. init_ms: as the emulator reports it, None where it does not. rss_mb: with the emulator.
    """

    clock_ms: float
    cpu_ms: float
    init_ms: float | None
    rss_mb: float


def measure_first_answers(
    python: str, bundle: Path, event: bytes, runs: int
) -> dict[str, list[FirstAnswer]]:
    """By FUNCTION and FLOOR, in turns. Raises ToolError where there is no emulator, or an answer
    is an error."""
    commands = {
        FUNCTION: emulator_command(python),
        FLOOR: emulator_command(python, "floor_function.handler"),
    }
    measured: dict[str, list[FirstAnswer]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "floor_function.py").write_text(FLOOR_FUNCTION)
        env = function_env() | {
            "PYTHONPATH": f"{ROOT}:{folder}",
            "MODEL_DIR": str(bundle),
            "ORT_THREADS": "1",
            "PREDICTION_LOG": (folder / "records").as_uri(),
        }
        for number in tqdm(range(runs + 1), "emulator", disable=None, leave=False):
            for name, command in commands.items():
                started = {"STARTED": repr(time.monotonic())}
                log = folder / f"{len(measured[name])}-{name}.log"
                environment = Environment(command, env | started, log)
                try:
                    answer = _first_answer(environment, event)
                finally:
                    environment.end()
                if number:
                    measured[name].append(answer)
    return measured


def _first_answer(environment: Environment, event: bytes) -> FirstAnswer:
    try:
        invoked = environment.invoke(event)
    except EnvironmentDiedError:
        said = environment.log_path.read_text(errors="replace")[-500:]
        raise ToolError(f"the function died; it said: {said}") from None
    if b'"statusCode": 200' not in invoked.body[:100] and invoked.body != b'"ready"':
        raise ToolError(f"the function answers {invoked.body[:300].decode(errors='replace')}")
    return FirstAnswer(
        1000 * (invoked.answered - invoked.started),
        1000 * cpu_s([environment.pid]),
        invoked.init_ms,
        resident_mb([environment.pid])[0],
    )


def median_of(answers: list[FirstAnswer]) -> Mapping[str, float]:
    """The median of each figure that is known."""
    found = {}
    for name in ("clock_ms", "cpu_ms", "init_ms", "rss_mb"):
        values = [value for each in answers if (value := getattr(each, name)) is not None]
        if values:
            found[name] = statistics.median(values)
    return found
