"""The reference: what a model's records look like while all is well, `reference.parquet` beside
model.json.

It holds records as observations, what is known of their labels, and signatures: how the
observations move, and how good the predictions still are, under each known cause of a change.

The file is one Parquet table. Its column `kind` says what a row is: a `record`, or a signature's
`effects` or `spreads`, which lie in the columns of the properties. Properties are decimals of five
places, half as large as doubles; where they have few different values, doubles of five places are
smaller. A window's properties are rounded alike (`round_property`). Facts are kept exactly. The
file's metadata name the model.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.bundle.manifest import Manifest
from handler.bundle.reader import MANIFEST_FILE
from handler.storage.location import write_atomically
from scripts.records.observations import (
    CLASS_SHARE,
    DECIMALS,
    FACTS,
    PROPERTIES,
    SCORE_BINS,
    Observations,
    round_property,
)
from scripts.records.observe import quote
from scripts.tool import ToolError

REFERENCE_FILE = "reference.parquet"
MAX_BYTES = 200_000
MIN_RECORDS = 300
SCHEMA = "reference/1"
_METADATA_KEY = "icebox_reference"
_DECIMAL = f"DECIMAL(12, {DECIMALS})"
_MAX_DECIMAL = 9_999_999.0
_FEW_VALUES = 16  # different ones, up to which a column is kept as doubles
_MAX_READ_BYTES = 50 * MAX_BYTES  # of a file that somebody hands over; none of ours is so large
# Long or of no use for a comparison with later records.
_FACTS_LEFT_OUT = ("image_sha256", "capture", "problem", "function_version")
_ACCURACY = ("ap50", "precision", "recall", "count_bias")


@dataclass(frozen=True, eq=False)
class LabelledCounts:
    """What labels say of each record of a reference.

    objects: labelled ones, int (n,). true_positives: int (n, SCORE_BINS), candidates by score that
    match an object by IoU >= 0.5, as in `Observations.score_histogram`.
    """

    objects: NDArray[np.int64]
    true_positives: NDArray[np.int64]

    def select(self, rows: NDArray[Any] | slice) -> LabelledCounts:
        """The rows that a mask, indices or a slice chooses."""
        return LabelledCounts(self.objects[rows], self.true_positives[rows])


@dataclass(frozen=True)
class Accuracy:
    """Fractions at the model's own threshold. count_bias: (predicted - true) / true, in all."""

    ap50: float
    precision: float
    recall: float
    count_bias: float


@dataclass(frozen=True)
class Signature:
    """How records move under one cause, planted at one strength into reference pictures.

    cause: as in scripts.monitor.result. name: of the corruption, several of which may be of one
    cause. effects: by property, difference of the medians in robust standard deviations of the
    reference. spreads: ln of the ratio of the robust standard deviations. accuracy: None without
    labels. score_counts: candidates of a picture by score, the mean of
    `Observations.score_histogram`; detections: the mean of the fact of that name. These two tell
    what the scores alone would have said of the accuracy.
    """

    cause: str
    strength: float
    pictures: int
    effects: Mapping[str, float]
    spreads: Mapping[str, float]
    accuracy: Accuracy | None
    name: str = ""
    score_counts: tuple[float, ...] = ()
    detections: float | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """observations: n of predictions. origin: a sentence that says which pictures or window.
    model_sha256: of the ONNX file that predicted; records of another one are not compared."""

    model_name: str
    model_version: str
    origin: str
    observations: Observations
    labels: LabelledCounts | None
    signatures: tuple[Signature, ...]
    model_sha256: str = ""


def check_model(reference: Reference, *, name: str, version: str, sha256: str = "") -> None:
    """Raises ToolError where a reference is of another model; an unknown sha256 is empty."""
    differs = sha256 and reference.model_sha256 and sha256 != reference.model_sha256
    if (reference.model_name, reference.model_version) != (name, version) or differs:
        of_file = f" ({sha256[:12]}…)" if differs else ""
        own_file = f" ({reference.model_sha256[:12]}…)" if reference.model_sha256 else ""
        raise ToolError(
            f"the reference is of {reference.model_name} {reference.model_version}{own_file}, not "
            f"of {name} {version}{of_file}: "
            "make one for this model with scripts/run evaluate BUNDLE FOLDER --write-baseline, or "
            "of its own records with scripts/run monitor baseline"
        )


