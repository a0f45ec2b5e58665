"""Writes synthetic records where the function writes real ones: gzipped objects under Hive keys."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np

from handler.records.objects import batch_name
from handler.records.record import partition
from handler.storage.store import open_store
from scripts.monitor.synthesize.captures import draw_picture
from scripts.monitor.synthesize.feedback import FeedbackMaker
from scripts.monitor.synthesize.records import Line, RecordMaker
from scripts.monitor.synthesize.traffic import Chunk, Plan, split_traffic
from scripts.tool import ToolError

_LEVEL = 4  # of gzip: a twentieth larger than the function's, in half the time
_THREADS = 16  # that wait for S3, in each process


@dataclass(frozen=True)
class Written:
    """What one chunk left: records, objects and their bytes."""

    records: int
    objects: int
    bytes: int


class Place(Protocol):
    """Where objects are put."""

    def put(self, key: str, body: bytes) -> None: ...


class _Folder:
    """Files under a folder, written plainly: the traffic is made in one go."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: set[str] = set()

    def put(self, key: str, body: bytes) -> None:
        folder = key.rpartition("/")[0]
        if folder not in self._made:
            (self._root / folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        (self._root / key).write_bytes(body)


def write_traffic(
    plan: Plan, out: str, *, processes: int = 1, records_per_object: int = 1
) -> Iterator[Written]:
    """Write all records of a plan; yields what each chunk left, as it is done.

    out: a folder, or s3://BUCKET[/PREFIX]. records_per_object: more than 1 makes objects of many
    records, as the function delivers in batches. Raises ToolError where `out` is no such place.
    """
    open_place(out)  # in this process, to tell of errors at once
    chunks = split_traffic(plan)
    if processes == 1:
        writer = ChunkWriter(plan, out, records_per_object)
        yield from map(writer.write, chunks)
        return
    with ProcessPoolExecutor(
        processes,
        get_context("spawn"),
        initializer=_start_worker,
        initargs=(plan, out, records_per_object),
    ) as pool:
        yield from pool.map(_write_in_worker, chunks)


def compact_traffic(plan: Plan, out: str) -> Iterator[int]:
    """Turn what was written into Parquet files, as `monitor compact` does; yields the records of
    each, as it is done."""
    from scripts.records.compact import compact, find_compactable
    from scripts.records.source import open_source

    source = open_source(out)
    days = tuple(
        (plan.start + timedelta(days=day)).date() for day in range((plan.end - plan.start).days + 2)
    )
    for day in find_compactable(source, plan.end, days):
        yield compact(source, day).records


def open_place(out: str) -> Place:
    """Where objects are put. Raises ToolError."""
    if "://" not in out:
        return _Folder(Path(out))
    if out.startswith("file://"):
        return _Folder(Path(out.removeprefix("file://")))
    try:
        store = open_store("--out", out, connect_s=5, read_s=20, tries=4)
    except ValueError as error:
        raise ToolError(str(error)) from None
    assert store is not None
    return store


class ChunkWriter:
    """Makes and writes chunks of a plan's records."""

    def __init__(self, plan: Plan, out: str, records_per_object: int) -> None:
        self._records_per_object = records_per_object
        self._maker = RecordMaker(plan)
        self._people = FeedbackMaker(plan)
        self._manifest, self._seed = plan.manifest, plan.seed
        self._place = open_place(out)
        self._threads = ThreadPoolExecutor(_THREADS) if out.startswith("s3://") else None

    def write(self, chunk: Chunk) -> Written:
        rng = np.random.default_rng([self._seed, 2, chunk.number])
        objects = self._objects(self._maker.make(chunk), rng)
        records = len(chunk.times)
        if self._threads is None:
            sizes = [self._put(*each) for each in objects]
        else:
            sizes = list(self._threads.map(lambda each: self._put(*each), objects))
        return Written(records, len(sizes), sum(sizes))

    def _put(self, key: str, body: bytes) -> int:
        self._place.put(key, body)
        return len(body)

    def _objects(
        self, lines: Iterator[Line], rng: np.random.Generator
    ) -> Iterator[tuple[str, bytes]]:
        """Keys and bodies of records, kept pictures and corrections."""
        batch: list[Line] = []
        for line in lines:
            if line.capture is not None and line.picture is not None:
                yield line.capture, draw_picture(line.picture)
            given = self._people.correct(rng, line)
            if given is not None:  # as the function does: in batches, it cannot look for the record
                is_alone = self._records_per_object == 1
                where = line.time if is_alone else given.time
                yield self._people.key(given, where), given.to_bytes()
            line = replace(line, picture=None)  # which is large
            if batch and (
                len(batch) == self._records_per_object
                or self._folder(batch[0]) != self._folder(line)
            ):
                yield self._object(batch)
                batch = []
            batch.append(line)
        if batch:
            yield self._object(batch)

    def _object(self, batch: list[Line]) -> tuple[str, bytes]:
        """As the function names and fills an object of one record or of many."""
        folder = self._folder(batch[0])
        if self._records_per_object == 1:
            return f"{folder}/{batch[0].prediction_id}.json.gz", _gzip(batch[0].text)
        lines = "".join(f"{line.text}\n" for line in batch)
        return f"{folder}/{batch_name(line.prediction_id for line in batch)}", _gzip(lines)

    def _folder(self, line: Line) -> str:
        where = partition(self._manifest.name, self._manifest.version, line.time)
        return f"predictions/{where}"


def _gzip(text: str) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)  # 31: with gzip's header, no time
    return compressor.compress(text.encode()) + compressor.flush()


_worker: ChunkWriter | None = None


def _start_worker(plan: Plan, out: str, records_per_object: int) -> None:
    global _worker
    _worker = ChunkWriter(plan, out, records_per_object)


def _write_in_worker(chunk: Chunk) -> Written:
    assert _worker is not None
    return _worker.write(chunk)
