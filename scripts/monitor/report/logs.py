"""Adds the records of exported log lines to those that were read from a bucket or a folder."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from scripts.monitor.words import format_count
from scripts.records.observations import join_observations
from scripts.records.read import ReadResult, read_observations
from scripts.records.recover import recover
from scripts.records.source import open_source
from scripts.records.window import Window


def add_logs(
    read: ReadResult,
    logs: Sequence[Path],
    window: Window,
    *,
    model: str | None,
    version: str | None,
    route: str | None,
) -> tuple[ReadResult, str]:
    """Everything of both, each prediction once, and a sentence that says what the logs had. Raises
    ToolError where a log is not there."""
    with tempfile.TemporaryDirectory(prefix="icebox-") as folder:
        source = open_source(folder)
        recovered = recover(list(logs), source)
        found = read_observations(
            source, window, model=model, version=version, route=route, processes=1
        )
    joined = join_observations([read.observations, found.observations])
    ids = joined.facts["prediction_id"].astype(str)
    first = np.unique(ids, return_index=True)[1]
    observations = joined.select(np.sort(first)).sorted_by_time()
    is_prediction = observations.is_prediction
    counts, log_counts = read.counts, found.counts
    added = len(observations) - len(read.observations)
    counts = replace(
        counts,
        records=len(observations),
        predictions=int(is_prediction.sum()),
        rejected=int((~is_prediction).sum()),
        duplicates=counts.duplicates + log_counts.duplicates + len(joined) - len(observations),
        corrupt_count=counts.corrupt_count + recovered.corrupt_count,
        corrupt=(*counts.corrupt, *recovered.corrupt),
        schemas=dict(sorted(Counter(observations.facts["schema"].tolist()).items())),
    )
    said = (
        f"{format_count(added, 'record')} of the logs {'is' if added == 1 else 'are'} not in the "
        "bucket: scripts/run monitor recover puts them there."
    )
    return ReadResult(observations, counts), said
