"""Templates as they are written: JSON, or YAML with CloudFormation's short forms."""

from __future__ import annotations

from typing import Any

import yaml  # type: ignore[import-untyped]

from scripts.rehearsal.account import AwsError, UnknownError

SECTIONS = {
    *("AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Rules"),
    *("Mappings", "Conditions", "Resources", "Outputs", "Globals"),
}
Template = dict[str, Any]


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """!Ref A is {"Ref": "A"}, !GetAtt A.B is {"Fn::GetAtt": ["A", "B"]}. Dates stay texts."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _short_form)
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in resolvers if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> Template:
    """Raises AwsError for what is no template, or has a section that the stand-in doesn't know."""
    try:
        template = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise AwsError("ValidationError", f"Template format error: {error}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise AwsError(
            "ValidationError",
            "Template format error: At least one Resources member must be defined.",
        )
    if unknown := template.keys() - SECTIONS:
        raise UnknownError(f"a template's section {', '.join(sorted(map(str, unknown)))}")
    return template
