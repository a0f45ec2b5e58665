"""CloudFormation's operations that only tell: of stacks, their resources, events and templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scripts.rehearsal.account import AwsError
from scripts.rehearsal.cloudformation.stack import DELETED, Resource, Source, Stack
from scripts.rehearsal.cloudformation.stacks import Stacks

Parameters = dict[str, Any]


class Reading:
    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks

    def operations(self) -> dict[str, Callable[[Parameters], Any]]:
        return {
            "DescribeChangeSet": self.describe_change_set,
            "ListChangeSets": self.list_change_sets,
            "DescribeStacks": self.describe_stacks,
            "ListStacks": self.list_stacks,
            "DescribeStackEvents": self.describe_events,
            "DescribeStackResource": self.describe_resource,
            "DescribeStackResources": self.describe_resources,
            "ListStackResources": self.list_resources,
            "GetTemplate": self.get_template,
        }

    def describe_change_set(self, asked: Parameters) -> Any:
        stack, found = self._stacks.change_set(asked)
        said = {
            "ChangeSetName": found.name,
            "ChangeSetId": found.id,
            "StackId": stack.id,
            "StackName": stack.name,
            "Description": found.description,
            "Parameters": _parameters(found.source),
            "CreationTime": found.time,
            "ExecutionStatus": found.execution,
            "Status": found.status,
            "Capabilities": [*found.source.capabilities],
            "Tags": _tags(found.source),
            "Changes": found.changes,
        }
        return said | ({"StatusReason": found.reason} if found.reason else {})

    def list_change_sets(self, asked: Parameters) -> Any:
        stack = self._stacks.get(asked["StackName"])
        return {
            "Summaries": [
                {
                    "ChangeSetName": each.name,
                    "ChangeSetId": each.id,
                    "StackName": stack.name,
                    "StackId": stack.id,
                    "Status": each.status,
                    "ExecutionStatus": each.execution,
                }
                for each in stack.change_sets.values()
            ]
        }

    def describe_stacks(self, asked: Parameters) -> Any:
        name = asked.get("StackName")
        found = (
            [self._stacks.get(name)]
            if name
            else [s for s in self._stacks.all if s.status != DELETED]
        )
        return {"Stacks": [_describe(stack) for stack in found]}

    def list_stacks(self, asked: Parameters) -> Any:
        wanted = asked.get("StackStatusFilter")
        return {
            "StackSummaries": [
                {key: value for key, value in _describe(stack).items() if key in _SUMMARY}
                for stack in reversed(self._stacks.all)
                if not wanted or stack.status in wanted
            ]
        }

    def describe_events(self, asked: Parameters) -> Any:
        stack = self._stacks.get(asked["StackName"])
        return {
            "StackEvents": [
                {
                    "StackId": stack.id,
                    "StackName": stack.name,
                    "EventId": event.id,
                    "LogicalResourceId": event.logical_id,
                    "PhysicalResourceId": event.physical_id,
                    "ResourceType": event.kind,
                    "Timestamp": event.time,
                    "ResourceStatus": event.status,
                    **({"ResourceStatusReason": event.reason} if event.reason else {}),
                }
                for event in reversed(stack.events)
            ]
        }

    def describe_resource(self, asked: Parameters) -> Any:
        stack = self._stacks.get(asked["StackName"])
        name = asked["LogicalResourceId"]
        if name not in stack.resources:
            raise _refused(f"Resource {name} does not exist for stack {stack.name}")
        said = _resource(stack, stack.resources[name])
        return {"StackResourceDetail": said | {"LastUpdatedTimestamp": said["Timestamp"]}}

    def describe_resources(self, asked: Parameters) -> Any:
        if physical := asked.get("PhysicalResourceId"):
            owners = [
                stack
                for stack in self._stacks.all
                if any(each.physical_id == physical for each in stack.resources.values())
            ]
            if not owners:
                raise _refused(f"Stack for {physical} does not exist")
            stack = owners[0]
        else:
            stack = self._stacks.get(asked["StackName"])
        found = [_resource(stack, each) for each in stack.resources.values()]
        wanted = asked.get("LogicalResourceId")
        return {"StackResources": [e for e in found if wanted in (None, e["LogicalResourceId"])]}

    def list_resources(self, asked: Parameters) -> Any:
        stack = self._stacks.get(asked["StackName"])
        said = [_resource(stack, each) for each in stack.resources.values()]
        return {
            "StackResourceSummaries": [
                each | {"LastUpdatedTimestamp": each["Timestamp"]} for each in said
            ]
        }

    def get_template(self, asked: Parameters) -> Any:
        stack = self._stacks.get(asked["StackName"])
        if asked.get("TemplateStage") == "Processed":
            return {"TemplateBody": json.dumps(stack.source.template)}
        return {"TemplateBody": stack.source.body, "StagesAvailable": ["Original", "Processed"]}


_SUMMARY = ("StackName", "StackId", "StackStatus", "CreationTime", "LastUpdatedTime")


def _describe(stack: Stack) -> dict[str, Any]:
    said: dict[str, Any] = {
        "StackName": stack.name,
        "StackId": stack.id,
        "StackStatus": stack.status,
        "CreationTime": stack.created,
        "Parameters": _parameters(stack.source),
        "Outputs": stack.outputs,
        "Tags": _tags(stack.source),
        "Capabilities": [*stack.source.capabilities],
        "EnableTerminationProtection": stack.protected,
        "DisableRollback": False,
        "RollbackConfiguration": {},
        "NotificationARNs": [],
        "Description": stack.source.template.get("Description", ""),
    }
    if stack.reason:
        said["StackStatusReason"] = stack.reason
    if stack.updated:
        said["LastUpdatedTime"] = stack.updated
    if stack.deleted:
        said["DeletionTime"] = stack.deleted
    return said


def _parameters(source: Source) -> list[dict[str, str]]:
    declared = source.template.get("Parameters") or {}
    return [
        {
            "ParameterKey": name,
            "ParameterValue": "****" if declared.get(name, {}).get("NoEcho") else text,
        }
        for name, text in source.texts.items()
    ]


def _tags(source: Source) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in source.tags]


def _resource(stack: Stack, resource: Resource) -> dict[str, Any]:
    return {
        "StackName": stack.name,
        "StackId": stack.id,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.kind,
        "ResourceStatus": resource.status,
        "Timestamp": resource.time or datetime.now(UTC),
    }


def _refused(message: str) -> AwsError:
    return AwsError("ValidationError", message)
