"""What CloudFormation decides from a template and its parameters: rules, conditions, values.

Only the functions that this project's template has; another raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import ROOT

TEMPLATE = ROOT / "template.yaml"
NO_VALUE = {"Ref": "AWS::NoValue"}
PSEUDO = {"AWS::Partition": "aws"}
Resources = dict[str, dict[str, Any]]


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


def load(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template as it is written; or another."""
    loaded: dict[str, Any] = yaml.load(path.read_text(), _Loader)
    return loaded


def parameters(
    template: Mapping[str, Any], given: Mapping[str, str], known: Mapping[str, str] = PSEUDO
) -> dict[str, Any]:
    """Every parameter's value; a list is made of a text with commas, as CloudFormation does.

    known: values of pseudo parameters, which CloudFormation gives.
    """
    values: dict[str, Any] = {}
    for name, parameter in template["Parameters"].items():
        text = str(given.get(name, parameter.get("Default", "")))
        is_list = parameter["Type"] == "CommaDelimitedList"
        values[name] = text.split(",") if is_list else text
    assert given.keys() <= values.keys()
    return {**values, **known}


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


def resources(
    template: Mapping[str, Any], given: Mapping[str, str], known: Mapping[str, str] = PSEUDO
) -> Resources:
    """The resources that are made, with parameters and conditions put in place; references to
    others stay."""
    values = parameters(template, given, known)
    conditions = template.get("Conditions", {})
    made = {
        name: resource
        for name, resource in template["Resources"].items()
        if _holds(resource.get("Condition"), values, conditions)
    }
    resolved: Resources = resolve(made, values, conditions)
    return resolved


def _holds(condition: str | None, values: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    return condition is None or bool(resolve(conditions[condition], values, conditions))


def of_type(resources: Resources, kind: str) -> Resources:
    """The properties of the resources of a type."""
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def only(resources: Resources, kind: str) -> dict[str, Any]:
    """The properties of the only resource of a type."""
    found = of_type(resources, kind)
    assert len(found) == 1, f"{kind}: {sorted(found)}"
    return next(iter(found.values()))


def resolve(value: Any, values: Mapping[str, Any], conditions: Mapping[str, Any]) -> Any:
    def inside(each: Any) -> Any:
        return resolve(each, values, conditions)

    if isinstance(value, list):
        return [each for each in map(inside, value) if each != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        return {
            name: kept
            for name, each in value.items()
            if (kept := each if name == "Condition" else inside(each)) != NO_VALUE
        }
    [(function, argument)] = value.items()
    if function == "Ref":
        return values.get(argument, value)
    if function == "Fn::If":
        return inside(argument[1 if inside(conditions[argument[0]]) else 2])
    if function == "Condition" and isinstance(argument, str):
        return inside(conditions[argument])
    if function in (
        *("Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"),
        *("Fn::Join", "Fn::Split", "Fn::Sub"),
    ):
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
        left = {}
        for name, given in inside(names).items():
            if isinstance(given, str):
                text = text.replace(f"${{{name}}}", given)
            else:  # known only in AWS
                left[name] = given
        return {"Fn::Sub": [text, left]} if left else text
    given = inside(argument)
    if function == "Fn::Equals":
        return str(given[0]) == str(given[1])  # a number of YAML is a text to CloudFormation
    if function == "Fn::Not":
        return not given[0]
    if function in ("Fn::And", "Fn::Or"):
        return all(given) if function == "Fn::And" else any(given)
    if isinstance(given[1], dict):  # what is known only in AWS stays as it is
        return {function: given}
    return given[0].join(given[1]) if function == "Fn::Join" else given[1].split(given[0])
