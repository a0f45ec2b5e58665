"""The training environment, for tests: one process of it that runs commands one after the other.

IceVision takes seconds to import, so that a module's tests share a process.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.paths import ROOT

PYTHON = ROOT / ".venv-train" / "bin" / "python"

needs_training = pytest.mark.needs_training

_RUNS = """
import contextlib, importlib, io, json, sys, traceback

def run(module, arguments):
    out, error, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            importlib.import_module(module).main(arguments)
        except SystemExit as stop:
            code = 0 if stop.code is None else stop.code if isinstance(stop.code, int) else 1
            if isinstance(stop.code, str):
                print(stop.code, file=error)
        except BaseException:
            traceback.print_exc(file=error)
            code = 70
    return {"code": code, "out": out.getvalue(), "error": error.getvalue()}

for line in sys.stdin:  # one request a line, one answer a line
    print("ANSWER" + json.dumps(run(*json.loads(line))), flush=True)
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended; code 70 is a traceback."""

    code: int
    out: str
    error: str


class Training:
    """A running process of the environment."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, name: str, *arguments: object) -> Ran:
        """`python -m scripts.model.NAME ARGUMENTS`, or another module's by its whole name."""
        module = name if "." in name else f"scripts.model.{name}.__main__"
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([module, [*map(str, arguments)]]) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("ANSWER"):
                return Ran(**json.loads(line.removeprefix("ANSWER")))
        raise AssertionError("the training process has ended")

    def runs(self, *commands: tuple[str, Sequence[object]]) -> list[Ran]:
        return [self.run(name, *arguments) for name, arguments in commands]

    def make_checkpoints(self, *wanted: dict) -> None:
        """Untrained checkpoints that detect something: see tests/scripts/model/icevision."""
        made = self.run(
            "tests.scripts.model.icevision.seeded_checkpoints", json.dumps(wanted, default=str)
        )
        assert made.code == 0, made.error[-3000:]


@contextmanager
def start_training() -> Iterator[Training]:
    process = subprocess.Popen(
        [PYTHON, "-c", _RUNS], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    try:
        yield Training(process)
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()