def read_bundle_reference(bundle_dir: Path) -> Reference:
    """The reference beside a bundle's model.json. Raises ToolError where it is not of this very
    bundle, BundleError for a model.json that cannot be read."""
    try:
        manifest = Manifest.from_json((bundle_dir / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"{bundle_dir / MANIFEST_FILE}: cannot be read ({error})") from None
    path = bundle_dir / REFERENCE_FILE
    reference = read_reference(path)
    check_model(reference, name=manifest.name, version=manifest.version, sha256=manifest.sha256)
    baseline = manifest.monitoring_baseline
    expected = baseline.reference_sha256 if baseline else None
    if expected and hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise ToolError(
            f"{path} is not the file that {MANIFEST_FILE} names: the two were not written "
            "together; run scripts/run evaluate BUNDLE FOLDER --write-baseline"
        )
    return reference


def write_reference(reference: Reference, path: Path) -> tuple[str, ...]:
    """Write the file, completely or not at all, in MAX_BYTES at most.

    A reference of too many records is thinned out evenly; the sentences returned say so. Raises
    ToolError where no MIN_RECORDS fit, or fewer than two are given.
    """
    if len(reference.observations) < 2:
        raise ToolError("a reference of fewer than two records compares with nothing")
    notes = []
    given = len(reference.observations)
    data = to_bytes(reference)
    while len(data) > MAX_BYTES:
        n = len(reference.observations)
        fewer = min(int(n * MAX_BYTES / len(data) * 0.98), n - 1)
        if fewer < min(MIN_RECORDS, given):
            raise ToolError(
                f"{path}: a reference of {fewer + 1} records would already have more than "
                f"{MAX_BYTES // 1000} KB; leave signatures or classes out"
            )
        rows = np.unique(np.linspace(0, n - 1, fewer).astype(np.int64))
        reference = replace(
            reference,
            observations=reference.observations.select(rows),
            labels=reference.labels.select(rows) if reference.labels else None,
        )
        data = to_bytes(reference)
    if len(reference.observations) < given:
        notes.append(
            f"{len(reference.observations)} of {given} records were kept, evenly chosen, so that "
            f"the file has at most {MAX_BYTES // 1000} KB"
        )
    write_atomically(path, data)
    return tuple(notes)


def to_bytes(reference: Reference) -> bytes:
    """The Parquet file. Raises ToolError for numbers that do not fit."""
    import duckdb

    columns, types = _to_columns(reference)
    metadata = json.dumps(
        {
            "schema": SCHEMA,
            "model_name": reference.model_name,
            "model_version": reference.model_version,
            "model_sha256": reference.model_sha256,
            "origin": reference.origin,
        },
        ensure_ascii=True,
    )
    rows = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
    declared = ", ".join(f"{quote(name)}: '{kind}'" for name, kind in types.items())
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        rows_file = Path(folder) / "rows.jsonl"
        rows_file.write_text("\n".join(lines) + "\n")
        file = Path(folder) / REFERENCE_FILE
        source = (
            f"read_json({quote(str(rows_file))}, format = 'newline_delimited', "
            f"columns = {{{declared}}})"
        )
        connection.execute(
            f"COPY (SELECT * FROM {source}) TO {quote(str(file))} (FORMAT parquet, "
            f"COMPRESSION zstd, COMPRESSION_LEVEL 19, KV_METADATA {{{_METADATA_KEY}: "
            f"{quote(metadata)}}})"
        )
        return file.read_bytes()


def read_reference(source: Path | str | bytes) -> Reference:
    """Read the file, or its bytes, back. Raises ToolError for a file that is no reference."""
    import duckdb

    name = "the reference" if isinstance(source, bytes) else str(source)
    if not isinstance(source, bytes):
        path = Path(source)
        if not path.is_file():
            raise ToolError(
                f"{path}: no such file; make a reference with scripts/run evaluate BUNDLE FOLDER "
                "--write-baseline, or of live records with scripts/run monitor baseline"
            )
        if path.stat().st_size > _MAX_READ_BYTES:
            raise _no_reference(name, "far larger than any")
        source = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        file = Path(folder) / REFERENCE_FILE
        file.write_bytes(source)
        try:
            found = connection.execute(
                f"SELECT decode(value) FROM parquet_kv_metadata({quote(str(file))}) "
                f"WHERE decode(key) = '{_METADATA_KEY}'"
            ).fetchone()
            if found is None:
                raise _no_reference(name, "a Parquet file of something else")
            metadata = json.loads(found[0])
            if metadata["schema"] != SCHEMA:
                raise ToolError(
                    f"{name}: its schema is {str(metadata['schema'])[:40]!r}, this version reads "
                    f"{SCHEMA!r}; make it again"
                )
            table = connection.execute(
                f"SELECT * FROM read_parquet({quote(str(file))})"
            ).fetchnumpy()
            return _from_columns(metadata, table)
        except (duckdb.Error, KeyError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise _no_reference(name, reason) from None


def _no_reference(name: str, reason: str) -> ToolError:
    return ToolError(
        f"{name}: not a reference that can be read ({reason}); make one with scripts/run evaluate "
        "BUNDLE FOLDER --write-baseline, or of live records with scripts/run monitor baseline"
    )


def _to_columns(reference: Reference) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Values of all rows, and DuckDB's type, by column."""
    observations, labels = reference.observations, reference.labels
    signatures = reference.signatures
    n, extra = len(observations), 2 * len(signatures)
    columns: dict[str, list[Any]] = {
        "kind": ["record"] * n + ["effects", "spreads"] * len(signatures)
    }
    types = {"kind": "VARCHAR"}

    def add(name: str, kind: str, of_records: list[Any], of_signatures: list[Any]) -> None:
        columns[name], types[name] = of_records + of_signatures, kind

    def twice(values: list[Any]) -> list[Any]:
        return [value for value in values for _ in range(2)]

    nothing, no_records = [None] * extra, [None] * n
    for name, kind in FACTS.items():
        if name not in _FACTS_LEFT_OUT:
            values = _to_list(observations.facts[name])
            sql = {"O": "VARCHAR", "f8": "DOUBLE", "?": "BOOLEAN"}.get(kind, "TIMESTAMP_MS")
            add(f"fact:{name}", sql, values, nothing)
    for name in observations.properties:
        column = round_property(np.asarray(observations.properties[name], np.float64))
        if np.nanmax(np.abs(column[np.isfinite(column)]), initial=0) > _MAX_DECIMAL:
            raise ToolError(f"{name}: its values are beyond {_MAX_DECIMAL:.0f}; no reference")
        moved = [
            None if (value := values.get(name)) is None else round(float(value), 3)
            for each in signatures
            for values in (each.effects, each.spreads)
        ]
        distinct = len(np.unique(column[~np.isnan(column)]))
        add(name, "DOUBLE" if distinct <= _FEW_VALUES else _DECIMAL, _to_list(column), moved)
    add("score_histogram", "USMALLINT[]", observations.score_histogram.tolist(), nothing)
    if labels is not None:
        add("objects", "INTEGER", labels.objects.tolist(), nothing)
        add("true_positives", "USMALLINT[]", labels.true_positives.tolist(), nothing)
    add("cause", "VARCHAR", no_records, twice([each.cause for each in signatures]))
    add("corruption", "VARCHAR", no_records, twice([each.name for each in signatures]))
    add("strength", "DOUBLE", no_records, twice([each.strength for each in signatures]))
    add("pictures", "INTEGER", no_records, twice([each.pictures for each in signatures]))
    counts = [[round(value, 3) for value in each.score_counts] for each in signatures]
    add("score_counts", "DOUBLE[]", no_records, twice(counts))
    add("detections", "DOUBLE", no_records, twice([each.detections for each in signatures]))
    accuracies = [asdict(each.accuracy) if each.accuracy else {} for each in signatures]
    for name in _ACCURACY:
        values = [round(each[name], 4) if name in each else None for each in accuracies]
        add(name, "DOUBLE", no_records, twice(values))
    return columns, types


def _to_list(column: NDArray[Any]) -> list[Any]:
    """Values that DuckDB takes: NaN, NaT and empty text are null."""
    if column.dtype.kind == "M":
        return [None if np.isnat(value) else str(value).replace("T", " ") for value in column]
    if column.dtype.kind == "f":
        return [float(value) if np.isfinite(value) else None for value in column]
    return [None if value == "" else value for value in column.tolist()]


def _from_columns(metadata: Mapping[str, str], table: Mapping[str, NDArray[Any]]) -> Reference:
    kinds = table["kind"]
    is_record, is_effects = kinds == "record", kinds == "effects"
    facts = {name: _fact(table, name, kind, is_record) for name, kind in FACTS.items()}
    names = [*PROPERTIES, *(name for name in table if name.startswith(CLASS_SHARE))]
    properties = {name: round_property(_numbers(table[name])[is_record]) for name in names}
    observations = Observations(
        facts, properties, _lists(table["score_histogram"][is_record]).astype(np.uint16)
    )
    labels = None
    if "objects" in table:
        objects = _numbers(table["objects"])[is_record].astype(np.int64)
        labels = LabelledCounts(objects, _lists(table["true_positives"][is_record]))
    moved = {name: _numbers(table[name]) for name in names}
    accuracies = {name: _numbers(table[name]) for name in _ACCURACY}
    detections = _numbers(table["detections"]).tolist()
    signatures = []
    for effects_row in np.flatnonzero(is_effects):
        effects, spreads = (
            {
                name: float(column[row])
                for name, column in moved.items()
                if column[row] == column[row]
            }
            for row in (effects_row, effects_row + 1)
        )
        accuracy = {name: float(column[effects_row]) for name, column in accuracies.items()}
        signatures.append(
            Signature(
                cause=str(table["cause"][effects_row]),
                strength=float(table["strength"][effects_row]),
                pictures=int(table["pictures"][effects_row]),
                effects=effects,
                spreads=spreads,
                accuracy=None if np.isnan(accuracy["ap50"]) else Accuracy(**accuracy),
                name=str(table["corruption"][effects_row]),
                score_counts=tuple(map(float, table["score_counts"][effects_row])),
                detections=None if np.isnan(detections[effects_row]) else detections[effects_row],
            )
        )
    return Reference(
        metadata["model_name"],
        metadata["model_version"],
        metadata["origin"],
        observations,
        labels,
        tuple(signatures),
        metadata["model_sha256"],
    )


def _fact(
    table: Mapping[str, NDArray[Any]], name: str, kind: str, rows: NDArray[np.bool_]
) -> NDArray[Any]:
    """One of FACTS; one that is not kept is unknown."""
    column = table.get(f"fact:{name}")
    count = int(rows.sum())
    if kind == "f8":
        return np.full(count, np.nan) if column is None else _numbers(column)[rows]
    if kind == "O":
        if column is None:
            return np.full(count, "", object)
        return np.ma.filled(np.ma.asarray(column[rows], object), "").astype(object)
    if column is None:
        raise KeyError(f"fact:{name}")
    values = np.ma.asarray(column)[rows]
    if kind == "?":
        return np.ma.filled(values, False).astype(bool)
    return np.ma.filled(values, np.datetime64("NaT")).astype(kind)


def _numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    """A number column with NaN for null."""
    return np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)


def _lists(column: NDArray[Any]) -> NDArray[np.int64]:
    """A column of lists as int64 (n, SCORE_BINS)."""
    rows = np.array([np.asarray(each, np.int64) for each in column], np.int64)
    if rows.shape != (len(column), SCORE_BINS):
        raise ValueError(f"histograms of {rows.shape}, not of {SCORE_BINS} bins")
    return rows
