"""The function in the emulator on this machine, without limits: where there is no container, each
memory size is reckoned from the CPU time of this one measurement."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.bench.cost.containers import WARM
from scripts.bench.cost.sizes import Measured
from scripts.bench.load.environment import Environment, EnvironmentDiedError
from scripts.bench.load.function import emulator_command, function_env
from scripts.bench.load.machine import Watch, cpu_s, resident_mb
from scripts.tool import ToolError


def measure_unlimited(sizes: Sequence[int], payload: bytes, runs: int) -> list[Measured]:
    """The same figures for all sizes. Raises ToolError where the function does not answer."""
    with tempfile.TemporaryDirectory() as folder:
        env = function_env() | {"PREDICTION_LOG": (Path(folder) / "records").as_uri()}
        environment = Environment(emulator_command(), env, Path(folder) / "environment.log")
        try:
            first = environment.invoke(payload)
            if json.loads(first.body).get("statusCode") != 200:
                raise ToolError(f"the function does not answer the picture: {first.body[:300]!r}")
            first_cpu_s = cpu_s([environment.pid])
            for _ in range(WARM):
                environment.invoke(payload)
            before_s, watch = cpu_s([environment.pid]), Watch()
            warm = [environment.invoke(payload) for _ in range(runs)]
            each_s = (cpu_s([environment.pid]) - before_s) / runs
            [peak_mb] = resident_mb([environment.pid])
        except (EnvironmentDiedError, ValueError) as error:
            raise ToolError(f"the function does not answer the picture: {error}") from None
        finally:
            environment.end()
    one = Measured(
        memory_mb=0,
        answer=tuple(1000 * (each.answered - each.started) for each in warm),
        billed=tuple(1000 * (each.freed - each.started) for each in warm),
        cpu=1000 * each_s,
        init=first.init_ms or 0.0,
        init_cpu=1000 * max(0.0, first_cpu_s - each_s),
        peak_mb=peak_mb,
        fits=None,
        others=watch.usage().others,
        is_limited=False,
    )
    return [replace(one, memory_mb=memory_mb) for memory_mb in sorted(sizes)]
