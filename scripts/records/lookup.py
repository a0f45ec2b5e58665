"""Finds whole records by their ids, and people's feedback on predictions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from handler.records.feedback import MAX_AGE_HOURS, SCHEMA, Feedback
from handler.records.record import Model, PredictionRecord
from scripts.records.chunk import read_bodies
from scripts.records.columns import SQL_TYPES
from scripts.records.observe import connect, record_of_json
from scripts.records.parquet import parquet_source, record_columns
from scripts.records.partitions import (
    COMPACTED,
    FEEDBACK,
    PREDICTIONS,
    Stream,
    find_days,
    find_streams,
    in_chunks,
    is_in,
    list_objects,
    list_parquet,
)
from scripts.records.source import Item, Source
from scripts.records.window import Window

# Feedback on a prediction that has no object of its own lies in the hour when it came.
_LATE = timedelta(hours=MAX_AGE_HOURS)
_ROW = ", ".join(f"'{name}': \"{name}\"" for name in SQL_TYPES)


def read_records(
    source: Source, window: Window, prediction_ids: Iterable[str]
) -> dict[str, PredictionRecord]:
    """Records of a window by their ids, in the ids' order; one that is not found is left out.

    A record that is an object of its own is found by its key; batches and Parquet files are read.
    """
    wanted = dict.fromkeys(prediction_ids)
    found: dict[str, PredictionRecord] = {}
    # Objects before files: what is compacted meanwhile is found in the file that has it.
    for record in _of_objects(source, window, wanted):
        found[record.prediction_id] = record
    missing = [each for each in wanted if each not in found]
    for record in _of_files(source, window, missing) if missing else ():
        found[record.prediction_id] = record
    return {each: found[each] for each in wanted if each in found}


def read_feedback(
    source: Source, window: Window, prediction_ids: Collection[str]
) -> list[Feedback]:
    """Feedback on predictions of a window, which `prediction_ids` name; oldest first.

    It lies in the hour of its prediction, or in that when it came, up to MAX_AGE_HOURS later. Of
    several on one prediction only the latest, which holds. What is no feedback is left out.
    """
    wanted = frozenset(prediction_ids)
    if not wanted:
        return []
    latest: dict[str, Feedback] = {}
    latest_end = datetime.max.replace(tzinfo=UTC) - 2 * _LATE  # time ends with the year 9999
    until = max(window.end, min(window.end, latest_end) + _LATE)
    for items in _partitions(source, Window(window.start, until), FEEDBACK):
        for keys in in_chunks(items):
            for line in _lines(source, keys):
                each = _parse_feedback(line)
                if each is None or each.prediction_id not in wanted:
                    continue
                known = latest.get(each.prediction_id)
                if known is None or (known.time, known.feedback_id) < (each.time, each.feedback_id):
                    latest[each.prediction_id] = each
    return sorted(latest.values(), key=lambda each: (each.time, each.feedback_id))


def ids_of_many(source: Source, stream: Stream, day: date) -> frozenset[str]:
    """Ids of a day's records that lie in batches or Parquet files; what is damaged is left out."""
    import duckdb

    ids: set[str] = set()
    batches = (
        item
        for item in list_objects(source, PREDICTIONS, stream, day)
        if item.key.endswith(".jsonl.gz")
    )
    for keys in in_chunks(batches):
        for line in _lines(source, keys):
            try:
                ids.add(PredictionRecord.from_json(line).prediction_id)
            except (ValueError, TypeError, RecursionError):
                continue
    with tempfile.TemporaryDirectory(prefix="icebox-") as folder, connect() as connection:
        for path in _local_files(source, stream, day, Path(folder)):
            try:
                rows = connection.execute(
                    f"SELECT prediction_id FROM {parquet_source([path])}"
                ).fetchall()
            except duckdb.Error:
                continue
            ids.update(prediction_id for (prediction_id,) in rows)
    return frozenset(ids)


def _local_files(source: Source, stream: Stream, day: date, folder: Path) -> Iterator[Path]:
    """A day's Parquet files, or copies of them one after the other."""
    for item in list_parquet(source, stream, day):
        path = source.local_path(item.key)
        if path is not None:
            yield path
        elif source.get_file(item.key, folder / "records.parquet"):
            yield folder / "records.parquet"


def _partitions(source: Source, window: Window, root: str) -> Iterator[Iterator[Item]]:
    for stream in find_streams(source, (root,)):
        there = find_days(source, root, stream)
        for day in window.days:
            if day in there:
                items = list_objects(source, root, stream, day)
                yield (item for item in items if is_in(window, day, item))


def _of_objects(
    source: Source, window: Window, wanted: dict[str, None]
) -> Iterator[PredictionRecord]:
    for items in _partitions(source, window, PREDICTIONS):
        candidates = (item for item in items if _may_hold(item.key, wanted))
        for keys in in_chunks(candidates):
            for line in _lines(source, keys):
                try:
                    record = PredictionRecord.from_json(line)
                except (ValueError, TypeError, RecursionError):
                    continue
                if record.prediction_id in wanted:
                    yield record


def _lines(source: Source, keys: tuple[str, ...]) -> Iterator[bytes]:
    for bodies in read_bodies(source, keys):
        yield from bodies.lines


def _may_hold(key: str, wanted: dict[str, None]) -> bool:
    name = key.rpartition("/")[2]
    return name.endswith(".jsonl.gz") or name.removesuffix(".json.gz") in wanted


def _of_files(source: Source, window: Window, wanted: list[str]) -> Iterator[PredictionRecord]:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="icebox-") as folder, connect() as connection:
        for stream in find_streams(source, (COMPACTED,)):
            there = find_days(source, COMPACTED, stream)
            for day in filter(there.__contains__, window.days):
                for path in _local_files(source, stream, day, Path(folder)):
                    try:
                        rows = connection.execute(
                            f"SELECT to_json({{{_ROW}}}) FROM (SELECT "
                            f"{record_columns(connection, path)} FROM {parquet_source([path])} "
                            "WHERE prediction_id IN (SELECT unnest(?::VARCHAR[])))",
                            [wanted],
                        ).fetchall()
                        yield from (record_of_json(text) for (text,) in rows)
                    except (duckdb.Error, ValueError):
                        continue


def _parse_feedback(line: bytes) -> Feedback | None:
    try:
        raw: Any = json.loads(line)
        if raw.get("schema") != SCHEMA or not isinstance(raw["prediction_id"], str):
            return None
        return Feedback(**{**raw, "model": Model(**raw["model"])})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
