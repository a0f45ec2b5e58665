"""What a template means for a stack: resolved resources, their order, and what would change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scripts.rehearsal.account import AwsError
from scripts.rehearsal.cloudformation import parameters, schemas
from scripts.rehearsal.cloudformation.intrinsics import Scope
from scripts.rehearsal.cloudformation.stack import Resource, Source, Stack

POLICIES = ("DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy")
Definitions = dict[str, dict[str, Any]]


def scope(source: Source, stack: Stack, region: str, made: Mapping[str, Resource] | None) -> Scope:
    """made: the resources that are there; None leaves placeholders for them."""
    template = source.template

    def ref(name: str) -> Any:
        if made is None:
            return f"<{name}>"
        return _of(made, name).physical_id

    def attribute(name: str, wanted: str) -> Any:
        if made is None:
            return f"<{name}.{wanted}>"
        found = _of(made, name)
        if wanted not in found.attributes:
            raise AwsError(
                "ValidationError",
                f"the stand-in has no attribute {wanted} of {found.kind} ({name})",
            )
        return found.attributes[wanted]

    return Scope(
        parameters.values(template, source.texts) | parameters.pseudo(region, stack.name, stack.id),
        template.get("Conditions") or {},
        template.get("Mappings") or {},
        template["Resources"],
        ref,
        attribute,
    )


def _of(made: Mapping[str, Resource], name: str) -> Resource:
    if name not in made:
        raise AwsError("ValidationError", f"the resource {name} is not there: its condition fails")
    return made[name]


def definitions(
    source: Source, stack: Stack, region: str
) -> tuple[Definitions, dict[str, set[str]]]:
    """The resources whose conditions hold, with placeholders for each other; and which each needs.

    Raises AwsError for what cannot be resolved.
    """
    found: Definitions = {}
    needs: dict[str, set[str]] = {}
    names = scope(source, stack, region, None)
    for name, resource in source.template["Resources"].items():
        if "Condition" in resource and not names.holds(resource["Condition"]):
            continue
        names.used.clear()
        found[name] = {
            "Type": resource["Type"],
            "Properties": names.resolve(resource.get("Properties") or {}),
            **{key: names.resolve(resource[key]) for key in POLICIES if key in resource},
        }
        after = resource.get("DependsOn") or []
        needs[name] = names.used - {name} | set([after] if isinstance(after, str) else after)
    for name, others in needs.items():
        if absent := others - found.keys():
            raise AwsError(
                "ValidationError",
                "Template format error: Unresolved resource dependencies "
                f"[{', '.join(sorted(absent))}] in the resource {name}",
            )
    names.used.clear()
    for output in (source.template.get("Outputs") or {}).values():
        if "Condition" not in output or names.holds(output["Condition"]):
            names.resolve(output["Value"])
    return found, needs


def in_order(needs: Mapping[str, set[str]]) -> list[str]:
    """Names, each after those that it needs. Raises AwsError for a circle."""
    left = {name: set(others) for name, others in needs.items()}
    order: list[str] = []
    while left:
        ready = [name for name, others in left.items() if not others - set(order)]
        if not ready:
            raise AwsError(
                "ValidationError",
                f"Circular dependency between resources: [{', '.join(sorted(left))}]",
            )
        order += ready
        for name in ready:
            del left[name]
    return order


def changes(stack: Stack, new: Source, region: str) -> list[dict[str, Any]]:
    """A change set's changes. A resource that refers to a changed one changes with it, perhaps."""
    old_found, _ = definitions(stack.source, stack, region)
    found, needs = definitions(new, stack, region)
    listed: dict[str, dict[str, Any]] = {}
    for name in in_order(needs):
        kind = found[name]["Type"]
        if name not in old_found:
            listed[name] = _change("Add", name, kind)
        elif _text(old_found[name]) != _text(found[name]) or _replaced(listed, needs[name]):
            physical = stack.resources[name].physical_id if name in stack.resources else None
            before, after = (each[name]["Properties"] for each in (old_found, found))
            replaces = old_found[name]["Type"] != kind or schemas.needs_replacement(
                kind, before, after, region
            )
            listed[name] = _change("Modify", name, kind, physical, "True" if replaces else "False")
    for name, resource in stack.resources.items():
        if name not in found:
            listed[name] = _change("Remove", name, resource.kind, resource.physical_id)
    return [{"Type": "Resource", "ResourceChange": each} for each in listed.values()]


def differs(stack: Stack, new: Source, region: str) -> bool:
    """Whether anything changes: resources, outputs or tags. Texts of parameters alone do not."""
    if changes(stack, new, region) or stack.source.tags != new.tags:
        return True
    return _outputs(stack.source, stack, region) != _outputs(new, stack, region)


def outputs(source: Source, names: Scope) -> list[dict[str, str]]:
    found = []
    for key, output in (source.template.get("Outputs") or {}).items():
        if "Condition" in output and not names.holds(output["Condition"]):
            continue
        said = {"OutputKey": key, "OutputValue": str(names.resolve(output["Value"]))}
        if "Description" in output:
            said["Description"] = output["Description"]
        found.append(said)
    return found


def _outputs(source: Source, stack: Stack, region: str) -> list[dict[str, str]]:
    return outputs(source, scope(source, stack, region, None))


def _replaced(listed: Mapping[str, dict[str, Any]], names: set[str]) -> bool:
    """Whether one of these gets, or may get, another physical id."""
    return any(listed.get(name, {}).get("Replacement") == "True" for name in names)


def _change(
    action: str, name: str, kind: str, physical: str | None = None, replacement: str | None = None
) -> dict[str, Any]:
    made: dict[str, Any] = {"Action": action, "LogicalResourceId": name, "ResourceType": kind}
    if physical:
        made["PhysicalResourceId"] = physical
    return made | ({"Replacement": replacement} if replacement else {})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
