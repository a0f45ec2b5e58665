"""How records come into the bucket, by the parameter PredictionDelivery."""

from __future__ import annotations

from typing import Any

import pytest

from handler.records.destination import parse_destination
from tests.template import cloudformation
from tests.template.cloudformation import Resources, of_type, only
from tests.template.policies import allowed


def stack(translated: dict[str, Any], delivery: str) -> Resources:
    return cloudformation.resources(translated, {"PredictionDelivery": delivery})


def prediction_log(resources: Resources) -> str:
    function = of_type(resources, "AWS::Lambda::Function")["DetectFunction"]
    url = function["Environment"]["Variables"]["PREDICTION_LOG"]["Fn::Sub"]
    names = {"${PredictionBucket}": "bucket", "${RecordStream}": "icebox-dev-RecordStream-Qm9"}
    for reference, name in names.items():
        url = url.replace(reference, name)
    assert "$" not in url
    return url


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        ("objects", "s3://bucket"),
        ("batches", "s3://bucket?batch=100&seconds=60"),
        ("firehose", "firehose://icebox-dev-RecordStream-Qm9"),
    ],
)
def test_the_function_is_told_where_records_go(
    translated: dict[str, Any], delivery: str, expected: str
) -> None:
    url = prediction_log(stack(translated, delivery))
    assert url == expected
    parsed = parse_destination("PREDICTION_LOG", url)
    assert bool(parsed.stream) == (delivery == "firehose")
    assert bool(parsed.batching) == (delivery == "batches")


@pytest.mark.parametrize("delivery", ["objects", "batches"])
def test_a_stream_is_only_made_where_it_is_used(translated: dict[str, Any], delivery: str) -> None:
    made = stack(translated, delivery)
    assert not [
        name
        for name, resource in made.items()
        if "Firehose" in resource["Type"] or resource["Type"].startswith("AWS::Glue")
    ]
    assert "firehose:PutRecordBatch" not in allowed(made["DetectRole"]["Properties"])


def test_the_stream_makes_parquet_by_the_tables_columns(translated: dict[str, Any]) -> None:
    made = stack(translated, "firehose")
    assert allowed(made["DetectRole"]["Properties"])["firehose:PutRecordBatch"] == [
        {"Fn::GetAtt": "RecordStream.Arn"}
    ]
    target = only(made, "AWS::KinesisFirehose::DeliveryStream")[
        "ExtendedS3DestinationConfiguration"
    ]
    conversion = target["DataFormatConversionConfiguration"]
    assert conversion["SchemaConfiguration"]["TableName"] == {"Ref": "CompactedTable"}
    # labels are keys of a map
    assert conversion["InputFormatConfiguration"]["Deserializer"] == {
        "OpenXJsonSerDe": {"CaseInsensitive": False}
    }
    # its files lie where the table, and scripts/records, look for Parquet
    (table,) = (
        table["TableInput"]
        for table in of_type(made, "AWS::Glue::Table").values()
        if table["TableInput"]["Name"] == "compacted"
    )
    place = table["Parameters"]["storage.location.template"]["Fn::Sub"]
    written = target["Prefix"]
    for key, column in (("model", "model_name"), ("version", "model_version"), ("dt", "dt")):
        written = written.replace(f"!{{partitionKeyFromQuery:{key}}}", f"${{!{column}}}")
    assert place == f"s3://${{PredictionBucket}}/{written}"


def test_the_stream_may_write_records_and_nothing_else(translated: dict[str, Any]) -> None:
    may = allowed(stack(translated, "firehose")["RecordStreamRole"]["Properties"])
    assert may["s3:PutObject"] == [
        {"Fn::Sub": "${PredictionBucket.Arn}/compacted/*"},
        {"Fn::Sub": "${PredictionBucket.Arn}/firehose-errors/*"},
    ]
    assert not [action for action in may if "Delete" in action or action == "s3:GetObject"]
