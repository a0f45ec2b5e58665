"""What CloudFormation decides from a template and its parameters: rules, conditions, values.

Only the functions that this project's template has; another raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from tests.support.paths import ROOT

TEMPLATE = ROOT / "template.yaml"
NO_VALUE = {"Ref": "AWS::NoValue"}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: !Ref A is {"Ref": "A"}, !Sub x is {"Fn::Sub":
    "x"}."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


def load() -> dict[str, Any]:
    """The template as it is written."""
    loaded: dict[str, Any] = yaml.load(TEMPLATE.read_text(), _Loader)
    return loaded


def parameters(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Every parameter's value; a list is made of a text with commas, as CloudFormation does."""
    values = {}
    for name, parameter in template["Parameters"].items():
        text = str(given.get(name, parameter.get("Default", "")))
        is_list = parameter["Type"] == "CommaDelimitedList"
        values[name] = text.split(",") if is_list else text
    assert given.keys() <= values.keys()
    return values


def broken_rules(template: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    """The descriptions of the assertions that refuse a deployment with these parameters."""
    values = parameters(template, given)
    return [
        assertion["AssertDescription"]
        for rule in template["Rules"].values()
        if resolve(rule.get("RuleCondition", True), values, {})
        for assertion in rule["Assertions"]
        if not resolve(assertion["Assert"], values, {})
    ]


def resources(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The resources with parameters and conditions put in place; references to others stay."""
    values = parameters(template, given)
    conditions = template.get("Conditions", {})
    resolved: dict[str, dict[str, Any]] = resolve(template["Resources"], values, conditions)
    return resolved


def resolve(value: Any, values: Mapping[str, Any], conditions: Mapping[str, Any]) -> Any:
    def inside(each: Any) -> Any:
        return resolve(each, values, conditions)

    if isinstance(value, list):
        return [each for each in map(inside, value) if each != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        return {name: kept for name, each in value.items() if (kept := inside(each)) != NO_VALUE}
    [(function, argument)] = value.items()
    if function == "Ref":
        return values.get(argument, value)
    if function == "Fn::If":
        return inside(argument[1 if inside(conditions[argument[0]]) else 2])
    if function in ("Fn::Equals", "Fn::Not", "Fn::Or", "Fn::Join", "Fn::Split", "Fn::Sub"):
        return _call(function, value, argument, inside)
    if function.startswith("Fn::") and function != "Fn::GetAtt":
        raise NotImplementedError(function)
    kept = inside(argument)
    return {} if kept == NO_VALUE else {function: kept}


def _call(function: str, value: dict[str, Any], argument: Any, inside: Any) -> Any:
    if function == "Fn::Sub":
        if isinstance(argument, str):
            return value
        text, names = argument
        for name, given in inside(names).items():
            text = text.replace(f"${{{name}}}", given)
        return text
    given = inside(argument)
    if function == "Fn::Equals":
        return given[0] == given[1]
    if function == "Fn::Not":
        return not given[0]
    if function == "Fn::Or":
        return any(given)
    return given[0].join(given[1]) if function == "Fn::Join" else given[1].split(given[0])
