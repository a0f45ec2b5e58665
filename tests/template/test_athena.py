"""Athena's tables have a record's columns, and the saved queries run: in DuckDB, over records that
the function wrote, read by the tables' own types."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from handler.records.record import Image, Model, PredictionRecord
from scripts.records.columns import FIELDS
from tests.support.app import App
from tests.support.paths import ROOT
from tests.support.pictures import RED, jpeg
from tests.template import cloudformation
from tests.template.cloudformation import Resources, of_type

QUERIES = sorted((ROOT / "docs" / "athena").glob("*.sql"))
SHIPPED = json.loads((ROOT / "handler" / "model" / "model.json").read_text())
SIMPLE = {"string": "VARCHAR", "bigint": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN"}


@pytest.fixture(scope="module")
def catalogue(translated: dict[str, Any]) -> Resources:
    return cloudformation.resources(translated, {"EnableAthena": "true"})


@pytest.fixture(scope="module")
def tables(catalogue: Resources) -> dict[str, dict[str, Any]]:
    found = of_type(catalogue, "AWS::Glue::Table").values()
    return {table["TableInput"]["Name"]: table["TableInput"] for table in found}


def columns(table: Mapping[str, Any]) -> dict[str, Any]:
    """Types by name: text, a dict for a struct, a one-element list for an array."""
    listed = table["StorageDescriptor"]["Columns"]
    return {column["Name"]: parse_type(column["Type"]) for column in listed}


def parse_type(text: str) -> Any:
    """A type of Hive in the form of scripts.records.columns."""
    kind, _, inside = text.partition("<")
    if kind == "struct":
        return {
            name: parse_type(each)
            for name, _, each in (member.partition(":") for member in members(inside[:-1]))
        }
    if kind == "array":
        return [parse_type(inside[:-1])]
    if kind == "map":
        key, value = members(inside[:-1])
        return f"MAP({parse_type(key)}, {parse_type(value)})"
    return SIMPLE[kind]


def members(text: str) -> Iterator[str]:
    """Parts between the commas that are in no brackets."""
    start, depth = 0, 0
    for index, letter in enumerate(text):
        depth += (letter == "<") - (letter == ">")
        if letter == "," and depth == 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def sql_type(kind: Any) -> str:
    if isinstance(kind, dict):
        inside = ", ".join(f'"{name}" {sql_type(each)}' for name, each in kind.items())
        return f"STRUCT({inside})"
    return f"{sql_type(kind[0])}[]" if isinstance(kind, list) else kind


@pytest.mark.parametrize("name", ["predictions", "compacted"])
def test_columns_are_those_of_a_record(tables: dict[str, dict[str, Any]], name: str) -> None:
    found = columns(tables[name])
    assert found == FIELDS
    assert found.keys() == {field.name for field in dataclasses.fields(PredictionRecord)}
    assert found["image"].keys() == {field.name for field in dataclasses.fields(Image)}
    assert found["model"].keys() == {field.name for field in dataclasses.fields(Model)}
    partitions = [key["Name"] for key in tables[name]["PartitionKeys"]]
    assert not set(partitions) & found.keys()  # Athena refuses a table with both


def test_partitions_are_computed_for_where_records_lie(
    tables: dict[str, dict[str, Any]], app: App
) -> None:
    app.post(jpeg(RED))
    (record,) = app.records()
    asked = {
        "model_name": record.model.name,
        "model_version": record.model.version,
        "dt": record.time[:10],
        "hour": record.time[11:13],
    }
    for name, expected in {
        "predictions": record.key.rpartition("/")[0],
        "compacted": record.key.rpartition("/hour=")[0].replace("predictions", "compacted", 1),
    }.items():
        settings = tables[name]["Parameters"]
        place = settings["storage.location.template"]["Fn::Sub"]
        keys = [key["Name"] for key in tables[name]["PartitionKeys"]]
        for key in keys:
            assert f"projection.{key}.type" in settings
            place = place.replace(f"${{!{key}}}", asked[key])
        assert place == f"s3://${{PredictionBucket}}/{expected}/"
        assert settings["projection.dt.range"].endswith(",NOW")


def test_nothing_costs_by_default(translated: dict[str, Any], catalogue: Resources) -> None:
    kinds = {resource["Type"] for resource in cloudformation.resources(translated, {}).values()}
    assert not [kind for kind in kinds if "Glue" in kind or "Athena" in kind]
    group = of_type(catalogue, "AWS::Athena::WorkGroup")["QueryWorkGroup"]
    assert group["WorkGroupConfiguration"]["BytesScannedCutoffPerQuery"] <= 10**10


def test_the_saved_queries_are_the_files(catalogue: Resources) -> None:
    saved = of_type(catalogue, "AWS::Athena::NamedQuery").values()
    assert {query["QueryString"].strip() for query in saved} == {
        path.read_text().strip() for path in QUERIES
    }
    for query in saved:
        assert query["Description"] == query["QueryString"].splitlines()[0].removeprefix("-- ")


def test_the_saved_queries_name_the_shipped_model() -> None:
    condition = f"model_name = '{SHIPPED['name']}' AND model_version = '{SHIPPED['version']}'"
    for path in QUERIES:
        assert path.read_text().count(condition) == 2, path.name


@pytest.fixture(scope="module")
def database(
    tables: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    """The tables with records of three days: of today as JSON, of the days before as Parquet, and
    one of them in both."""
    folder = tmp_path_factory.mktemp("bucket")
    days = [record for back in range(3) for record in day_of_records(back)]
    connection = duckdb.connect()
    types = {name: sql_type(kind) for name, kind in columns(tables["predictions"]).items()}
    given = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    for record in days:
        path = folder / record.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record.to_bytes())
    partitions = "model.name AS model_name, model.version AS model_version, time[1:10] AS dt"
    connection.execute(
        f"CREATE TABLE everything AS SELECT *, {partitions} FROM read_json("
        f"'{folder}/predictions/**/*.json.gz', columns = {{{given}}}, hive_partitioning = false)"
    )
    today = datetime.now(UTC).date().isoformat()
    connection.execute(f"CREATE TABLE predictions AS FROM everything WHERE dt = '{today}'")
    parquet = folder / "compacted.parquet"
    connection.execute(
        f"COPY (FROM everything WHERE dt < '{today}' UNION ALL "
        f"(FROM everything WHERE dt = '{today}' LIMIT 1)) TO '{parquet}'"
    )
    connection.execute(f"CREATE TABLE compacted AS FROM '{parquet}'")
    return connection


def day_of_records(back: int) -> list[PredictionRecord]:
    """Two pictures, with 3 and 0 cells, and a refusal; `back` days ago."""
    time = datetime.now(UTC) - timedelta(days=back)
    return [make_record(time, f"{back}-{number}", number) for number in range(3)]


def make_record(time: datetime, prediction_id: str, number: int) -> PredictionRecord:
    is_ok = number < 2
    cells = 3 if number == 0 else 0
    listing = [
        {
            "label": "Microalgae",
            "score": 0.9 - place / 10,
            "box": {"xmin": 0.0, "ymin": 0.0, "xmax": 9.5, "ymax": 9.0},
        }
        for place in range(cells)
    ]
    return PredictionRecord(
        prediction_id=prediction_id,
        time=time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        route="/v1/detect",
        model=Model(SHIPPED["name"], SHIPPED["version"], "0" * 64),
        image=Image("1" * 64, 1000, "JPEG", 640, 480, 1, 100.0 + number, 50.0, 5.0, focus=0.5),
        thresholds={"score": 0.32, "iou": 0.5, "max_detections": 300} if is_ok else None,
        count=cells if is_ok else None,
        counts={"Microalgae": cells} if is_ok else None,
        detections=listing,
        near_misses=[],
        timing_ms={"decode": 5.0, "inference": 30.0, "total": 40.0} if is_ok else {"total": 1500.0},
        cold_start=number == 0,
        outcome="ok" if is_ok else "rejected",
        problem=None if is_ok else "urn:icebox:problem:bad-image",
        below_floor={"count": 7.0, "score_sum": 0.2, "from_score": 0.01} if is_ok else None,
    )


def run(database: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    cursor = database.execute((ROOT / "docs" / "athena" / f"{name}.sql").read_text())
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_records_read_by_the_tables_types_are_whole(database: duckdb.DuckDBPyConnection) -> None:
    expected = day_of_records(1)[0]
    cursor = database.execute("FROM compacted WHERE prediction_id = '1-0'")
    names = [column[0] for column in cursor.description]
    row = dict(zip(names, cursor.fetchone() or (), strict=True))
    fields = dataclasses.asdict(expected)
    found = {name: row[name] for name in fields}
    assert found | {"time": ""} == fields | {"time": ""}


def test_objects_by_day(database: duckdb.DuckDBPyConnection) -> None:
    rows = run(database, "objects-by-day")
    assert [row["dt"] for row in rows] == sorted({row["dt"] for row in rows})
    assert len(rows) == 3
    for row in rows:
        assert row["class"] == "Microalgae"
        assert (row["pictures"], row["objects"], row["most_objects"]) == (2, 3, 3)
        assert row["objects_a_picture"] == 1.5


def test_slow_and_rejected(database: duckdb.DuckDBPyConnection) -> None:
    rows = run(database, "slow-and-rejected")
    by_outcome = {row["outcome"]: row for row in rows}
    assert len(rows) == 6
    assert by_outcome["ok"]["requests"] == 2
    assert by_outcome["ok"]["cold_starts"] == 1
    assert by_outcome["ok"]["longer_than_1_s"] == 0
    assert by_outcome["rejected"]["problem"] == "urn:icebox:problem:bad-image"
    assert by_outcome["rejected"]["longer_than_1_s"] == 1
    assert by_outcome["rejected"]["longest_ms"] == 1500


def test_drift_by_day(database: duckdb.DuckDBPyConnection) -> None:
    rows = run(database, "drift-by-day")
    assert len(rows) == 3
    for row in rows:
        assert row["pictures"] == 2
        assert row["brightness"] == 100.5
        assert row["objects_a_picture"] == 1.5
        assert row["best_score"] == pytest.approx(0.9)
        assert row["worst_score"] == pytest.approx(0.7)
        assert row["candidates_below_the_floor"] == 7
