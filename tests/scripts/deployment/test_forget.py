"""scripts/forget: which bucket, what it says, and when it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from scripts.deployment import forget
from tests.scripts.records.test_read import put
from tests.support.moto_s3 import make_bucket
from tests.support.prediction_records import START, numbered

RECORD = numbered(7, START)
ID = RECORD.prediction_id


def test_it_says_what_is_gone_and_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, RECORD, numbered(8, START))
    capture = tmp_path / "captures" / RECORD.key.removeprefix("predictions/")
    capture = capture.with_name(f"{ID}.jpg")
    capture.parent.mkdir(parents=True)
    capture.write_bytes(b"picture")
    assert forget.main([ID, "--source", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "1 version of: kept picture" in said and "1 version of: record" in said
    assert "CloudWatch Logs" in said and "again" in said
    assert not capture.exists() and not (tmp_path / RECORD.key).exists()
    assert (tmp_path / numbered(8, START).key).exists()
    with pytest.raises(SystemExit, match=f"has nothing of {ID}.*forgotten already"):
        forget.main([ID, "--source", str(tmp_path)])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([ID], "name where: either dev or prod, or --source"),
        ([ID, "dev", "--source", "x"], "name where"),
        ([ID, "--source", "/no/such/folder"], "there is no such folder"),
        ([ID, "--source", "ftp://x"], "expected s3://bucket"),
        (["*", "--source", "."], "'\\*' is no prediction_id; expected one such as"),
        ([f"../{ID}", "--source", "."], "is no prediction_id"),
        ([ID.upper().replace("0", "A"), "--source", "."], "is no prediction_id"),
    ],
)
def test_a_mistake_is_refused_and_told(arguments: list[str], expected: str) -> None:
    with pytest.raises(SystemExit, match=expected):
        forget.main(arguments)


def test_a_stage_is_the_bucket_of_its_stack(
    s3: Any, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with pytest.raises(SystemExit, match=r"there is no stack icebox-dev here.*--source s3://"):
        forget.main([ID, "dev"])
    bucket = make_bucket(s3, "of-the-stack")
    s3.put_object(Bucket=bucket, Key=RECORD.key, Body=RECORD.to_bytes())
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"PredictionBucketName": {"Value": bucket}},
    }
    client = boto3.client("cloudformation")
    client.create_stack(StackName="icebox-dev", TemplateBody=json.dumps(template))
    try:
        assert forget.main([ID, "dev"]) == 0
        assert f"is removed from s3://{bucket}" in capsys.readouterr().out
        template["Outputs"] = {}
        client.update_stack(StackName="icebox-dev", TemplateBody=json.dumps(template))
        with pytest.raises(SystemExit, match="icebox-dev is UPDATE_COMPLETE, so its bucket is not"):
            forget.main([ID, "dev"])
    finally:
        client.delete_stack(StackName="icebox-dev")
