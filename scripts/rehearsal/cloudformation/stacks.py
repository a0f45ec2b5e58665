"""The stacks of a region, by name and by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.rehearsal.account import AwsError
from scripts.rehearsal.cloudformation.stack import DELETED, ChangeSet, Stack


class Stacks:
    """all: deleted ones, too, which are found by id alone."""

    def __init__(self) -> None:
        self.all: list[Stack] = []

    def by_name(self, name: str) -> Stack | None:
        """The stack of that name that is not deleted, or of that id."""
        for stack in reversed(self.all):
            if name == stack.id or (name == stack.name and stack.status != DELETED):
                return stack
        return None

    def get(self, name: str) -> Stack:
        """Raises AwsError for one that does not exist, in the words that tools look for."""
        if not (found := self.by_name(name)):
            raise AwsError("ValidationError", f"Stack with id {name} does not exist")
        return found

    def change_set(self, asked: Mapping[str, Any]) -> tuple[Stack, ChangeSet]:
        """The one that a request names, by name or id. Raises AwsError."""
        name = asked["ChangeSetName"]
        stacks = [self.get(asked["StackName"])] if "StackName" in asked else self.all
        for stack in stacks:
            for each in stack.change_sets.values():
                if name in (each.name, each.id):
                    return stack, each
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
