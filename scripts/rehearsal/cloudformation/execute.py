"""Change a stack: make, change and delete its resources, and go back where one fails.

An update goes through the new template's resources in the order of their references. Old ones are
deleted once all new ones stand, as CloudFormation does in its cleanup. Where a resource fails,
those changed before it are given back their old properties, and new ones are deleted.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.rehearsal.account import AwsError, UnknownError
from scripts.rehearsal.cloudformation import plan, schemas
from scripts.rehearsal.cloudformation.kinds import Call, Kind
from scripts.rehearsal.cloudformation.stack import DELETED, Resource, Source, Stack
from scripts.tool import ToolError

REFUSALS = (AwsError, ClientError, BotoCoreError, ToolError)


class _FailedError(Exception):
    """A resource could not be made; the reason is in the events."""


class Executor:
    """Works on the stacks of a region with the kinds of resources that the stand-in knows."""

    def __init__(
        self, region: str, kinds: Mapping[str, Kind], stop_shift: Callable[[str], None]
    ) -> None:
        """stop_shift: stops what CodeDeploy does for the stack of a name."""
        self._region = region
        self._kinds = kinds
        self._stop_shift = stop_shift

    def create(self, stack: Stack, source: Source, keep_failed: bool) -> None:
        """keep_failed: DisableRollback, which leaves what stands."""
        self._guarded(stack, lambda: self._create(stack, source, keep_failed), "ROLLBACK_FAILED")

    def update(self, stack: Stack, source: Source, keep_failed: bool) -> None:
        self._guarded(
            stack, lambda: self._update(stack, source, keep_failed), "UPDATE_ROLLBACK_FAILED"
        )

    def delete(self, stack: Stack, retained: set[str]) -> None:
        """retained: resources to leave, as RetainResources says after a deletion that failed."""
        self._guarded(stack, lambda: self._delete(stack, retained), "DELETE_FAILED")

    def cancel(self, stack: Stack) -> None:
        """Let an update fail at its next resource, or at once where it waits for CodeDeploy."""
        stack.is_cancelled = True
        self._stop_shift(stack.name)

    def _create(self, stack: Stack, source: Source, keep_failed: bool) -> None:
        stack.source = source
        try:
            self._apply(stack, source, {})
        except _FailedError as error:
            if keep_failed:
                stack.say("CREATE_FAILED", str(error))
                return
            stack.say("ROLLBACK_IN_PROGRESS", str(error))
            left = self._remove(stack, [*stack.resources], is_rollback=True)
            stack.say("ROLLBACK_FAILED" if left else "ROLLBACK_COMPLETE", left)
            return
        self._finish(stack, source)
        stack.say("CREATE_COMPLETE")

    def _update(self, stack: Stack, source: Source, keep_failed: bool) -> None:
        old_source, old = stack.source, dict(stack.resources)
        stack.updated, stack.is_cancelled = datetime.now(UTC), False
        try:
            kept = self._apply(stack, source, old)
            self._finish(stack, source)
        except _FailedError as error:
            if keep_failed:
                stack.say("UPDATE_FAILED", str(error))
                return
            stack.say("UPDATE_ROLLBACK_IN_PROGRESS", str(error))
            self._go_back(stack, old_source, old)
            return
        stack.say("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up(stack, old, kept)
        stack.say("UPDATE_COMPLETE")

    def _delete(self, stack: Stack, retained: set[str]) -> None:
        for name in retained:
            stack.resources.pop(name, None)
        if left := self._remove(stack, [*stack.resources], is_rollback=False):
            stack.say("DELETE_FAILED", left)
            return
        stack.deleted = datetime.now(UTC)
        stack.say(DELETED)

    # -- one resource after the other

    def _apply(self, stack: Stack, source: Source, old: Mapping[str, Resource]) -> set[str]:
        """Make or change each resource of the template; their names. Raises _FailedError."""
        try:
            found, needs = plan.definitions(source, stack, self._region)
            order = plan.in_order(needs)
        except AwsError as error:
            raise _FailedError(error.message) from None
        for name in order:
            if stack.is_cancelled:
                raise _FailedError("User Initiated")
            definition = self._actual(stack, source, name, found[name])
            self._put(stack, name, definition, old.get(name))
        return set(order)

    def _actual(
        self, stack: Stack, source: Source, name: str, placeholders: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The definition with the real names of other resources."""
        written = source.template["Resources"][name]
        names = plan.scope(source, stack, self._region, stack.resources)
        try:
            return {
                "Type": written["Type"],
                "Properties": names.resolve(written.get("Properties") or {}),
                **{
                    key: names.resolve(written[key]) for key in plan.POLICIES if key in placeholders
                },
            }
        except AwsError as error:
            raise self._failure(
                stack, _pending(name, written["Type"], {}), "CREATE_FAILED", error
            ) from None

    def _put(
        self, stack: Stack, name: str, definition: dict[str, Any], old: Resource | None
    ) -> None:
        kind_name, properties = definition["Type"], definition["Properties"]
        pending = _pending(name, kind_name, definition, old)
        is_change = old is not None and old.kind == kind_name
        if old and is_change and old.properties == properties:
            stack.resources[name] = replace(old, definition=definition)
            return
        verb = "UPDATE" if is_change else "CREATE"
        try:
            schemas.check(kind_name, properties, self._region)
            kind = self._kind(kind_name)
            call = Call(
                stack.name, stack.id, name, properties, definition.get("UpdatePolicy") or {}
            )
            stack.say(f"{verb}_IN_PROGRESS", None, pending)
            if old and is_change:
                if schemas.needs_replacement(kind_name, old.properties, properties, self._region):
                    stack.say(
                        "UPDATE_IN_PROGRESS",
                        "Requested update requires the creation of a new physical resource;"
                        " hence creating one.",
                        pending,
                    )
                    made = kind.create(call)
                else:
                    made = kind.update(call, old)
            else:
                made = kind.create(call)
        except REFUSALS as error:
            if old and is_change:  # perhaps half of it is done: going back covers it, too
                stack.resources[name] = replace(old, status="UPDATE_FAILED")
            raise self._failure(stack, pending, f"{verb}_FAILED", error) from None
        resource = Resource(
            *(name, kind_name, made.physical_id, properties, made.attributes, definition),
            f"{verb}_COMPLETE",
            datetime.now(UTC),
        )
        stack.resources[name] = resource
        stack.say(f"{verb}_COMPLETE", None, resource)

    def _failure(
        self, stack: Stack, resource: Resource, status: str, error: Exception
    ) -> _FailedError:
        reason = error.message if isinstance(error, AwsError) else str(error)
        stack.say(status, reason, resource)
        return _FailedError(f"The following resource(s) failed: [{resource.logical_id}].")

    # -- going back, and cleaning up

    def _go_back(self, stack: Stack, source: Source, old: Mapping[str, Resource]) -> None:
        changed = dict(stack.resources)
        failures = []
        for name, resource in old.items():
            now = changed.get(name)
            if now is None or now.physical_id != resource.physical_id:
                continue  # it was removed from the template, or replaced: the old one stands
            if now.properties != resource.properties or now.status == "UPDATE_FAILED":
                call = Call(stack.name, stack.id, name, resource.properties, {}, is_rollback=True)
                stack.say("UPDATE_IN_PROGRESS", None, resource)
                try:
                    self._kind(resource.kind).update(call, now)
                except REFUSALS as error:
                    stack.say("UPDATE_FAILED", str(error), resource)
                    failures.append(name)
                    continue
                stack.say("UPDATE_COMPLETE", None, resource)
        if failures:
            stack.say("UPDATE_ROLLBACK_FAILED", f"Failed to restore: [{', '.join(failures)}]")
            return
        stack.say("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        ids = {resource.physical_id for resource in old.values()}
        new = [name for name, each in changed.items() if each.physical_id not in ids]
        self._remove(stack, new, is_rollback=True)
        stack.source, stack.resources = source, dict(old)
        stack.say("UPDATE_ROLLBACK_COMPLETE")

    def _clean_up(self, stack: Stack, old: Mapping[str, Resource], kept: set[str]) -> None:
        """Delete what was replaced or removed. A failure leaves it, as in CloudFormation."""
        for name, resource in reversed([*old.items()]):
            if name not in kept:
                del stack.resources[name]
                self._drop(stack, resource, "DeletionPolicy", False)
            elif stack.resources[name].physical_id != resource.physical_id:
                self._drop(stack, resource, "UpdateReplacePolicy", False)

    def _remove(self, stack: Stack, names: list[str], is_rollback: bool) -> str | None:
        """Delete resources, the last made first; a text that says which could not be."""
        failures = []
        for name in reversed(names):
            if self._drop(stack, stack.resources[name], "DeletionPolicy", is_rollback):
                del stack.resources[name]
            else:
                failures.append(name)
        if not failures:
            return None
        return f"The following resource(s) failed to delete: [{', '.join(failures)}]."

    def _drop(self, stack: Stack, resource: Resource, policy: str, is_rollback: bool) -> bool:
        """Delete a resource unless its policy keeps it; whether it is gone from the stack.

        RetainExceptOnCreate keeps it but where the stack operation that made it is rolled back.
        """
        rule = resource.definition.get(policy, "Delete")
        if rule == "Retain" or (rule == "RetainExceptOnCreate" and not is_rollback):
            stack.say("DELETE_SKIPPED", None, resource)
            return True
        stack.say("DELETE_IN_PROGRESS", None, resource)
        try:
            self._kind(resource.kind).delete(resource)
        except REFUSALS as error:
            stack.say("DELETE_FAILED", str(error), resource)
            return False
        stack.say("DELETE_COMPLETE", None, resource)
        return True

    def _finish(self, stack: Stack, source: Source) -> None:
        names = plan.scope(source, stack, self._region, stack.resources)
        try:
            stack.outputs = plan.outputs(source, names)
        except AwsError as error:
            raise _FailedError(error.message) from None
        stack.source = source

    def _kind(self, name: str) -> Kind:
        if name not in self._kinds:
            raise UnknownError(f"resources of type {name}")
        return self._kinds[name]

    def _guarded(self, stack: Stack, work: Any, failed: str) -> None:
        """A fault of the stand-in leaves a stack that says so, rather than one in progress."""
        try:
            work()
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            stack.say(failed, f"the stand-in failed: {error!r}")


def _pending(
    name: str, kind: str, definition: dict[str, Any], old: Resource | None = None
) -> Resource:
    physical = old.physical_id if old and old.kind == kind else ""
    return Resource(name, kind, physical, {}, {}, definition, "", datetime.now(UTC))
