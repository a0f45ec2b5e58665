"""Delete a stack and what it made, and say what is left: scripts/teardown dev | prod

Buckets that the template retains (the prediction records, with captures, feedback, reports and
releases in them) are kept, unless --and-records says otherwise. What is shared with other projects,
such as SAM's own bucket, is named and left alone.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import boto3
import yaml  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from scripts.deployment.aws.account import (
    Account,
    aws_errors_explained,
    check_account,
    is_missing,
    select,
)
from scripts.deployment.aws.buckets import Contents, count, delete_bucket, empty
from scripts.deployment.aws.explain import explain_failures
from scripts.deployment.aws.images import repository_stack
from scripts.deployment.aws.stack import (
    Stack,
    last_event_time,
    read_stack,
    resources,
    wait_while_in_progress,
)
from scripts.deployment.parameters import STAGES, deploy_region, read_samconfig, stack_name
from scripts.tool import ToolError, exit_on_error

DELETE_S = 1800.0
TEMPORARY = "UploadBucket"  # its logical id in template.yaml; what is in it is deleted within a day
SAM_STACK = "aws-sam-cli-managed-default"  # of SAM itself, for all projects of a region


@dataclass(frozen=True)
class Inventory:
    """What there is of a stage. temporary: buckets of objects that live for a day, or that the
    template deletes with the stack, for which they must be empty. retained: buckets with records.
    left: such of earlier stacks of the name. companions: stacks of repositories that SAM made for
    the stack."""

    name: str
    stack: Stack | None
    images: Stack | None
    temporary: tuple[str, ...]
    retained: tuple[str, ...]
    left: tuple[str, ...]
    companions: tuple[str, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """The buckets with records."""
        return self.retained + self.left


def read_inventory(name: str) -> Inventory:
    stack = read_stack(name)
    temporary, retained = _buckets(stack) if stack else ((), ())
    left = _buckets_of_earlier_stacks(name, {*temporary, *retained})
    uploads = tuple(bucket for bucket in left if f"-{TEMPORARY.lower()}-" in bucket)
    return Inventory(
        name=name,
        stack=stack,
        images=read_stack(repository_stack(name)),
        temporary=temporary + uploads,
        retained=retained,
        left=tuple(bucket for bucket in left if bucket not in uploads),
        companions=_companion_stacks(name),
    )


def teardown(
    stage: str, *, and_records: bool, yes: bool, ask: Callable[[str], str] = input
) -> None:
    """Delete a stage. Raises ToolError, having said what was done until then."""
    samconfig = read_samconfig()
    select(region=deploy_region(samconfig, stage))
    account = check_account()
    name = stack_name(samconfig, stage)
    with aws_errors_explained():
        there = read_inventory(name)
        _tell_plan(there, account, and_records)
        anything = there.stack or there.images or there.companions or there.temporary
        if not (anything or (and_records and there.left)):
            print(f"there is nothing to delete of {name} in {account.region}")
            _tell_left(there, name)
            return
        if not yes:
            _confirm(stage, ask)
        if there.stack:
            if there.stack.is_in_progress and not there.stack.status.startswith("DELETE"):
                raise ToolError(
                    f"stack {name} is {there.stack.status}: wait, or stop that with "
                    f"scripts/rollback {stage}"
                )
            for bucket in there.temporary:
                empty(bucket)
            _delete_stack(there.stack)
        for companion in (*there.companions, *((there.images.name,) if there.images else ())):
            if found := read_stack(companion):
                _delete_stack(found)
        _delete_log_groups(name)
        for bucket in (*there.temporary, *(there.kept if and_records else ())):
            empty(bucket)
            delete_bucket(bucket)
            print(f"deleted   bucket {bucket}")
        _tell_left(read_inventory(name), name, there.kept if not and_records else ())


def _tell_plan(there: Inventory, account: Account, and_records: bool) -> None:
    print(f"account   {account.number} in {account.region}, as {account.caller.rpartition('/')[2]}")
    for stack in (there.stack, there.images):
        if stack:
            print(f"delete    stack {stack.name} ({stack.status})")
    for name in there.companions:
        print(f"delete    stack {name}, which SAM made")
    for bucket in there.temporary:
        print(f"delete    bucket {bucket} (temporary objects)")
    for bucket in there.kept:
        verb = "DELETE" if and_records else "keep"
        print(f"{verb:<9} bucket {bucket}: {count(bucket)}")


def _confirm(stage: str, ask: Callable[[str], str]) -> None:
    try:
        typed = ask(f"Type {stage} to delete it: ")
    except EOFError:
        raise ToolError("nobody is there to confirm; add --yes") from None
    if typed.strip() != stage:
        raise ToolError(f"{typed.strip()!r} is not {stage}; nothing was deleted")


def _delete_stack(stack: Stack) -> None:
    since = last_event_time(stack)
    print(f"deleting  {stack.name}")
    boto3.client("cloudformation").delete_stack(StackName=stack.name)
    after = wait_while_in_progress(stack.id, timeout_s=DELETE_S)
    if after is not None:
        raise ToolError(
            f"stack {stack.name} is {after.status}. {explain_failures(stack.id, since)} "
            "Remove what is in the way and run this again"
        )
    print(f"deleted   stack {stack.name}")


def _buckets(stack: Stack) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The stack's buckets: those that go with it, and those that the template retains."""
    body = boto3.client("cloudformation").get_template(StackName=stack.name)["TemplateBody"]
    # JSON is YAML, too; the base loader ignores CloudFormation's tags.
    template = yaml.load(body, Loader=yaml.CBaseLoader) if isinstance(body, str) else body
    declared = template.get("Resources", {})
    temporary: list[str] = []
    retained: list[str] = []
    for item in resources(stack.id):
        if item["ResourceType"] == "AWS::S3::Bucket" and item.get("PhysicalResourceId"):
            if item["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            name = item["LogicalResourceId"]
            policy = declared.get(name, {}).get("DeletionPolicy", "Delete")
            goes = policy == "Delete" or name == TEMPORARY
            (temporary if goes else retained).append(item["PhysicalResourceId"])
    return tuple(temporary), tuple(retained)


def _buckets_of_earlier_stacks(name: str, known: set[str]) -> tuple[str, ...]:
    """Buckets that an earlier stack of this name left: named and tagged as CloudFormation does."""
    s3 = boto3.client("s3")
    pattern = re.compile(rf"{re.escape(name.lower())}-[a-z0-9]*bucket-[a-z0-9]+")
    found = []
    for item in s3.list_buckets()["Buckets"]:
        bucket = item["Name"]
        if pattern.fullmatch(bucket) and bucket not in known and _stack_of(bucket) == name:
            found.append(bucket)
    return tuple(found)


def _stack_of(bucket: str) -> str | None:
    """The name of the stack that made a bucket, by the tag that CloudFormation gives it."""
    try:
        tags = boto3.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError:  # no tags, or somebody else's
        return None
    return {tag["Key"]: tag["Value"] for tag in tags}.get("aws:cloudformation:stack-name")


def _companion_stacks(name: str) -> tuple[str, ...]:
    """Stacks with repositories that `sam deploy --resolve-image-repos` made, as earlier versions of
    this project did."""
    pattern = re.compile(rf"{re.escape(name)}-[0-9a-f]+-CompanionStack")
    pages = boto3.client("cloudformation").get_paginator("describe_stacks").paginate()
    names = (stack["StackName"] for page in pages for stack in page["Stacks"])
    return tuple(name for name in names if pattern.fullmatch(name))


def _delete_log_groups(name: str) -> None:
    """Log groups of the stack that are left: of functions that wrote after their group was
    deleted, or into Lambda's own."""
    logs = boto3.client("logs")
    for prefix in (f"/icebox/{name}/", f"/aws/lambda/{name}-"):
        for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for group in page["logGroups"]:
                try:
                    logs.delete_log_group(logGroupName=group["logGroupName"])
                except ClientError as error:
                    if not is_missing(error):
                        raise
                print(f"deleted   log group {group['logGroupName']}")


def _tell_left(there: Inventory, name: str, kept: Sequence[str] = ()) -> None:
    """What is left, and what it costs."""
    print("left:")
    lines = [
        f"  stack {stack.name} ({stack.status})" for stack in (there.stack, there.images) if stack
    ]
    for bucket in dict.fromkeys((*kept, *there.kept)):
        contents: Contents = count(bucket)
        lines.append(f"  bucket {bucket}: {contents}; scripts/teardown … --and-records deletes it")
    if read_stack(SAM_STACK):
        lines.append(
            f"  stack {SAM_STACK} with SAM's bucket, for all projects of this account and region: "
            "cents a month. Without other projects, empty that bucket and delete the stack"
        )
    role = f"{name}-deploy-role"
    if read_stack(role):
        lines.append(
            f"  stack {role}, by which GitHub deploys: costs nothing. aws cloudformation "
            f"delete-stack --stack-name {role}"
        )
    print("\n".join(lines) or f"  nothing of {name}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/teardown", description="Delete a stage's stack with all that it made."
    )
    parser.add_argument("stage", choices=STAGES, metavar="dev|prod")
    parser.add_argument(
        "--and-records", action="store_true",
        help="delete the buckets as well, with all records, captures, feedback and releases",
    )  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(argv)
    with exit_on_error("scripts/teardown"):
        teardown(options.stage, and_records=options.and_records, yes=options.yes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
