"""The values of a template's parameters, as CreateChangeSet, CreateStack and UpdateStack take
them.

UsePreviousValue keeps what the stack has. A parameter that is not named gets the template's
default, even where the stack has another value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.rehearsal.account import ACCOUNT, PARTITION, AwsError, UnknownError
from scripts.rehearsal.cloudformation.intrinsics import Scope

TYPES = ("String", "Number", "CommaDelimitedList", "List<Number>")


def texts(
    template: Mapping[str, Any],
    given: Sequence[Mapping[str, Any]],
    previous: Mapping[str, str] | None,
) -> dict[str, str]:
    """Each parameter's text. previous: those of the stack, None for a new one.

    Raises AwsError as CloudFormation refuses a parameter.
    """
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    asked = {each["ParameterKey"]: each for each in given}
    if extra := [name for name in asked if name not in declared]:
        raise _refused(f"Parameters: [{', '.join(extra)}] do not exist in the template")
    found: dict[str, str] = {}
    for name, parameter in declared.items():
        entry = asked.get(name, {})
        if entry.get("UsePreviousValue"):
            if previous is None or name not in previous:
                raise _refused(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as"
                    " true for a parameter key not in the previous template"
                )
            found[name] = previous[name]
        elif "ParameterValue" in entry:
            found[name] = entry["ParameterValue"]
        elif "Default" in parameter:
            found[name] = _text(parameter["Default"])
    if missing := [name for name in declared if name not in found]:
        raise _refused(f"Parameters: [{', '.join(missing)}] must have values")
    for name, text in found.items():
        _check(name, text, declared[name])
    return found


def values(template: Mapping[str, Any], found: Mapping[str, str]) -> dict[str, Any]:
    """What Ref gives: a text, or the texts of a list."""
    declared = template.get("Parameters") or {}
    return {
        name: [part.strip() for part in text.split(",")]
        if "List" in declared[name]["Type"]
        else text
        for name, text in found.items()
    }


def pseudo(region: str, stack_name: str, stack_id: str) -> dict[str, Any]:
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::Region": region,
        "AWS::Partition": PARTITION,
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::StackName": stack_name,
        "AWS::StackId": stack_id,
        "AWS::NotificationARNs": [],
    }


def check_rules(template: Mapping[str, Any], scope: Scope) -> None:
    """Raises AwsError for the first assertion of the template's rules that does not hold."""
    for name, rule in (template.get("Rules") or {}).items():
        if scope.resolve(rule.get("RuleCondition", True)) not in (True, "true"):
            continue
        for assertion in rule["Assertions"]:
            if scope.resolve(assertion["Assert"]) not in (True, "true"):
                said = assertion.get("AssertDescription", "no description")
                raise _refused(f"Template error: rule {name} is violated: {said}")


def _check(name: str, text: str, parameter: Mapping[str, Any]) -> None:
    kind = parameter["Type"]
    if kind not in TYPES:
        raise UnknownError(f"parameters of type {kind}")
    said = parameter.get("ConstraintDescription")
    if kind == "Number":
        try:
            number = float(text)
        except ValueError:
            raise _refused(f"Parameter '{name}' must be a number.") from None
        if number < float(parameter.get("MinValue", number)):
            raise _broken(name, said or f"must be at least {parameter['MinValue']}")
        if number > float(parameter.get("MaxValue", number)):
            raise _broken(name, said or f"must be at most {parameter['MaxValue']}")
    if "AllowedValues" in parameter:
        allowed = [_text(each) for each in parameter["AllowedValues"]]
        for part in text.split(",") if "List" in kind else [text]:
            if part.strip() not in allowed:
                raise _broken(name, said or f"must be one of [{', '.join(allowed)}]")
    pattern = parameter.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, text):
        raise _broken(name, said or f"must match pattern {pattern}")
    if not int(parameter.get("MinLength", 0)) <= len(text) <= int(parameter.get("MaxLength", 4096)):
        raise _broken(name, said or "has a length that is not allowed")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def _refused(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def _broken(name: str, said: str) -> AwsError:
    return _refused(f"Parameter '{name}' failed to satisfy constraint: {said}")
