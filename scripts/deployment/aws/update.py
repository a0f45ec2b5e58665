"""Updates of a stack: make one of a template that lies in S3, or stop the one that is under way."""

from __future__ import annotations

import time
from collections.abc import Mapping

import boto3
from botocore.exceptions import ClientError

from scripts.deployment.aws.explain import explain_failures
from scripts.deployment.aws.stack import (
    POLL_S,
    Stack,
    last_event_time,
    read_stack,
    resources,
    to_parameters,
    wait_while_in_progress,
)
from scripts.tool import ToolError

UPDATE_S, CHANGE_SET_S = 1800.0, 300.0
CODEDEPLOY_UNDER_WAY = ("Created", "Queued", "InProgress", "Baking", "Ready")


def update(stack: Stack, *, template_url: str, parameters: Mapping[str, str]) -> None:
    """Update a stack and wait for it; nothing is done where nothing would change.

    template_url: of an object that whoever calls may read. Raises ToolError.
    """
    settled = wait_while_in_progress(stack.id, timeout_s=UPDATE_S)
    if settled is None:
        raise ToolError(f"stack {stack.name} is gone")
    since = last_event_time(settled)
    change_set = _make_change_set(settled, template_url, parameters)
    if change_set is None:
        return
    boto3.client("cloudformation").execute_change_set(ChangeSetName=change_set, StackName=stack.id)
    _wait_for_begin(settled)
    after = wait_while_in_progress(stack.id, timeout_s=UPDATE_S)
    if after is None or after.status != "UPDATE_COMPLETE":
        raise ToolError(
            f"the update of {stack.name} failed, it is {after.status if after else 'gone'}: "
            f"{explain_failures(stack.id, since)}"
        )


def stop_update(stack: Stack) -> Stack:
    """Stop what is under way in a stack, and wait until CloudFormation has taken it back.

    Traffic is back first: CodeDeploy moves the alias as it stops. Returns the stack as it is then;
    at once where nothing is under way. Raises ToolError.
    """
    cloudformation = boto3.client("cloudformation")
    if stack.status == "UPDATE_IN_PROGRESS":
        if not _stop_codedeploy(stack):
            print(f"stopping  the update of {stack.name}, begun {stack.changed:%H:%M:%S} UTC")
            try:
                cloudformation.cancel_update_stack(StackName=stack.name)
            except ClientError as error:  # over meanwhile
                if error.response["Error"]["Code"] != "ValidationError":
                    raise
    elif stack.status == "UPDATE_ROLLBACK_FAILED":
        print(f"stack     {stack.name} is {stack.status}: CloudFormation tries it again")
        cloudformation.continue_update_rollback(StackName=stack.name)
    elif stack.status.endswith("CLEANUP_IN_PROGRESS"):
        return stack  # done but for what is not needed any more; traffic need not wait for it
    after = wait_while_in_progress(stack.id, timeout_s=UPDATE_S)
    if after is None or after.status == "UPDATE_ROLLBACK_FAILED":
        raise ToolError(
            f"stack {stack.name} is {after.status if after else 'gone'}"
            + (
                f" ({after.reason}). Mend what its events name, and run this again; or skip it: "
                f"aws cloudformation continue-update-rollback --stack-name {stack.name} "
                "--resources-to-skip NAME"
                if after
                else ""
            )
        )
    return after


def _stop_codedeploy(stack: Stack) -> bool:
    """Stop the stack's rollout, with CodeDeploy's own way back; whether there was one."""
    codedeploy = boto3.client("codedeploy")
    made = resources(stack.id)
    applications = [
        item["PhysicalResourceId"]
        for item in made
        if item["ResourceType"] == "AWS::CodeDeploy::Application" and "PhysicalResourceId" in item
    ]
    groups = [
        item["PhysicalResourceId"]
        for item in made
        if item["ResourceType"] == "AWS::CodeDeploy::DeploymentGroup"
        and "PhysicalResourceId" in item
    ]
    stopped = False
    for application in applications:
        for group in groups:
            for deployment in codedeploy.list_deployments(
                applicationName=application,
                deploymentGroupName=group,
                includeOnlyStatuses=list(CODEDEPLOY_UNDER_WAY),
            )["deployments"]:
                print(
                    f"stopping  the rollout {deployment}; the version before gets all calls again"
                )
                # Without the way back, the alias would keep sharing its traffic, and "subsequent
                # attempts to deploy the Lambda function fail" (CodeDeploy's troubleshooting).
                codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
                stopped = True
    return stopped


def _make_change_set(stack: Stack, template_url: str, parameters: Mapping[str, str]) -> str | None:
    """A change set that is ready to run; None where there is nothing to change."""
    cloudformation = boto3.client("cloudformation")
    name = f"icebox-rollback-{int(time.time())}"
    change_set: str = cloudformation.create_change_set(
        StackName=stack.id,
        ChangeSetName=name,
        ChangeSetType="UPDATE",
        TemplateURL=template_url,
        Parameters=to_parameters(parameters),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )["Id"]
    deadline = time.monotonic() + CHANGE_SET_S
    while True:
        made = cloudformation.describe_change_set(ChangeSetName=change_set, StackName=stack.id)
        if made["Status"] == "CREATE_COMPLETE":
            return change_set
        if made["Status"] == "FAILED":
            reason = made.get("StatusReason", "")
            cloudformation.delete_change_set(ChangeSetName=change_set, StackName=stack.id)
            if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                return None
            raise ToolError(f"CloudFormation refuses to update {stack.name}: {reason}")
        if time.monotonic() > deadline:
            raise ToolError(f"the change set {name} of {stack.name} is not made after 5 minutes")
        time.sleep(POLL_S / 3)


def _wait_for_begin(before: Stack) -> None:
    """Wait until the change set's execution shows in the stack, which takes CloudFormation a
    moment."""
    deadline = time.monotonic() + CHANGE_SET_S
    while time.monotonic() < deadline:
        stack = read_stack(before.id)
        if stack is None or stack.is_in_progress or stack.changed != before.changed:
            return
        time.sleep(POLL_S / 3)
