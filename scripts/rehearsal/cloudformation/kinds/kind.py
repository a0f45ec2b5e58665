"""What a type of resource can do, and what it gets to do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from scripts.rehearsal.account import token
from scripts.rehearsal.cloudformation.stack import Resource

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A resource to make or to change."""

    stack_name: str
    stack_id: str
    logical_id: str
    properties: Properties
    update_policy: Mapping[str, Any] = field(default_factory=dict)
    is_rollback: bool = False

    def name(self, given: str, longest: int = 64) -> str:
        """The property `given`, or a name as CloudFormation makes one."""
        if given in self.properties:
            return str(self.properties[given])
        random = token(12)
        return f"{self.stack_name}-{self.logical_id}"[: longest - 13] + f"-{random}"

    def tags(self) -> list[dict[str, str]]:
        """The resource's tags, with CloudFormation's own, in its form of a list."""
        given = self.properties.get("Tags") or []
        if isinstance(given, Mapping):
            given = [{"Key": key, "Value": value} for key, value in given.items()]
        ours = {
            "aws:cloudformation:stack-name": self.stack_name,
            "aws:cloudformation:stack-id": self.stack_id,
            "aws:cloudformation:logical-id": self.logical_id,
        }
        return [
            *({"Key": str(tag["Key"]), "Value": str(tag["Value"])} for tag in given),
            *({"Key": key, "Value": value} for key, value in ours.items()),
        ]


@dataclass(frozen=True)
class Made:
    """physical_id: what Ref gives. attributes: what GetAtt gives."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


class Kind(Protocol):
    """A type of resource. Refusals are AwsError or botocore's ClientError."""

    def create(self, call: Call) -> Made: ...

    def update(self, call: Call, old: Resource) -> Made: ...

    def delete(self, resource: Resource) -> None: ...


def is_true(value: Any) -> bool:
    """A boolean of a template, which may be a text."""
    return value is True or value == "true"
