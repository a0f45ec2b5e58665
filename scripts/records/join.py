"""Joins what many chunks held into one table: oldest first, each prediction_id once."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.records.chunk import Part
from scripts.records.observations import FACTS, PROPERTIES, SCORE_BINS, Observations, time_order
from scripts.records.observe import Columns, to_observations


def join_parts(parts: list[Part]) -> tuple[Observations, int]:
    """All parts as observations, and how many rows were duplicates.

    The parts are emptied on the way, column by column: at a million records two copies are more
    memory than a report may take.
    """
    lengths = [len(part.columns["prediction_id"]) for part in parts]
    ids = _concatenate((part.columns["prediction_id"] for part in parts), "O")
    times = _concatenate((part.columns["time"] for part in parts), FACTS["time"])
    rows = _rows(ids, times)
    columns: Columns = {}
    for name in (*FACTS, *PROPERTIES):
        taken = (part.columns.pop(name) for part in parts)
        columns[name] = _concatenate(taken, FACTS.get(name, "f8"))[rows]
        if FACTS.get(name) == "O":
            columns[name] = _interned(columns[name])
        _give_back_memory()
    histograms = [part.columns.pop("score_histogram") for part in parts]
    columns["score_histogram"] = np.concatenate(
        [np.empty((0, SCORE_BINS), np.uint16), *histograms]
    )[rows]
    counts = {}
    for label in sorted({label for part in parts for label in part.class_counts}):
        of_label = (
            part.class_counts.pop(label, np.zeros(length, np.uint16))
            for part, length in zip(parts, lengths, strict=True)
        )
        counts[label] = _concatenate(of_label, "u2")[rows]
    return to_observations((columns, counts)), len(ids) - len(rows)


def _give_back_memory() -> None:
    """Columns of parts leave holes too small for those of all parts: glibc keeps them otherwise,
    a third of the peak."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _rows(ids: NDArray[Any], times: NDArray[Any]) -> NDArray[np.intp]:
    """Rows by time, those of one time by id, the first of each id."""
    order = time_order(times, ids)
    seen: set[str] = set()
    is_first = np.empty(len(ids), bool)
    for place, prediction_id in enumerate(ids[order].tolist()):
        is_first[place] = prediction_id not in seen
        seen.add(prediction_id)
    return order[is_first]


def _interned(column: NDArray[Any]) -> NDArray[Any]:
    """The same text as one object, as far as it repeats."""
    known: dict[str, str] = {}
    return np.array([known.setdefault(text, text) for text in column.tolist()], dtype=object)


def _concatenate(columns: Iterable[NDArray[Any]], kind: str) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *columns])
