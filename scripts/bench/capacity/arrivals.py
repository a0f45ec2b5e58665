"""When pictures come: from a trace, or by chance around a day's curve with bursts on it.

Both give times in seconds from the start, ascending. Poisson arrivals of a rate that changes are
drawn as a count for each second, spread evenly over it: exact for a rate that is constant within
the second.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.tool import ToolError

Times = NDArray[np.float64]
MAX_REQUESTS = 8_000_000  # 200 bytes and 10 microseconds each
MAX_RATE = 20_000.0


@dataclass(frozen=True)
class Load:
    """A day's curve with bursts on it.

    rate: requests a second that are never exceeded, in a burst at the day's top. trough: the
    night's share of the day's top. period_s: of a day; shorter than a real one, it asks more of
    scaling than the real one does. bursts: in a period, on average, each of burst_s on average;
    they come by chance, but for one at the top, and multiply the rate by burst_factor.
    """

    rate: float = 10_000.0
    seconds: float = 600.0
    trough: float = 0.1
    period_s: float = 600.0
    bursts: float = 4.0
    burst_s: float = 15.0
    burst_factor: float = 2.0
    seed: int = 1


def check_load(load: Load) -> None:
    """Raises ToolError for a load that is not bounded, or none."""
    if not 0 < load.rate <= MAX_RATE:
        raise ToolError(f"--rate: expected above 0 and up to {MAX_RATE:g} requests a second")
    if not 1 <= load.seconds <= 7 * 86_400:
        raise ToolError("--seconds: expected 1 to 604800, a week")
    if not 0 <= load.trough <= 1:
        raise ToolError("--trough: expected a share from 0 to 1")
    if load.period_s < 10 or load.bursts < 0 or load.burst_s <= 0 or load.burst_factor < 1:
        raise ToolError(
            "expected --period of 10 s or more, --bursts of 0 or more, --burst-seconds above 0, "
            "and --burst-factor of 1 or more"
        )
    expected = float(rates(load).sum())
    if expected > MAX_REQUESTS:
        raise ToolError(
            f"{expected:,.0f} requests are more than {MAX_REQUESTS:,}: lower --rate or --seconds"
        )


def rates(load: Load) -> NDArray[np.float64]:
    """Requests a second, for each second from the start. The day begins at its trough."""
    seconds = np.arange(math.ceil(load.seconds))
    swing = (1 - np.cos(2 * np.pi * (seconds + 0.5) / load.period_s)) / 2
    curve = load.trough + (1 - load.trough) * swing
    factor = np.ones(len(seconds))
    if load.bursts:
        chance = np.random.default_rng([load.seed, 1])
        count = chance.poisson(load.bursts * load.seconds / load.period_s)
        starts = chance.uniform(0, load.seconds, count)
        lengths = chance.exponential(load.burst_s, count)
        # one is at the top, so that the highest rate is seen whatever the seed
        starts[:1], lengths[:1] = min(load.period_s, load.seconds) / 2, load.burst_s
        for start, length in zip(starts, lengths, strict=True):
            factor[int(start) : math.ceil(start + length)] = load.burst_factor
    top = load.rate / (load.burst_factor if load.bursts else 1)
    values: NDArray[np.float64] = top * curve * factor
    values[-1] *= 1 - (len(seconds) - load.seconds)  # the last second may be a part of one
    return values


def generate(load: Load) -> Times:
    """The times of a load; the same seed gives the same ones. Raises ToolError."""
    check_load(load)
    chance = np.random.default_rng([load.seed, 0])
    return _spread(chance.poisson(rates(load)), 1.0, load.seconds, chance)


def read_trace(path: Path, seed: int = 1) -> Times:
    """The times in a CSV file with a heading: `time`, as seconds or ISO 8601, one line a request;
    or `minute,count`, the number of a minute and of requests in it, which are spread by chance.

    Times count from the first one. Raises ToolError, with the line, for what is no trace.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            heading = [name.strip().lower() for name in next(lines, [])]
            if heading == ["time"]:
                times = _read_times(lines)
            elif heading == ["minute", "count"]:
                times = _read_counts(lines, np.random.default_rng([seed, 0]))
            else:
                raise ToolError(
                    f"{path}: expected the heading `time` or `minute,count`, "
                    f"not {','.join(heading)[:60]!r}"
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ToolError(f"{path} cannot be read: {error}") from None
    except _LineError as error:
        raise ToolError(f"{path}, line {error.line}: {error}") from None
    if not len(times):
        raise ToolError(f"{path} has no requests")
    return times


class _LineError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _read_times(lines) -> Times:
    times: list[float] = []
    for row in lines:
        if not row:
            continue
        if len(times) >= MAX_REQUESTS:
            raise _LineError(lines.line_num, f"more than {MAX_REQUESTS:,} requests")
        times.append(_time(row, lines.line_num))
    found = np.sort(np.array(times, dtype=float))
    return found - found[0] if len(found) else found


def _time(row: list[str], line: int) -> float:
    text = row[0].strip() if len(row) == 1 else ""
    try:
        value = float(text)
    except ValueError:
        try:
            value = datetime.fromisoformat(text).timestamp()
        except ValueError:
            raise _LineError(line, f"{','.join(row)[:60]!r} is no time") from None
    if not math.isfinite(value):
        raise _LineError(line, f"{text!r} is no time")
    return value


def _read_counts(lines, chance: np.random.Generator) -> Times:
    counts: dict[int, int] = {}
    for row in lines:
        if not row:
            continue
        try:
            minute, count = (int(cell) for cell in row)
        except ValueError:
            raise _LineError(lines.line_num, f"{','.join(row)[:60]!r} are no two numbers") from None
        if minute < 0 or count < 0 or minute > 7 * 1440:
            raise _LineError(
                lines.line_num, "expected a minute of a week, and a count, of 0 or more"
            )
        counts[minute] = counts.get(minute, 0) + count
    if sum(counts.values()) > MAX_REQUESTS:
        raise _LineError(lines.line_num, f"more than {MAX_REQUESTS:,} requests in all")
    if not counts:
        return np.array([])
    first, last = min(counts), max(counts)
    series = np.array([counts.get(minute, 0) for minute in range(first, last + 1)])
    return _spread(series, 60.0, 60.0 * len(series), chance)


def _spread(
    counts: NDArray[np.int64], width_s: float, end_s: float, chance: np.random.Generator
) -> Times:
    """Each bin's count of times, by chance within the bin, ascending."""
    starts = np.repeat(np.arange(len(counts)) * width_s, counts)
    widths = np.minimum(width_s, end_s - starts)
    times: Times = starts + widths * chance.random(len(starts))
    times.sort()
    return times
