"""Marks of predictions that were forgotten, so that no copy which is under way comes back.

    forgotten/model=NAME/version=V/dt=YYYY-MM-DD/SHA256

SHA256 is the digest of the prediction's id, so that a mark names nobody. A record may be in a
compaction that has read it, in a delivery stream's buffer, in an instance's waiting batch, or in a
log that `recover` reads. All of them write into a day of the record, and whoever compacts or
recovers that day looks for its marks and drops what they name. The mark is written before anything
is removed, and a compaction reads the marks again once it has put its file: so of a compaction and
a removal at the same time, at least one sees what the other did.
"""

from __future__ import annotations

import hashlib
from datetime import date

from scripts.records.partitions import Stream
from scripts.records.source import Source

FORGOTTEN = "forgotten"


def id_digest(prediction_id: str) -> str:
    """SHA-256 of an id in hexadecimal."""
    return hashlib.sha256(prediction_id.encode(errors="backslashreplace")).hexdigest()


def mark_key(partition: str, prediction_id: str) -> str:
    """partition: of a day, from `model=` to `dt=`."""
    return f"{FORGOTTEN}/{partition}/{id_digest(prediction_id)}"


def read_marks(source: Source, stream: Stream, day: date) -> frozenset[str]:
    """Digests of the ids that were forgotten of a day. Raises ToolError."""
    items = source.items(f"{FORGOTTEN}/{stream.folder}/dt={day}/")
    return frozenset(item.key.rpartition("/")[2] for item in items)
