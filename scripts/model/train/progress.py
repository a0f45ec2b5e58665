"""How far a training is: a bar on a terminal, a line a minute where the output is a file.

CI, nohup and SageMaker keep a job's output in a file, where a bar is unreadable. So every line is
whole, and flushed at once.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TextIO, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 60.0
FIRST_STEPS = 3  # after which the first line comes; the very first step is slower than the others
FIRST_SECONDS = 10.0  # or after that, where steps are slow
DEFAULT_COLUMNS, DEFAULT_ROWS = 100, 24
LOSSES_KEPT = 50  # the loss that is shown is the mean of so many steps


class ProgressOutput:
    """Where progress is shown: bars on a terminal, lines on a stdout that is none, or both."""

    def __init__(
        self,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        stdout, stderr = stdout or sys.stdout, stderr or sys.stderr
        self.clock = clock
        self._terminal = next((each for each in (stderr, stdout) if each.isatty()), None)
        self._lines = None if stdout.isatty() else stdout
        self._last_line = clock()

    def bar(
        self, description: str, total: int, unit: str, *, first: int = 0, stays: bool = True
    ) -> tqdm:
        """A bar that shows nothing where there is no terminal. stays: when it has ended."""
        return tqdm(
            total=total,
            initial=first,
            unit=f" {unit}",
            desc=description,
            leave=stays,
            file=self._terminal,
            **(_size(self._terminal) if self._terminal else {}),
            disable=self._terminal is None,
        )

    def seconds_since_line(self) -> float:
        """Since the last line, or since this object was made."""
        return self.clock() - self._last_line

    def write_line(self, line: str) -> None:
        """Write and flush a line where stdout is no terminal, past a bar that may be there."""
        self._last_line = self.clock()
        if self._lines:
            tqdm.write(line, file=self._lines)
            self._lines.flush()

    def track(
        self, items: Collection[Item], description: str, unit: str, *, stays: bool = True
    ) -> Iterator[Item]:
        """The items, with a bar, or a line whenever a minute went by without any."""
        total, started = len(items), self.clock()
        with self.bar(description, total, unit, stays=stays) as bar:
            for number, item in enumerate(items):
                if number and self.seconds_since_line() >= SECONDS_BETWEEN_LINES:
                    left = (total - number) * (self.clock() - started) / number
                    self.write_line(
                        f"{description}: {number} of {total} {unit}, {format_time_left(left)}"
                    )
                yield item
                bar.update()


@dataclass(frozen=True)
class TrainingLimits:
    """What ends a training, whichever comes first; and what a resumed one has behind it.

    minutes: None for no such limit; counted from the run's beginning, as seconds_before is.
    """

    steps: int
    minutes: float | None
    first_step: int = 0
    seconds_before: float = 0.0


class TrainingProgress:
    """Shows the steps of one training: how many, the loss, the best AP50 so far, the time left."""

    def __init__(self, output: ProgressOutput, limits: TrainingLimits, *, validated: bool) -> None:
        self._output, self._limits, self._validated = output, limits, validated
        self._losses: deque[float] = deque(maxlen=LOSSES_KEPT)
        self._step = self._shown_step = limits.first_step
        self._best: tuple[float, int] | None = None
        self._started = output.clock()
        self._has_line = False
        self._bar = output.bar("training", limits.steps, "steps", first=limits.first_step)

    def update(self, step: int, loss: float) -> None:
        """A step is done."""
        self._losses.append(loss)
        self._bar.set_postfix_str(self._format_figures(), refresh=False)
        self._bar.update(step - self._step)
        self._step = step
        if self._is_line_due():
            self._write_line()

    def evaluated(self, best_ap50: float, step: int) -> None:
        """The best AP50 so far, and the step that it was measured at."""
        self._best = (best_ap50, step)

    def close(self) -> None:
        """The training has ended; a line says the figures at its end."""
        self._bar.close()
        if self._step != self._shown_step:
            self._write_line("done")

    def _is_line_due(self) -> bool:
        if self._has_line:
            return self._output.seconds_since_line() >= SECONDS_BETWEEN_LINES
        seconds = self._output.clock() - self._started
        return self._step - self._limits.first_step >= FIRST_STEPS or seconds >= FIRST_SECONDS

    def _write_line(self, ending: str | None = None) -> None:
        self._has_line, self._shown_step = True, self._step
        ending = ending or format_time_left(min(self._left_by_steps(), self._left_by_time()))
        self._output.write_line(f"{self._format_place()}: {self._format_figures()}, {ending}")

    def _seconds_trained(self) -> float:
        """Of the whole run, those before a resume included."""
        return self._limits.seconds_before + self._output.clock() - self._started

    def _left_by_steps(self) -> float:
        taken = self._step - self._limits.first_step
        seconds = self._output.clock() - self._started
        return (self._limits.steps - self._step) * seconds / max(1, taken)

    def _left_by_time(self) -> float:
        if self._limits.minutes is None:
            return float("inf")
        return max(0.0, self._limits.minutes * 60 - self._seconds_trained())

    def _format_place(self) -> str:
        """The step, and how far that is by the limit that will end the training."""
        minutes = self._seconds_trained() / 60
        if self._left_by_time() < self._left_by_steps():
            return f"step {self._step}, minute {minutes:.1f} of {self._limits.minutes:g}"
        return f"step {self._step} of {self._limits.steps}, minute {minutes:.1f}"

    def _format_figures(self) -> str:
        figures = f"loss {sum(self._losses) / len(self._losses):.3f}" if self._losses else "no loss"
        if not self._validated:
            return figures
        if self._best is None:
            return f"{figures}, AP50 not yet measured"
        return f"{figures}, AP50 {self._best[0]:.3f} (step {self._best[1]})"


def _size(terminal: TextIO) -> dict[str, int]:
    """tqdm's arguments for a terminal's size: some have none, as under `script` in a job, and tqdm
    shows nothing there."""
    try:
        columns, rows = os.get_terminal_size(terminal.fileno())
    except OSError:
        columns, rows = 0, 0
    return {"ncols": columns or DEFAULT_COLUMNS, "nrows": rows or DEFAULT_ROWS}


def format_time_left(seconds: float) -> str:
    """Such as "45 s left", "12 min left", "3 h 20 min left"."""
    if seconds < 99.5:
        return f"{seconds:.0f} s left"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min left"
    return f"{minutes // 60} h {minutes % 60} min left"
