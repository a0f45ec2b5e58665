"""Tries a bundle in the function: a new process answers the sample events, as Lambda would ask it.

    python -m scripts.deployment.gate.trial BUNDLE

The process prints one JSON object: what `Trial` holds. Beside the handler it imports next to
nothing, since its time and memory stand for the function's. The tests of the code are CI's: they
hold for whichever bundle, or pin the figures of the default one. This is what a bundle can break.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from scripts.local.invoke import load_function
from scripts.paths import ROOT
from scripts.tool import ToolError

EVENTS = ROOT / "events"
MEMORY_MB = 1769  # MemorySize in template.yaml
MAX_INIT_S = 10.0  # Lambda ends an INIT that takes longer
SLOW_INIT_S = 5.0
TRIAL_S = 600.0


@dataclass(frozen=True)
class Trial:
    """init_s: CPU seconds of INIT, which one vCPU takes. peak_mb: the highest resident size.
    answered: events. faults: sentences about what went wrong."""

    init_s: float
    peak_mb: float
    answered: int
    faults: tuple[str, ...]


def try_bundle(bundle_dir: Path, *, events_dir: Path = EVENTS) -> Trial:
    """Answer every sample event in a process of its own.

    Raises ToolError where the function does not start, answers otherwise than it should, takes
    longer to start than Lambda allows, or needs more memory than it has.
    """
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "MODEL_DIR": str(bundle_dir.resolve()),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "LOG_LEVEL": "CRITICAL",
        "ORT_DISABLE_TELEMETRY": "1",
    }
    arguments = [str(bundle_dir.resolve()), str(events_dir.resolve())]
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-m", "scripts.deployment.gate.trial", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TRIAL_S,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"{bundle_dir}: the sample events were not answered within {TRIAL_S:.0f} s; a model "
            "this slow cannot serve"
        ) from None
    lines = process.stdout.strip().splitlines()
    if process.returncode or not lines:
        said = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise ToolError(f"{bundle_dir}: the function does not start with it ({said[:300]})")
    found: dict[str, Any] = json.loads(lines[-1])
    trial = Trial(**{**found, "faults": tuple(found["faults"])})
    _refuse_faults(trial, bundle_dir)
    return trial


def format_trial(trial: Trial) -> str:
    slow = (
        f"; more than {SLOW_INIT_S:.0f} s is half of what Lambda allows"
        if trial.init_s > SLOW_INIT_S
        else ""
    )
    return (
        f"{trial.answered} sample events answered as they should be, INIT {trial.init_s:.1f} s of "
        f"CPU, {trial.peak_mb:.0f} of {MEMORY_MB} MB{slow}"
    )


def _refuse_faults(trial: Trial, bundle_dir: Path) -> None:
    faults = list(trial.faults)
    if trial.init_s > MAX_INIT_S:
        faults.append(
            f"INIT takes {trial.init_s:.1f} s of CPU, Lambda allows {MAX_INIT_S:.0f}; a smaller "
            "model loads faster"
        )
    if trial.peak_mb > MEMORY_MB:
        faults.append(
            f"it needs {trial.peak_mb:.0f} MB, the function has {MEMORY_MB}; make the model's "
            "input or the model smaller, or raise MemorySize in template.yaml"
        )
    if faults:
        raise ToolError(f"{bundle_dir}, tried on the sample events: {'; '.join(faults)}")


def find_fault(name: str, result: Any) -> str | None:
    """What is wrong with an event's answer, None if nothing.

    Events named bad-… are a client's mistakes; all others are to be answered. JSON must have no
    number that JSON does not know.
    """
    status = result.get("statusCode") if isinstance(result, dict) else None
    expected = (400, 500) if name.startswith("bad-") else (200, 300)
    if not isinstance(status, int) or not expected[0] <= status < expected[1]:
        return f"{name} was answered {status}, not {expected[0]} to {expected[1] - 1}"
    headers = {key.lower(): str(value) for key, value in (result.get("headers") or {}).items()}
    if "json" in headers.get("content-type", "") and not result.get("isBase64Encoded"):
        try:
            json.loads(result.get("body") or "", parse_constant=_refuse_constant)
        except ValueError as error:
            return f"{name} was answered with broken JSON ({error})"
    return None


def main(argv: Sequence[str]) -> None:
    events_dir = Path(argv[1])
    started = time.process_time()
    function = load_function()
    init_s = time.process_time() - started
    faults, names = [], sorted(events_dir.glob("*.json"))
    for path in names:
        event = json.loads(path.read_text(encoding="utf-8"))
        try:
            fault = find_fault(path.name, function(event))
        except Exception as error:  # Lambda would count it as the function's error
            fault = f"{path.name} raised {type(error).__name__}: {str(error)[:200]}"
        if fault:
            faults.append(fault)
    trial = Trial(round(init_s, 3), round(_peak_mb(), 1), len(names), tuple(faults))
    sys.stdout.write("\n" + json.dumps(dataclasses.asdict(trial)) + "\n")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _peak_mb() -> float:
    """VmHWM is of this process alone; ru_maxrss begins at the size of the process that started
    it."""
    status = Path("/proc/self/status")
    if status.exists() and (match := re.search(r"VmHWM:\s+(\d+)", status.read_text())):
        return int(match[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == "darwin" else peak * 1024) / 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
