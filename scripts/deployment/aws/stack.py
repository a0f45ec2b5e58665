"""A stack as CloudFormation has it, its function's alias and versions, and how to wait for both."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from scripts.deployment.aws.account import is_missing
from scripts.tool import ToolError

ALIAS = "live"
DETECT = "DetectFunction"  # its logical id in template.yaml
POLL_S = 3.0
# Stacks that never were whole: nothing in them serves anybody.
NEVER_WHOLE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
_CANCELLED = re.compile("cancelled|Rollback requested by user", re.I)


@dataclass(frozen=True)
class Stack:
    """A stack at one moment. parameters: as CloudFormation shows them. changed: of its last
    operation's beginning."""

    name: str
    id: str
    status: str
    reason: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    changed: datetime

    @property
    def is_in_progress(self) -> bool:
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def function(self) -> str | None:
        return self.outputs.get("FunctionName")

    @property
    def bucket(self) -> str | None:
        return self.outputs.get("PredictionBucketName")


@dataclass(frozen=True)
class Failure:
    """What CloudFormation says of a resource that it could not make, change or delete."""

    resource: str
    type: str
    status: str
    reason: str


@dataclass(frozen=True)
class Alias:
    """Where an alias leads. weights: the share of its calls that another version gets."""

    version: str
    weights: Mapping[str, float]


def read_stack(name: str) -> Stack | None:
    """The stack of that name, or of that id; None if there is none."""
    try:
        described = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    if not described or described[0]["StackStatus"] == "DELETE_COMPLETE":
        return None
    stack = described[0]
    return Stack(
        name=stack["StackName"],
        id=stack["StackId"],
        status=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        outputs={item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())},
        parameters={
            item["ParameterKey"]: item.get("ParameterValue", "")
            for item in stack.get("Parameters", ())
        },
        changed=stack.get("LastUpdatedTime") or stack["CreationTime"],
    )


def wait_while_in_progress(
    stack_id: str, *, timeout_s: float, say: Callable[[str], None] = print
) -> Stack | None:
    """Wait until no operation on a stack is in progress, telling each new status.

    stack_id: its id, by which a deleted stack is found, too; None is returned for that. Raises
    ToolError after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    told = ""
    while True:
        stack = read_stack(stack_id)
        if stack is None or not stack.is_in_progress:
            return stack
        if stack.status != told:
            told = stack.status
            say(f"  {datetime.now(UTC):%H:%M:%S} {stack.name}: {told}")
        if time.monotonic() > deadline:
            raise ToolError(
                f"{stack.name} is still {stack.status} after {timeout_s / 60:.0f} minutes; "
                "CloudFormation goes on with it. Look at its events in the console, and try again"
            )
        time.sleep(POLL_S)


def last_event_time(stack: Stack | None) -> datetime:
    """When a stack's newest event was, by AWS's clock: what comes later is of a later operation."""
    if stack is None:
        return datetime.fromtimestamp(0, UTC)
    events = boto3.client("cloudformation").describe_stack_events(StackName=stack.id)["StackEvents"]
    return events[0]["Timestamp"] if events else stack.changed


def failures(stack_id: str, since: datetime) -> list[Failure]:
    """What failed in a stack after `since`, the first failure first. What was only cancelled
    because something else failed is left out."""
    found: list[Failure] = []
    pages = boto3.client("cloudformation").get_paginator("describe_stack_events")
    for page in pages.paginate(StackName=stack_id):
        for event in page["StackEvents"]:  # newest first
            if event["Timestamp"] <= since:
                return found[::-1]
            reason = event.get("ResourceStatusReason", "")
            status = event.get("ResourceStatus", "")
            if status.endswith("_FAILED") and not _CANCELLED.search(reason):
                found.append(
                    Failure(
                        event["LogicalResourceId"], event.get("ResourceType", ""), status, reason
                    )
                )
    return found[::-1]


def deployed_version(stack: Stack) -> str | None:
    """The version of the function that CloudFormation takes the alias to have; None before there
    is one."""
    for resource in resources(stack.id):
        if resource["ResourceType"] == "AWS::Lambda::Version" and resource[
            "LogicalResourceId"
        ].startswith(f"{DETECT}Version"):
            return str(resource.get("PhysicalResourceId", "")).rpartition(":")[2] or None
    return None


def resources(stack_id: str) -> list[Mapping[str, Any]]:
    """A stack's resources as ListStackResources has them; also of a deleted stack, by its id."""
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources")
    return [
        item
        for page in pages.paginate(StackName=stack_id)
        for item in page["StackResourceSummaries"]
    ]


def read_alias(function: str) -> Alias | None:
    """The alias `live` of a function, None if there is none."""
    try:
        alias = boto3.client("lambda").get_alias(FunctionName=function, Name=ALIAS)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    routing = alias.get("RoutingConfig") or {}
    return Alias(alias["FunctionVersion"], dict(routing.get("AdditionalVersionWeights") or {}))


def move_alias(function: str, version: str) -> None:
    """Send all calls to a version at once; no other version gets a share any more."""
    boto3.client("lambda").update_alias(
        FunctionName=function,
        Name=ALIAS,
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": {}},
    )


def versions(function: str) -> list[Mapping[str, Any]]:
    """The function's published versions, as ListVersionsByFunction has them, oldest first."""
    pages = boto3.client("lambda").get_paginator("list_versions_by_function")
    found = [item for page in pages.paginate(FunctionName=function) for item in page["Versions"]]
    return sorted(
        (item for item in found if item["Version"].isdigit()), key=lambda item: int(item["Version"])
    )


def version_settings(function: str, version: str) -> Mapping[str, str] | None:
    """The environment variables that a version was published with, None if it does not exist."""
    try:
        configuration = boto3.client("lambda").get_function_configuration(
            FunctionName=function, Qualifier=version
        )
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    settings: Mapping[str, str] = (configuration.get("Environment") or {}).get("Variables") or {}
    return settings


def to_parameters(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Parameters as CloudFormation's API takes them."""
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def to_tags(values: Mapping[str, str]) -> Sequence[dict[str, str]]:
    """Tags as CloudFormation's API takes them."""
    return [{"Key": name, "Value": value} for name, value in values.items()]
