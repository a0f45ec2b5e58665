"""The project's own template in the stand-in, without images: what it makes is really there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.rehearsal import stand_in
from scripts.rehearsal.cloudformation import document
from tests.support.paths import ROOT

pytestmark = pytest.mark.needs_sam
STACK = "icebox-all"
EVERYTHING = {
    "Stage": "prod",
    "AllowAnonymous": "true",
    "EnableAlarms": "true",
    "EnableMonitor": "true",
    "AlarmEmail": "somebody@example.com",
    "Rollout": "Canary10Percent5Minutes",
    "DailyBudget": "5",
    "WarmSchedule": "rate(1 hour)",
    "CaptureRate": "0.1",
}


class EmptyRegistry:
    """Any image is in it."""

    address = "127.0.0.1:1"

    def __init__(self, _: Path) -> None:
        pass

    def digest(self, *_: str) -> str:
        return "sha256:" + "0" * 64

    def stop(self) -> None:
        pass


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stand_in.StandIn]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stand_in, "Registry", EmptyRegistry)
        with stand_in.StandIn(tmp_path_factory.mktemp("stand-in")) as running:
            yield running


def body() -> str:
    """The template as SAM packages it: with the addresses of images."""
    template = document.parse((ROOT / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["ImageUri"] = f"{EmptyRegistry.address}/images:1"
    return json.dumps(template)


def deploy(aws: stand_in.StandIn, given: dict[str, str], kind: str) -> Any:
    cloudformation = aws.client("cloudformation")
    s3 = aws.client("s3")
    where = {"LocationConstraint": aws.region}
    if kind == "CREATE":
        s3.create_bucket(Bucket="packaged", CreateBucketConfiguration=where)
    s3.put_object(Bucket="packaged", Key="template.json", Body=body())
    cloudformation.create_change_set(
        StackName=STACK,
        ChangeSetName="it",
        ChangeSetType=kind,
        TemplateURL=f"https://s3.{aws.region}.amazonaws.com/packaged/template.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": v} for key, v in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.execute_change_set(StackName=STACK, ChangeSetName="it")
    return finished(aws)


def finished(aws: stand_in.StandIn) -> Any:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        (stack,) = aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        if "IN_PROGRESS" not in stack["StackStatus"]:
            return stack
        time.sleep(0.1)
    raise AssertionError("the stack is still in progress")


def test_all_of_it_is_made_changed_and_deleted(aws: stand_in.StandIn) -> None:
    stack = deploy(aws, EVERYTHING, "CREATE")
    events = aws.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [each for each in events if each["ResourceStatus"].endswith("FAILED")]
    assert stack["StackStatus"] == "CREATE_COMPLETE", failed
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    bucket = outputs["PredictionBucketName"]
    s3 = aws.client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert "predictions-expire" in {rule["ID"] for rule in rules}
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {each["AlarmName"].split("-")[2] for each in alarms} >= {"NewVersionErrorsAlarm"}
    function = aws.client("lambda").get_function_configuration(
        FunctionName=outputs["FunctionName"], Qualifier="live"
    )
    assert (function["Version"], function["State"]) == ("1", "Active")
    assert function["Environment"]["Variables"]["API_KEY_SHA256"] == ""
    policy = aws.client("lambda").get_policy(
        FunctionName=outputs["FunctionName"], Qualifier="live"
    )["Policy"]
    assert "apigateway.amazonaws.com" in policy
    groups = aws.client("logs").describe_log_groups()["logGroups"]
    assert outputs["FunctionLogGroupName"] in {each["logGroupName"] for each in groups}

    # what the stand-in cannot do fails, in words, and leaves the stack as it was
    snapshots = {**EVERYTHING, "SnapStart": "PublishedVersions", "Release": "1"}
    assert deploy(aws, snapshots, "UPDATE")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    events = aws.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    reasons = {each.get("ResourceStatusReason", "") for each in events}
    assert any("rehearse with SnapStart=None" in reason for reason in reasons), reasons

    # fewer parts, and no rollout: what is not asked for any more goes
    fewer = {"Stage": "prod", "AllowAnonymous": "true", "EnableRollout": "false", "Release": "2"}
    assert deploy(aws, fewer, "UPDATE")["StackStatus"] == "UPDATE_COMPLETE"
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert aws.client("events").list_rules()["Rules"] == []
    alias = aws.client("lambda").get_alias(FunctionName=outputs["FunctionName"], Name="live")
    assert alias["FunctionVersion"] == "2"

    identity = stack["StackId"]
    aws.client("cloudformation").delete_stack(StackName=STACK)
    (gone,) = aws.client("cloudformation").describe_stacks(StackName=identity)["Stacks"]
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    assert bucket in {each["Name"] for each in s3.list_buckets()["Buckets"]}  # it has records
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert aws.client("iam").list_roles()["Roles"] == []


def test_a_type_that_the_stand_in_does_not_make_fails_the_deployment(
    aws: stand_in.StandIn,
) -> None:
    aws.client("s3").delete_object(Bucket="packaged", Key="template.json")
    aws.client("s3").delete_bucket(Bucket="packaged")
    stack = deploy(aws, {"AllowAnonymous": "true", "EnableAthena": "true"}, "CREATE")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = aws.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    reasons = {each.get("ResourceStatusReason", "") for each in events}
    assert any(reason.startswith("the stand-in does not know") for reason in reasons)
