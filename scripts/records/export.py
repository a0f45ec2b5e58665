"""Writes observations into a Parquet or CSV file, one row a record, for other tools."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from scripts.records.observations import FACTS, SCORE_BINS, Observations
from scripts.records.observe import connect, quote


def write_observations(observations: Observations, path: Path, *, is_csv: bool = False) -> None:
    """Write all columns under their own names, the score histogram as `scores_0` and on.

    Null is empty text or NaN in observations, and null in the file. Raises OSError where the file
    cannot be written.
    """
    columns = {**observations.facts, **observations.properties}
    for bin in range(SCORE_BINS):
        columns[f"scores_{bin}"] = np.ascontiguousarray(observations.score_histogram[:, bin])
    selected = ", ".join(
        f'nullif("{name}", \'\') AS "{name}"'
        if FACTS.get(name) == "O"
        else '"{}"'.format(name.replace('"', '""'))
        for name in columns
    )
    options = "FORMAT csv, HEADER" if is_csv else "FORMAT parquet, COMPRESSION zstd"
    with tempfile.TemporaryDirectory(prefix="icebox-", dir=path.parent) as folder:
        partial = Path(folder) / "observations"
        with connect() as connection:
            connection.register("columns", columns)
            connection.execute(
                f"COPY (SELECT {selected} FROM columns) TO {quote(str(partial))} ({options})"
            )
        partial.replace(path)
