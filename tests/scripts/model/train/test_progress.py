"""How far a training is: lines where the output is a file, a bar on a terminal."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.model.train.progress import (
    ProgressOutput,
    TrainingLimits,
    TrainingProgress,
    format_time_left,
)
from tests.support.paths import ROOT

# A training of 40 steps that take 0.05 s each, and that waits at its end to be told to go.
PROGRAM = """
import select, sys, time
from scripts.model.train.progress import ProgressOutput, TrainingLimits, TrainingProgress
progress = TrainingProgress(ProgressOutput(), TrainingLimits(40, None), validated=True)
for step in range(1, 41):
    time.sleep(0.05)
    progress.update(step, 2.0)
    if step == 20:
        progress.evaluated(0.25, step)
select.select([sys.stdin], [], [], 30)
progress.close()
"""


@dataclass
class Clock:
    """A clock that stands until it is set on."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Job:
    """A training whose stdout is a file, by a clock of its own."""

    limits: TrainingLimits
    validated: bool = True
    clock: Clock = field(default_factory=Clock)
    stdout: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.output = ProgressOutput(self.stdout, io.StringIO(), self.clock)
        self.progress = TrainingProgress(self.output, self.limits, validated=self.validated)
        self.step = self.limits.first_step

    def take(self, steps: int, seconds_each: float, loss: float = 1.0) -> list[str]:
        """The lines that these steps wrote."""
        before = len(self.stdout.getvalue().splitlines())
        for _ in range(steps):
            self.step += 1
            self.clock.now += seconds_each
            self.progress.update(self.step, loss)
        return self.stdout.getvalue().splitlines()[before:]


def test_the_first_line_comes_after_the_first_steps_then_one_a_minute() -> None:
    job = Job(TrainingLimits(850, None))
    assert job.take(2, 2.0, loss=4.0) == []
    # 847 steps of 2 s are 1694 s.
    assert job.take(1, 2.0, loss=1.0) == [
        "step 3 of 850, minute 0.1: loss 3.000, AP50 not yet measured, 28 min left"
    ]
    assert job.take(29, 2.0) == []  # 58 s
    (line,) = job.take(1, 2.0)
    assert line.startswith("step 33 of 850, minute 1.1: loss ")
    job.progress.evaluated(0.4321, 30)
    lines = job.take(300, 2.0)
    assert len(lines) == 10  # 600 s
    # 850 - 333 steps of 2 s are 1034 s.
    assert (
        lines[-1] == "step 333 of 850, minute 11.1: loss 1.000, AP50 0.432 (step 30), 17 min left"
    )


def test_where_steps_are_slow_the_first_line_does_not_wait_for_three() -> None:
    job = Job(TrainingLimits(10, None))
    assert job.take(1, 45.0) == [
        "step 1 of 10, minute 0.8: loss 1.000, AP50 not yet measured, 7 min left"
    ]


def test_where_the_time_ends_the_training_the_line_says_of_how_much() -> None:
    job = Job(TrainingLimits(20_000, 60.0, first_step=100, seconds_before=1800.0))
    # 30 minutes before, and 6 s now.
    assert job.take(3, 2.0) == [
        "step 103, minute 30.1 of 60: loss 1.000, AP50 not yet measured, 30 min left"
    ]


def test_the_steps_before_a_resume_do_not_count_into_the_pace() -> None:
    job = Job(TrainingLimits(203, None, first_step=100, seconds_before=9.0))
    (line,) = job.take(1, 10.0)
    assert line.endswith("17 min left")  # 102 steps of 10 s are 1020 s


def test_a_line_says_the_figures_at_the_end() -> None:
    job = Job(TrainingLimits(4, None), validated=False)
    job.take(4, 1.0)
    job.progress.close()
    assert job.stdout.getvalue().splitlines() == [
        "step 3 of 4, minute 0.1: loss 1.000, 1 s left",
        "step 4 of 4, minute 0.1: loss 1.000, done",
    ]


def test_long_preparations_and_validations_say_a_line_a_minute_too() -> None:
    job = Job(TrainingLimits(10, None))
    for _ in job.output.track(range(100), "resizing", "pictures"):
        job.clock.now += 1.5
    assert job.stdout.getvalue().splitlines() == [
        "resizing: 40 of 100 pictures, 90 s left",  # 60 of 1.5 s are left
        "resizing: 80 of 100 pictures, 30 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0.2, "0 s"), (99, "99 s"), (100, "2 min"), (3600, "60 min"), (12_060, "3 h 21 min")],
)
def test_time_left_is_as_precise_as_it_is_known(seconds: float, says: str) -> None:
    assert format_time_left(seconds) == f"{says} left"


def test_a_pipe_gets_each_line_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},  # it would flush whatever is written
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()  # while the training still runs
        assert process.poll() is None
        process.stdin.write("go\n")
        process.stdin.flush()
        last, error = process.communicate(timeout=60)
    assert first.startswith("step 3 of 40, minute 0.0: loss 2.000, AP50 not yet measured, ")
    assert last == "step 40 of 40, minute 0.0: loss 2.000, AP50 0.250 (step 20), done\n"
    assert error == ""


@pytest.mark.parametrize("columns", [0, 120])
def test_a_terminal_has_a_bar_and_no_lines(columns: int) -> None:
    """Some terminals do not know their width: `script` in a job gives one of 0 columns."""
    output = run_on_terminal(columns)
    assert "training: 100%" in output
    assert "40/40" in output
    assert "loss 2.000" in output
    assert "step 3 of 40" not in output


def test_a_file_has_lines_while_the_terminal_keeps_its_bar(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    with log.open("w") as stdout:
        output = run_on_terminal(120, stdout=stdout.fileno())
    assert "training: 100%" in output
    assert "step 3 of 40" not in output
    assert [line[:14] for line in log.read_text().splitlines()] == [
        "step 3 of 40, ", "step 40 of 40,"
    ]  # fmt: skip


def run_on_terminal(columns: int, stdout: int | None = None) -> str:
    """What the program shows on a pseudo terminal, which is its stdout unless there is another."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(
        theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30 if columns else 0, columns, 0, 0)
    )
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=theirs if stdout is None else stdout, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        assert process.stdin
        process.stdin.write(b"go\n")
        process.stdin.flush()
        shown = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                part = os.read(ours, 65536)
            except OSError:  # EIO: the program has ended
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()
