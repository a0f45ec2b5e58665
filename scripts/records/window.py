"""Windows of time, half open and in UTC, and the partitions of an hour that they touch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from scripts.tool import ToolError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# A batch of records lies in the partition of one of them, and its others may be of the hour beside.
SLACK = HOUR
_MAX_DAYS = 3660
_SPAN = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EXPECTED = "expected a span up to now such as 24h or 7d, or START..END such as " + (
    "2026-11-01..2026-11-08"
)


@dataclass(frozen=True)
class Window:
    """start <= time < end. Raises ValueError for naive times, and where the end is not later."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window's times need a time zone")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.start >= self.end:
            raise ValueError(f"a window ends after its start, not {self}")

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}..{self.end:%Y-%m-%dT%H:%M:%SZ}"

    def __contains__(self, time: datetime) -> bool:
        return self.start <= time < self.end

    @property
    def days(self) -> Iterator[date]:
        """Of UTC, whose partitions may hold records of the window, oldest first."""
        day = (self.start - SLACK).date()
        while day <= self._last:
            yield day
            day += DAY

    def touches(self, day: date, hour: int) -> bool:
        """Whether the partition of an hour may hold records of the window."""
        start = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        return start < self.end + SLACK and start + HOUR > self.start - SLACK

    @property
    def _last(self) -> date:
        return (self.end + SLACK - timedelta(microseconds=1)).date()


def of_day(day: date) -> Window:
    """A whole day of UTC."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Window(start, start + DAY)


def parse_window(text: str, now: datetime) -> Window:
    """A span that ends now, such as `24h`, or `START..END` in days or RFC 3339 times.

    A day as START is its first moment, as END its first moment, too, so that windows join without
    a gap. Raises ToolError for anything else.
    """
    try:
        span = _SPAN.fullmatch(text)
        if span:
            window = Window(now - timedelta(**{_UNITS[span[2]]: int(span[1])}), now)
        else:
            start, end = text.split("..")
            window = Window(_parse_time(start), _parse_time(end))
    except (ValueError, OverflowError):
        raise ToolError(f"the window {text!r} is none: {_EXPECTED}") from None
    if window.end - window.start > _MAX_DAYS * DAY:
        raise ToolError(f"the window {text!r} is longer than {_MAX_DAYS} days")
    return window


def _parse_time(text: str) -> datetime:
    time = datetime.fromisoformat(text.strip())
    return time.replace(tzinfo=time.tzinfo or UTC)
