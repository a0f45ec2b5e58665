"""Looks at what the new version answers: each minute while requests move, and once when all have.

A look sees whole minutes since the first request of the new version, and a look that is repeated
sees the same ones: so their number, and with it the error that they spend, is bounded.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from scripts.monitor.canary.alias import Alias
from scripts.monitor.canary.behaviour import (
    LAST_LEVEL,
    LOOK_LEVEL,
    LOOKS,
    Behaviour,
    compare_behaviour,
    undecided,
)
from scripts.monitor.canary.traffic import Shift, Traffic, find_shift, read_traffic
from scripts.records.source import Source

# Where it is not known when a version was published: half an hour is the longest rollout there is.
LONGEST = timedelta(minutes=45)
NONE_YET = "no record of the new version is there yet"
logger = logging.getLogger("scripts.monitor.canary")


def look(
    source: Source,
    alias: Alias,
    published: datetime | None,
    now: datetime,
    moving_since: datetime | None = None,
) -> Behaviour:
    """While requests move. moving_since: when that was first seen, None if now. Raises ToolError
    where records cannot be read."""
    assert alias.new_version is not None
    traffic = read_traffic(source, _since(published, now), now)
    shift = find_shift(traffic, alias.new_version, alias.version)
    if shift is None:
        return _without_records(traffic, alias, moving_since or now, now - traffic.late)
    seen = now - shift.start.replace(tzinfo=UTC) - traffic.late
    minutes = max((each for each in LOOKS if timedelta(minutes=each) <= seen), default=None)
    if minutes is None:
        why = "the first minute of its requests is not over, or its records are not there yet"
        return undecided(alias.version, alias.new_version, why)
    return _compare(shift.until(minutes), traffic, LOOK_LEVEL, minutes)


def last_look(
    source: Source, new_version: str, published: datetime | None, now: datetime
) -> tuple[Behaviour, timedelta]:
    """Once all requests have moved; and how late records may be, after which another last look
    would see more."""
    traffic = read_traffic(source, _since(published, now), now)
    shift = find_shift(traffic, new_version)
    if shift is None:
        return undecided("?", new_version, f"{NONE_YET}, {_read(traffic)}"), traffic.late
    both = shift.until_last_live()
    if not len(both.rows):
        why = f"no request of the old version came between those of the new one, {_read(traffic)}"
        return undecided(shift.live_version or "?", new_version, why), traffic.late
    return _compare(both, traffic, LAST_LEVEL, None), traffic.late


def _without_records(traffic: Traffic, alias: Alias, start: datetime, end: datetime) -> Behaviour:
    """A version that leaves no record behaves otherwise, once so many of the old one's are there
    that chance would not have passed it over."""
    assert alias.new_version is not None
    times = traffic.rows.facts["time"].astype("datetime64[us]").tolist()
    live = sum(
        version == alias.version and start <= time.replace(tzinfo=UTC) < end
        for version, time in zip(traffic.rows.facts["function_version"], times, strict=True)
    )
    if (1 - alias.share) ** live > LOOK_LEVEL:
        return undecided(alias.version, alias.new_version, f"{NONE_YET}, {_read(traffic)}")
    why = f"it leaves no records, although {alias.share:.0%} of the requests go to it"
    facts = (alias.version, alias.new_version, live, 0, None, LOOK_LEVEL)
    return Behaviour("differs", *facts, why=why)


def _since(published: datetime | None, now: datetime) -> datetime:
    return max(published or now - LONGEST, now - LONGEST)


def _compare(shift: Shift, traffic: Traffic, level: float, minutes: int | None) -> Behaviour:
    if traffic.left_out:
        logger.info("too many records: %d of them are not read", traffic.left_out)
    if traffic.corrupt:
        logger.warning("%d objects are no records", traffic.corrupt)
    return compare_behaviour(shift, level=level, minutes=minutes)


def _read(traffic: Traffic) -> str:
    return f"among {len(traffic.rows)} records since it was published"
