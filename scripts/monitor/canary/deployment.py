"""What a deployment of CodeDeploy's does: which version it releases, or whether it goes back.

The version is in its revision, an AppSpec file.

A setting may be of the release before, since nothing says that CloudFormation updates this function
before it moves the alias. The deployment itself is never.
After "AppSpec 'resources' section (Amazon ECS and AWS Lambda deployments only)" of AWS's CodeDeploy
User Guide, which writes keys in small letters; other writers do not, so letters of both sizes are
read.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

# Of a RevisionLocation: its member with the text, by revisionType.
_TEXTS = {"AppSpecContent": "appSpecContent", "String": "string"}
_NUMBER = re.compile(r"[1-9][0-9]*")
# YAML of one resource, without a parser, which is not in the image.
_YAML = re.compile(
    r"""(?imx) (?:^|[\s{,]) ["']? (name|alias|targetversion) ["']? [ \t]*:[ \t]+
    ["']? ([\w:$-]+) ["']? [ \t]* (?=[,}#\r\n]|\Z)"""
)
# Creators, by CodeDeploy's API, of deployments that bring the version before back.
_GO_BACK = ("codeDeployRollback", "CloudFormationRollback")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deployment:
    """target: the version to which it moves the alias, None where it does not tell."""

    target: str | None
    goes_back: bool


def read_deployment(client: Any, deployment: object, function: str, alias: str) -> Deployment:
    """What a deployment does with the function's alias. client: of CodeDeploy. It raises nothing: a
    hook goes on without."""
    goes_back = False
    try:
        answer = client.get_deployment(deploymentId=deployment)
        goes_back = answer["deploymentInfo"].get("creator") in _GO_BACK
        revision = answer["deploymentInfo"]["revision"]
        text = revision[_TEXTS[revision["revisionType"]]]["content"]
        found = {
            target
            for name, moved, target in _moves(text)
            if (name, moved) == (function, alias) and _NUMBER.fullmatch(target)
        }
        if len(found) != 1:
            raise ValueError(f"{len(found)} versions for {function}:{alias} in {text[:300]!r}")
        return Deployment(found.pop(), goes_back)
    except (ClientError, BotoCoreError, AttributeError, KeyError, TypeError, ValueError) as error:
        logger.warning(
            "which version deployment %s releases is not known from CodeDeploy: %s: %s",
            *(deployment, type(error).__name__, error),
        )
        return Deployment(None, goes_back)


def _moves(text: str) -> Iterator[tuple[str, str, str]]:
    """Function, alias and target version of each resource. Raises TypeError and ValueError."""
    try:
        spec = json.loads(text)
    except ValueError:
        yield from _yaml_moves(text)
        return
    for named in _small(spec).get("resources") or []:
        for resource in dict(named).values():
            yield _move(_small(_small(resource).get("properties")))


def _yaml_moves(text: str) -> Iterator[tuple[str, str, str]]:
    found = [(key.lower(), value) for key, value in _YAML.findall(text)]
    if len(found) == len(dict(found)):  # of more than one resource, it would mix them up
        yield _move(dict(found))


def _small(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{str(value)[:100]!r} is no object")
    return {str(key).lower(): each for key, each in value.items()}


def _move(properties: Mapping[str, Any]) -> tuple[str, str, str]:
    name, alias, target = (
        str(properties.get(key) or "").rpartition(":")[2]  # of an ARN, its end
        for key in ("name", "alias", "targetversion")
    )
    return name, alias, target
