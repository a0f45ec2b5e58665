"""What would make a deployment fail, or succeed at what nobody wants, told before the slow part."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import boto3
import yaml  # type: ignore[import-untyped]

from handler.bundle.manifest import Manifest
from scripts.deployment.aws.stack import (
    NEVER_WHOLE,
    Alias,
    Stack,
    deployed_version,
    read_stack,
    versions,
    wait_while_in_progress,
)
from scripts.deployment.parameters import only_known, read_parameters
from scripts.deployment.releases import Release
from scripts.tool import ToolError

DELETE_S = 900.0
KEYS = "ApiKeySha256"
SNAPSHOT_USD = 1.5046e-6 * 730 * 3600  # a month and GB of memory, us-east-1, 2026-09
KEPT_SNAPSHOTS = 2  # the live version's, and that of the one before


def template_defaults(template: Path) -> dict[str, str | None]:
    """The template's parameters with their defaults, None for one without. Raises ToolError."""
    # The base loader leaves every scalar a text, as CloudFormation takes it, and ignores tags.
    parsed = yaml.load(template.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
    parameters = parsed.get("Parameters") if isinstance(parsed, dict) else None
    if not isinstance(parameters, dict):
        raise ToolError(f"{template} has no Parameters")
    return {name: about.get("Default") for name, about in parameters.items()}


def all_parameters(
    samconfig: str, stage: str, defaults: Mapping[str, str | None], overrides: Mapping[str, str]
) -> dict[str, str]:
    """A value for each of the template's parameters: that of the command line, else samconfig's,
    else the template's default.

    None is left out: `sam deploy` would send UsePreviousValue for it, and a key that was removed
    from samconfig.toml would stay valid. Raises ToolError.
    """
    given = {**read_parameters(samconfig, stage), **overrides}
    only_known(given, list(defaults))
    values = {name: given.get(name, default) for name, default in defaults.items()}
    if missing := [name for name, value in values.items() if value is None]:
        raise ToolError(
            f"samconfig.toml: [{stage}.deploy.parameters] lacks {', '.join(missing)}, which the "
            "template has no default for"
        )
    return {name: value for name, value in values.items() if value is not None}


def check_parameters(parameters: Mapping[str, str], stage: str) -> list[str]:
    """Who may call, and whether the parameters go together. Returns warnings. Raises ToolError."""
    keys, authorizer = parameters.get(KEYS, ""), parameters.get("Authorizer", "NONE")
    if parameters.get("Stage", stage) != stage:
        raise ToolError(
            f"samconfig.toml: [{stage}.deploy.parameters] says Stage={parameters['Stage']}; write "
            f"Stage={stage}"
        )
    if not keys and parameters.get("AllowAnonymous") != "true" and authorizer == "NONE":
        raise ToolError(
            f"who may call it? Make a key with: scripts/keys new {stage}. Or open it to all: set "
            "AllowAnonymous=true among the parameter_overrides in samconfig.toml's "
            f"[{stage}.deploy.parameters]"
        )
    if authorizer == "JWT":
        for name in ("JwtIssuer", "JwtAudience"):
            if not parameters.get(name):
                raise ToolError(
                    f"Authorizer=JWT needs {name}: without it, API Gateway would refuse or take "
                    "tokens that it should not"
                )
        if keys:
            return [
                "Authorizer=JWT beside keys: the function takes a Bearer token for a key, so "
                "callers must send x-api-key as well. If tokens are to suffice, remove the keys: "
                f"scripts/keys list {stage}, scripts/keys remove {stage} DIGEST"
            ]
    return []


def check_snapshots(parameters: Mapping[str, str], function: str | None) -> list[str]:
    """Whether the base image can be restored by SnapStart, and what earlier versions' snapshots
    cost.

    function: its name, None for a first deployment. Returns warnings. Raises ToolError.
    """
    if parameters.get("SnapStart", "None") != "None":
        base = re.search(r"lambda/python:3\.(\d+)", parameters.get("BaseImage", ""))
        if base and int(base[1]) < 12:
            raise ToolError(
                f"SnapStart={parameters['SnapStart']} needs Python 3.12 or later, and BaseImage is "
                f"{parameters['BaseImage']}: set BaseImage=public.ecr.aws/lambda/python:3.13, or "
                "SnapStart=None"
            )
    kept = [
        item
        for item in (versions(function) if function else [])
        if (item.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions"
    ]
    if len(kept) <= KEPT_SNAPSHOTS:
        return []
    usd = sum(item["MemorySize"] / 1024 * SNAPSHOT_USD for item in kept)
    return [
        f"{len(kept)} versions keep a snapshot for SnapStart, together about {usd:.0f} USD a "
        "month, until they are deleted. Nothing goes back to a deleted one in seconds. The oldest: "
        f"aws lambda delete-function --function-name {function} --qualifier {kept[0]['Version']}"
    ]


def check_model(
    manifest: Manifest, releases: Sequence[Release], live: Release | None, *, again: bool
) -> None:
    """Whether this model may be deployed beside what was released before. Raises ToolError."""
    name, version, sha256 = manifest.name, manifest.version, manifest.sha256
    for release in releases:
        same = (release.model_name, release.model_version) == (name, version)
        if same and release.model_sha256 != sha256:
            raise ToolError(
                f"{name} {version} was released as another file (release {release.number}, sha256 "
                f"{release.model_sha256[:12]}, this one is {sha256[:12]}): its records could not "
                "be told from this one's. Give it a version of its own: scripts/release does, or "
                "change `version` in handler/model/model.json"
            )
    of_this_model = [release for release in releases if release.model_sha256 == sha256]
    did_well = any(release.status in ("released", "superseded") for release in of_this_model)
    gone_back = [release for release in of_this_model if release.status == "rolled back"]
    if gone_back and not did_well and not again:
        release = gone_back[0]
        instead = f"; live is {live.model}" if live else ""
        raise ToolError(
            f"{name} {version} was rolled back (release {release.number}: "
            f"{release.note or 'no reason noted'}){instead}. If it is to go live after all: "
            "scripts/deploy … --again"
        )


def ready_stack(name: str, stage: str, say: Callable[[str], None] = print) -> Stack | None:
    """The stack, if it can be deployed to; None if it does not exist, or no longer, since a first
    deployment that failed is deleted here. Raises ToolError, which says what to do, otherwise."""
    stack = read_stack(name)
    if stack is None:
        return None
    if stack.status in NEVER_WHOLE:
        say(
            f"stack {name} is {stack.status}: its first deployment failed, and nothing in it ever "
            "served; deleting it to begin again"
        )
        boto3.client("cloudformation").delete_stack(StackName=name)
        left = wait_while_in_progress(stack.id, timeout_s=DELETE_S, say=say)
        if left is not None:
            raise ToolError(
                f"stack {name} could not be deleted ({left.status}: {left.reason}); "
                f"scripts/teardown {stage} says what is in the way"
            )
        return None
    if stack.is_in_progress:
        raise ToolError(
            f"stack {name} is {stack.status} since {stack.changed:%Y-%m-%d %H:%M} UTC: somebody "
            f"deploys now. Wait; or stop it and go back: scripts/rollback {stage}"
        )
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        raise ToolError(
            f"stack {name} is {stack.status}: CloudFormation could not undo a failed update "
            f"({stack.reason}). scripts/rollback {stage} lets it try again; if that fails, too, "
            "mend what the console's events name, or skip it: aws cloudformation "
            f"continue-update-rollback --stack-name {name} --resources-to-skip NAME"
        )
    if stack.status == "UPDATE_FAILED":
        raise ToolError(
            f"stack {name} is {stack.status}: an update without rollback failed. Undo it: aws "
            f"cloudformation rollback-stack --stack-name {name}"
        )
    if stack.status == "DELETE_FAILED":
        raise ToolError(
            f"stack {name} is half deleted ({stack.reason}); finish that first: "
            f"scripts/teardown {stage}"
        )
    if stack.status == "REVIEW_IN_PROGRESS":
        say(f"stack {name} has a change set that nobody ran, and nothing else; going on")
        return None
    return stack


def check_alias(stack: Stack, alias: Alias | None, stage: str) -> None:
    """Whether the alias is where CloudFormation takes it to be. Raises ToolError.

    CloudFormation changes what differs between two templates, and CodeDeploy shifts from the
    version that it is told: neither looks where the alias leads.
    """
    if alias is None:
        return
    settle = f"scripts/rollback {stage} settles that"
    if alias.weights:
        raise ToolError(
            f"the alias `live` still shares its traffic between version {alias.version} and "
            f"{', '.join(alias.weights)}, though nothing is deployed now; {settle}"
        )
    version = deployed_version(stack)
    if version is not None and version != alias.version:
        raise ToolError(
            f"version {alias.version} is live, and the stack takes it to be {version}: the alias "
            f"was moved without the stack. {settle}"
        )


def remove_unreleased_versions(
    stack: Stack,
    alias: Alias | None,
    releases: Sequence[Release],
    say: Callable[[str], None] = print,
) -> None:
    """Delete versions that a failed deployment left behind the live one.

    "Lambda doesn't publish a version if the function's configuration and code haven't changed
    since the last version" (PublishVersion): trying the same image again would fail.
    """
    if stack.function is None or alias is None:
        return
    kept = {release.function_version for release in releases} | {alias.version, *alias.weights}
    kept.add(deployed_version(stack) or "")
    client = boto3.client("lambda")
    for item in versions(stack.function):
        version = item["Version"]
        if version not in kept and int(version) > int(alias.version):
            say(f"removing version {version}, which a failed deployment left")
            client.delete_function(FunctionName=stack.function, Qualifier=version)
