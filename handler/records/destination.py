"""What PREDICTION_LOG says: where records go, and whether they go one by one.

- `s3://bucket[/prefix]`, `file:///folder`: an object for each record
- the same with `?batch=100&seconds=60`: an object for many; `&journal=no` to keep those that wait
  out of the log
- `firehose://stream`: a Firehose stream
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from handler.storage.location import parse_location

MOST_RECORDS, MOST_SECONDS = 1000, 86_400
DEFAULT_SECONDS = 60
_STREAM = r"[A-Za-z0-9_.-]{1,64}"
_NUMBER = r"[1-9][0-9]{0,8}"


class Batching(NamedTuple):
    """Records wait in the environment for an object of many.

    records: that an object has, or more. seconds: that one waits at most, while requests come.
    has_journal: whether the function's log keeps those that wait, so that none is lost.
    """

    records: int
    seconds: int = DEFAULT_SECONDS
    has_journal: bool = True


class Destination(NamedTuple):
    """One of store and stream, or neither.

    store: URL of a bucket or folder. stream: Firehose's name of it. batching: None where each
    record has an object of its own.
    """

    store: str = ""
    stream: str = ""
    batching: Batching | None = None

    @property
    def finds_records(self) -> bool:
        """Whether a record can be found by its id: it has an object of its own."""
        return bool(self.store) and self.batching is None


def parse_destination(setting: str, url: str) -> Destination:
    """Read a setting's URL; an empty one names no destination. Raises ValueError, which names the
    setting, for any other text."""
    parts = urlsplit(url)
    if parts.scheme == "firehose":
        if not re.fullmatch(_STREAM, parts.netloc) or parts.path.strip("/") or parts.query:
            raise ValueError(f"{setting}={url!r}: expected firehose://STREAM and nothing else")
        return Destination(stream=parts.netloc)
    store, mark, query = url.partition("?")
    try:
        if parse_location(setting, store) is None and mark:
            raise ValueError(query)
        return Destination(store=store, batching=_batching(query) if mark else None)
    except ValueError:
        raise ValueError(
            f"{setting}={url!r}: expected s3://bucket, s3://bucket/prefix or file:///folder, with "
            f"?batch=N&seconds=T&journal=yes|no behind it for objects of many records (N up to "
            f"{MOST_RECORDS:,}, T up to {MOST_SECONDS:,}), or firehose://STREAM"
        ) from None


def _batching(query: str) -> Batching:
    """Raises ValueError for anything but the three members, each at most once."""
    members = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    values = dict(members)
    if len(values) < len(members) or not values.keys() <= {"batch", "seconds", "journal"}:
        raise ValueError(query)
    journal = values.get("journal", "yes")
    if "batch" not in values or journal not in ("yes", "no"):
        raise ValueError(query)
    return Batching(
        records=_number(values["batch"], MOST_RECORDS),
        seconds=_number(values.get("seconds", str(DEFAULT_SECONDS)), MOST_SECONDS),
        has_journal=journal == "yes",
    )


def _number(text: str, most: int) -> int:
    if not re.fullmatch(_NUMBER, text) or int(text) > most:
        raise ValueError(text)
    return int(text)
