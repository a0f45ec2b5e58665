"""Compacts days that are over while there is time: of a run, reports need some, too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from scripts.monitor.cloud.timed_source import OutOfTimeError, TimedSource
from scripts.records.compact import Listing, compact, find_compactable, list_day
from scripts.records.source import Source
from scripts.tool import ToolError

# Measured with 12,000 records of 3 KB a day on one core; a request to S3 takes 20 ms, ten at once.
S_PER_MB, S_PER_OBJECT = 0.6, 0.002
logger = logging.getLogger(__name__)


@dataclass
class Compacting:
    """How it went, in sentences. undone: for want of time. failed: in an error."""

    undone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def compact_closed_days(source: Source, now: datetime, left_s: Callable[[], float]) -> Compacting:
    """Compact the days that are over, the oldest first. left_s: seconds that are left for it; a day
    that needs more is not begun. Raises ToolError where the source cannot be listed."""
    done = Compacting()

    def check() -> None:
        if left_s() < 0:
            raise OutOfTimeError("the time is up")

    timed = TimedSource(source, check)
    try:
        for day in find_compactable(timed, now):
            listing = list_day(timed, day)
            if _needed_s(listing) > left_s():
                done.undone.append(
                    f"compacting {day} needs more time than a run has; "
                    f"elsewhere: scripts/run monitor compact {source.url}"
                )
                continue
            try:
                compacted = compact(timed, day)
            except ToolError as error:
                done.failed.append(f"compacting {error}")
                continue
            if compacted.left:
                logger.warning("%s: %d objects are no records, or differ", day, len(compacted.left))
    except OutOfTimeError as error:
        done.undone.append(f"compacting: {error}")
    return done


def _needed_s(listing: Listing) -> float:
    items = (*listing.objects, *listing.files)
    return sum(item.size for item in items) / 1e6 * S_PER_MB + len(items) * S_PER_OBJECT
