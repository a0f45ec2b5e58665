"""CloudFormation's functions: what a value of a template is, given parameters and resources."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.rehearsal.account import AwsError, UnknownError

NO_VALUE = object()
VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
ESCAPED = re.compile(r"\$\{!([^}]+)\}")


@dataclass
class Scope:
    """What names mean. ref and attribute answer for resources; `used` gathers the resources that a
    value refers to."""

    values: Mapping[str, Any]  # parameters and pseudo parameters
    conditions: Mapping[str, Any]  # as the template writes them
    mappings: Mapping[str, Any]
    resources: Mapping[str, Any]
    ref: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    used: set[str] = field(default_factory=set)
    _held: dict[str, bool] = field(default_factory=dict)

    def holds(self, condition: str) -> bool:
        if condition not in self._held:
            if condition not in self.conditions:
                raise AwsError(
                    "ValidationError", f"Template error: unresolved condition {condition}"
                )
            self._held[condition] = _truth(self.resolve(self.conditions[condition]))
        return self._held[condition]

    def resolve(self, value: Any) -> Any:
        """The value; NO_VALUE where it is AWS::NoValue."""
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return self._ref(argument)
            if function == "Condition" and isinstance(argument, str):
                return self.holds(argument)
            if isinstance(function, str) and function.startswith("Fn::"):
                return self._call(function[4:], argument)
        resolved = {name: self.resolve(each) for name, each in value.items()}
        return {name: each for name, each in resolved.items() if each is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.values:
            return self.values[name]
        if name not in self.resources:
            raise AwsError(
                "ValidationError",
                f"Template format error: Unresolved resource dependencies [{name}]",
            )
        self.used.add(name)
        return self.ref(name)

    def _attribute(self, name: str, attribute: str) -> Any:
        if name not in self.resources:
            raise AwsError(
                "ValidationError", f"Template error: instance of Fn::GetAtt references {name}"
            )
        self.used.add(name)
        return self.attribute(name, attribute)

    def _call(self, function: str, argument: Any) -> Any:
        if function == "If":
            name, then, otherwise = argument
            return self.resolve(then if self.holds(name) else otherwise)
        if function == "GetAtt":
            name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
            return self._attribute(name, self.resolve(attribute))
        if function == "Sub":
            return self._sub(argument)
        if function not in _FUNCTIONS:
            raise UnknownError(f"the function Fn::{function}")
        if function == "FindInMap":
            return self._find(*self.resolve(argument))
        return _FUNCTIONS[function](self.resolve(argument))

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})
        given = self.resolve(given)

        def replace(found: re.Match[str]) -> str:
            name = found[1].strip()
            if name in given:
                value = given[name]
            elif "." in name and name not in self.values:
                value = self._attribute(*name.split(".", 1))
            else:
                value = self._ref(name)
            if isinstance(value, (list, dict)):
                raise AwsError(
                    "ValidationError", f"Template error: Fn::Sub: {name} is no text: {value}"
                )
            return _text(value)

        return ESCAPED.sub(r"${\1}", VARIABLE.sub(replace, text))

    def _find(self, name: str, top: str, second: str) -> Any:
        try:
            return self.mappings[name][top][second]
        except KeyError:
            raise AwsError(
                "ValidationError",
                f"Template error: Unable to get mapping for {name}::{top}::{second}",
            ) from None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _truth(value: Any) -> bool:
    return value is True or value == "true"


def _join(argument: Any) -> str:
    separator, parts = argument
    return str(separator).join(map(_text, parts))


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "And": lambda given: all(map(_truth, given)),
    "Or": lambda given: any(map(_truth, given)),
    "Not": lambda given: not _truth(given[0]),
    "Equals": lambda given: _plain(given[0]) == _plain(given[1]),
    "Join": _join,
    "Split": lambda given: given[1].split(given[0]),
    "Select": lambda given: given[1][int(given[0])],
    "Base64": lambda given: base64.b64encode(given.encode()).decode(),
    "Contains": lambda given: given[1] in given[0],
    "EachMemberEquals": lambda given: all(each == given[1] for each in given[0]),
    "EachMemberIn": lambda given: all(each in given[1] for each in given[0]),
    "FindInMap": lambda given: given,
}


def _plain(value: Any) -> Any:
    """Numbers and booleans of YAML are texts to CloudFormation."""
    return [_text(each) for each in value] if isinstance(value, list) else _text(value)
