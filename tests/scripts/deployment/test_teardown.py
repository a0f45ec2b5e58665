"""scripts/teardown against the stand-in for AWS: what goes, what is kept, what is told."""

from __future__ import annotations

import boto3
import pytest

from scripts.deployment import teardown as tool
from scripts.deployment.aws import buckets
from scripts.deployment.aws.stack import read_stack
from scripts.deployment.deploy import deploy
from scripts.deployment.teardown import main, teardown
from scripts.tool import ToolError
from tests.support.cloud import FakeSam


def bucket_names() -> list[str]:
    return [
        item["Name"].rpartition("-")[0] for item in boto3.client("s3").list_buckets()["Buckets"]
    ]


def test_the_stack_goes_and_its_records_stay(
    fake_sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy("dev")
    stack = read_stack("icebox-dev")
    assert stack is not None and stack.bucket is not None
    uploads = next(name["Name"] for name in boto3.client("s3").list_buckets()["Buckets"]
                   if "uploadbucket" in name["Name"])  # fmt: skip
    boto3.client("s3").put_object(Bucket=uploads, Key="uploads/x", Body=b"x")
    for name in (
        "/icebox/icebox-dev/function",
        "/aws/lambda/icebox-dev-x",
        "/icebox/icebox-prod/x",
    ):
        boto3.client("logs").create_log_group(logGroupName=name)
    asked: list[str] = []
    teardown("dev", and_records=False, yes=False, ask=lambda text: asked.append(text) or "dev")
    assert asked == ["Type dev to delete it: "]
    assert read_stack("icebox-dev") is None and read_stack("icebox-dev-images") is None
    assert bucket_names() == ["icebox-dev-predictionbucket"]
    groups = boto3.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/icebox/icebox-prod/x"]
    said = capsys.readouterr().out
    assert f"keep      bucket {stack.bucket}: 5 versions of objects" in said
    left = said.rpartition("left:")[2]
    assert f"bucket {stack.bucket}: 5 versions" in left and "--and-records deletes it" in left
    assert uploads not in left
    # And again from the beginning.
    assert deploy("dev").number == 1


def test_records_go_with_all_their_versions(
    fake_sam: FakeSam, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(buckets, "PAGE", 3)
    monkeypatch.setattr(buckets, "TELL_EACH", 6)
    deploy("dev")
    stack = read_stack("icebox-dev")
    assert stack is not None and stack.bucket is not None
    s3 = boto3.client("s3")
    for number in range(7):
        s3.put_object(Bucket=stack.bucket, Key=f"predictions/{number % 3}", Body=b"x")
    s3.delete_object(Bucket=stack.bucket, Key="predictions/0")
    s3.create_multipart_upload(Bucket=stack.bucket, Key="compacted/unfinished")
    teardown("dev", and_records=True, yes=True)
    assert bucket_names() == []
    said = capsys.readouterr().out
    assert "12 versions deleted" in said and "left:\n  nothing of icebox-dev" in said


def test_another_name_deletes_nothing(fake_sam: FakeSam) -> None:
    deploy("dev")
    with pytest.raises(ToolError, match="'prod' is not dev; nothing was deleted"):
        teardown("dev", and_records=True, yes=False, ask=lambda text: "prod")
    with pytest.raises(ToolError, match="nobody is there to confirm; add --yes"):
        teardown("dev", and_records=True, yes=False, ask=_nobody)
    assert read_stack("icebox-dev") is not None


def test_where_there_is_nothing_that_is_said(
    fake_sam: FakeSam, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dev", "--yes"]) == 0
    assert "there is nothing to delete of icebox-dev in eu-central-1" in capsys.readouterr().out


def test_a_bucket_that_an_earlier_stack_left_is_known_by_its_tag(
    fake_sam: FakeSam, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    s3 = boto3.client("s3")
    made = {
        "icebox-dev-predictionbucket-abc123": "icebox-dev",
        "icebox-dev-uploadbucket-abc123": "icebox-dev",
        "icebox-dev-predictionbucket-of-others": "icebox-dev",
        "icebox-dev-otherbucket-abc123": "icebox-dev-other",
    }
    # CloudFormation's own tag, which nobody else can set, here neither
    monkeypatch.setattr(tool, "_stack_of", made.get)
    for name in made:
        s3.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    teardown("dev", and_records=False, yes=True)
    said = capsys.readouterr().out
    assert "left:\n  bucket icebox-dev-predictionbucket-abc123: empty" in said
    assert "deleted   bucket icebox-dev-uploadbucket-abc123" in said
    teardown("dev", and_records=True, yes=True)
    assert len(s3.list_buckets()["Buckets"]) == 2


def test_more_than_can_be_counted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(buckets.Contents(0, 0, True)) == "empty"
    assert str(buckets.Contents(1500, 2_000_000_000, True)) == (
        "1,500 versions of objects, 2.000 GB, $0.05 a month"
    )
    assert str(buckets.Contents(20_000, 4_000_000, False)).startswith("more than 20,000 versions")


def _nobody(text: str) -> str:
    raise EOFError
