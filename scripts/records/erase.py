"""Removes all that is kept of one prediction, in every version: `erase`.

Objects of its own (record, kept picture, feedback) are removed. What it shares with others, a batch
or a Parquet file, is written again without it, read back, and only then removed; versions that are
no longer current are removed whole, since what else is in them is kept elsewhere. Reports that name
it show its picture, and are removed.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.records.forgotten import mark_key
from scripts.records.observe import connect, quote
from scripts.records.parquet import (
    has_observations,
    name_by_ids,
    parquet_source,
    write_parquet,
)
from scripts.records.partitions import COMPACTED, FEEDBACK, PREDICTIONS
from scripts.records.unpack import MAX_BATCH_BYTES, CorruptError, gunzip
from scripts.records.versions import Version, VersionedPlace
from scripts.tool import ToolError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# What lies below each, in a person's words. Records first: what is compacted meanwhile is found in
# the file that has it.
ROOTS = {
    f"{PREDICTIONS}/": "record",
    f"{COMPACTED}/": "record in a Parquet file",
    "firehose-errors/": "record that Firehose could not convert",
    "captures/": "kept picture",
    f"{FEEDBACK}/": "feedback",
    "reports/": "report that shows it",
}
MAX_PASSES = 5  # until one finds nothing
THREADS = 8
_GZIP = b"\x1f\x8b"
_DAY = re.compile(r"(model=[^/]+/version=[^/]+/dt=\d{4}-\d\d-\d\d)(/|$)")


@dataclass(frozen=True)
class Erased:
    """versions: how many were removed, by what they were. rewritten: keys of batches and files that
    were written again without it. days: its partitions, from `model=` to `dt=`."""

    versions: dict[str, int]
    rewritten: tuple[str, ...]
    days: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """A version that holds the prediction. is_own: whether it holds nothing else."""

    version: Version
    what: str
    is_own: bool


def erase(
    place: VersionedPlace, prediction_id: str, on_progress: Callable[[int], None] | None = None
) -> Erased:
    """Remove a prediction; nothing where there is none.

    on_progress: called with the number of versions that were looked at. Raises ToolError where the
    place fails, or still has it after MAX_PASSES; run again, it goes on.
    """
    removed: Counter[str] = Counter()
    rewritten: list[str] = []
    days: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="icebox-") as name, connect() as connection:
        connection.execute(f"SET temp_directory = {quote(str(Path(name, 'spill')))}")
        eraser = _Eraser(place, prediction_id, Path(name), connection, on_progress)
        for _ in range(MAX_PASSES):
            found = list(eraser.find())
            if not found:
                return Erased(dict(removed), tuple(rewritten), tuple(sorted(days)))
            new = {day for each in found if (day := _day_of(each))} - days
            for day in sorted(new):  # before anything is removed
                eraser.mark(day)
            days |= new
            for each in found:
                rewritten += eraser.remove(each)
                removed[each.what] += not each.version.is_marker
    raise ToolError(
        f"{place.url}: copies of it appear as fast as they are removed; another program writes "
        "them. Run it again later"
    )


@dataclass
class _Eraser:
    place: VersionedPlace
    prediction_id: str
    folder: Path
    connection: DuckDBPyConnection
    on_progress: Callable[[int], None] | None

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """Finds the id, and not within another: one picture of several has it with a number."""
        return re.compile(
            rb"(?<![0-9A-Za-z-])" + re.escape(self.prediction_id.encode()) + rb"(?![0-9A-Za-z-])"
        )

    def find(self) -> Iterator[_Found]:
        """Every version that holds it now."""
        seen = 0
        with ThreadPoolExecutor(THREADS) as pool:
            for root, what in ROOTS.items():
                shared = []
                for version in self.place.versions(root):
                    seen += 1
                    if self.on_progress and seen % 1000 == 0:
                        self.on_progress(seen)
                    name = version.key.rpartition("/")[2]
                    if name.startswith(f"{self.prediction_id}."):
                        yield _Found(version, what, is_own=True)
                    elif not version.is_marker and _may_share(root, name):
                        shared.append(version)
                for version, holds in zip(shared, pool.map(self._holds, shared), strict=True):
                    if holds:
                        yield _Found(version, what, is_own=root == "reports/")

    def mark(self, day: str) -> None:
        path = self.folder / "mark"
        path.write_bytes(b"")
        self.place.put(mark_key(day, self.prediction_id), path)

    def remove(self, found: _Found) -> list[str]:
        """Returns the keys that were written in its place."""
        written = []
        if not found.is_own and found.version.is_latest:
            written = self._write_without(found.version)
        self.place.remove([found.version])
        return written

    def _holds(self, version: Version) -> bool:
        """Whether an object of many has it. Runs in a thread."""
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            path = Path(file.name)
            if not self.place.read_into(version, path):
                return False
            if version.key.endswith(".parquet"):
                return bool(self._rows_of(path))
            return any(self._is_its(line) for line in _lines(path.read_bytes()))

    def _rows_of(self, path: Path) -> int:
        import duckdb

        query = f"SELECT count(*) FROM {parquet_source([path])} WHERE prediction_id = ?"
        try:
            with self.connection.cursor() as cursor:
                counted = cursor.execute(query, [self.prediction_id]).fetchall()
        except duckdb.Error:  # no Parquet, or not of records
            return 0
        return int(counted[0][0])

    def _is_its(self, line: bytes) -> bool:
        if self.pattern.search(line):
            return True
        # Firehose keeps what it could not convert as base64.
        return b'"rawData"' in line and bool(self.pattern.search(_raw_data(line)))

    def _write_without(self, version: Version) -> list[str]:
        """Write the others of an object of many, and read them back. Raises ToolError."""
        original, path = self.folder / "original", self.folder / "without"
        if not self.place.read_into(version, original):
            return []
        if version.key.endswith(".parquet"):
            name = self._parquet_without(original, path)
        else:
            name = self._lines_without(original, path, version.key)
        if not name:
            return []
        key = f"{version.key.rpartition('/')[0]}/{name}"
        put, stored = self.place.put(key, path), self.folder / "stored"
        if not self.place.read_into(put, stored) or _digest(stored) != _digest(path):
            raise ToolError(f"{key} is not as it was put; nothing was removed from {version.key}")
        return [key]

    def _parquet_without(self, original: Path, path: Path) -> str:
        """Returns the new file's name, empty where nothing is left for it."""
        others = (
            f"SELECT * FROM {parquet_source([original])} "
            f"WHERE prediction_id IS DISTINCT FROM {quote(self.prediction_id)}"
        )
        write_parquet(self.connection, others, path)
        name, rows = name_by_ids(self.connection, parquet_source([path]))
        everything = parquet_source([original])
        total = self.connection.execute(f"SELECT count(*) FROM {everything}").fetchall()[0][0]
        if total != rows + self._rows_of(original):
            raise ToolError("a Parquet file is not the same without one record; this is a bug")
        if not rows:
            return ""
        # One without observations stays another's: compaction merges it.
        return name if has_observations(self.connection, original) else f"rewritten-{name}"

    def _lines_without(self, original: Path, path: Path, key: str) -> str:
        body = original.read_bytes()
        text = b"".join(line + b"\n" for line in _lines(body) if not self._is_its(line))
        if not text:
            return ""
        path.write_bytes(gzip.compress(text, mtime=0) if body.startswith(_GZIP) else text)
        digest = hashlib.sha256(text).hexdigest()[:32]
        if key.startswith(f"{PREDICTIONS}/"):
            return f"batch-{digest}.jsonl.gz"
        return f"rewritten-{digest}"


def _may_share(root: str, name: str) -> bool:
    """Whether an object of this name may hold many predictions."""
    if root == f"{PREDICTIONS}/":
        return name.endswith(".jsonl.gz")
    if root == f"{COMPACTED}/":
        return name.endswith(".parquet")
    if root == "reports/":
        return name.endswith((".html", ".json")) and name not in ("index.html", "state.json")
    return root == "firehose-errors/"


def _day_of(found: _Found) -> str | None:
    """The partition of a record's day; a report's is another."""
    match = _DAY.search(found.version.key)
    return match[1] if match and not found.version.key.startswith("reports/") else None


def _lines(body: bytes) -> list[bytes]:
    try:
        text = gunzip(body, MAX_BATCH_BYTES) if body.startswith(_GZIP) else body
    except CorruptError:  # nobody reads records out of it either
        return []
    return [line for line in text.split(b"\n") if line.strip()]


def _raw_data(line: bytes) -> bytes:
    try:
        raw: Any = json.loads(line)
        return base64.b64decode(raw["rawData"])
    except (ValueError, TypeError, KeyError):
        return b""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
