"""What operations and schemas are made of, as OpenAPI has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handler import problems
from handler.http import gateway
from handler.problems import Problem

Schema = dict[str, Any]

# of an answer that is one prediction, in any dialect
PREDICTED = {
    gateway.PREDICTION_ID: {
        "description": "what feedback on it is given by", "schema": {"type": "string"}
    }
}  # fmt: skip


def operation(
    name: str, tag: str, summary: str, description: str, responses: Mapping[int, Schema], *,
    parameters: list[Schema] | None = None, body: Schema | None = None, is_open: bool = False,
    curl: str = "",
) -> Schema:  # fmt: skip
    """One operation. curl: a call, shown beside it; URL stands for the API's."""
    made: Schema = {"operationId": name, "tags": [tag], "summary": summary}
    if description:
        made["description"] = description
    if is_open:
        made["security"] = []
    if parameters:
        made["parameters"] = parameters
    if body:
        made["requestBody"] = {"required": True, "content": body}
    made["responses"] = {str(status): each for status, each in sorted(responses.items())}
    if curl:
        made["x-codeSamples"] = [{"lang": "Shell", "source": curl}]
    return made


def answer(description: str, schema: Schema, example: object = None) -> Schema:
    content: Schema = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {"application/json": content}}


def predicted(description: str, schema: Schema) -> Schema:
    return {"headers": PREDICTED, **answer(description, schema)}


def refused(*statuses: int, form: str = "") -> dict[int, Schema]:
    """Problems by status: problem+json, or a dialect's own form by its schema's name."""
    made = {}
    for status in statuses:
        content: Schema = {}
        if form:
            content["application/json"] = {"schema": ref(form)}
        if not form or status == 404:  # no dialect's own where no route is found at all
            content[problems.MEDIA_TYPE] = {"schema": ref("Problem")}
        made[status] = {"description": "; ".join(_titles(status)), "content": content}
        if status == 401:
            made[status]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return made


def _titles(status: int) -> list[str]:
    return list(dict.fromkeys(each.title for each in kinds() if each.status == status))


def kinds() -> list[type[Problem]]:
    """Every Problem, from the tree's top down."""
    found: list[type[Problem]] = []
    waiting = list(Problem.__subclasses__())
    while waiting:
        each = waiting.pop(0)
        found.append(each)
        waiting += each.__subclasses__()
    return found


def query(
    name: str, schema: Schema, description: str, *, explode: bool = True, required: bool = False
) -> Schema:
    made: Schema = {"name": name, "in": "query", "schema": schema}
    if description:
        made["description"] = description
    if required:
        made["required"] = True
    return made if explode else {**made, "style": "form", "explode": False}


def path_parameter(name: str, schema: Schema, description: str) -> Schema:
    made: Schema = {"name": name, "in": "path", "required": True, "schema": schema}
    return {**made, "description": description} if description else made


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def closed(
    properties: Mapping[str, Schema],
    *,
    required: Sequence[str] | None = None,
    description: str = "",
) -> Schema:
    """An object of just these members, all of them required unless told."""
    made: Schema = {
        "type": "object",
        "required": list(properties if required is None else required),
        "properties": dict(properties),
        "additionalProperties": False,
    }
    if not made["required"]:
        del made["required"]
    return {**made, "description": description} if description else made
