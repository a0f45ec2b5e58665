"""OpenAPI's elements: operations, responses, parameters and object schemas as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handler import problems
from handler.detection.tiling import MAX_PER_SIDE
from handler.http import gateway
from handler.problems import Problem
from handler.routes import web

Schema = dict[str, Any]

TILES_PATTERN = f"^(none|auto|[1-{MAX_PER_SIDE}]x[1-{MAX_PER_SIDE}])$"
STORAGE_FAULTS = (500, 502, 503)  # statuses where a route waits for storage

# headers of a response to one picture, in any dialect
PREDICTION_HEADERS = {
    gateway.PREDICTION_ID: {
        "description": "what feedback on it is given by", "schema": {"type": "string"}
    }
}  # fmt: skip


def operation(
    name: str, tag: str, summary: str, description: str, responses: Mapping[int, Schema], *,
    parameters: list[Schema] | None = None, body: Schema | None = None, is_open: bool = False,
    curl: str = "",
) -> Schema:  # fmt: skip
    """One operation. curl: an example call, with URL in place of the API's; the key's header is
    added where the operation takes one."""
    element: Schema = {"operationId": name, "tags": [tag], "summary": summary}
    if description:
        element["description"] = description
    if is_open:
        element["security"] = []
    if parameters:
        element["parameters"] = parameters
    if body:
        element["requestBody"] = {"required": True, "content": body}
    element["responses"] = {str(status): each for status, each in sorted(responses.items())}
    if curl:
        call = curl if is_open else curl.replace("curl ", "curl -H 'x-api-key: KEY' ", 1)
        element["x-codeSamples"] = [
            {"lang": "Shell", "source": call.replace("URL/", f"{web.API_URL}/")}
        ]
    return element


def json_response(description: str, schema: Schema, example: object = None) -> Schema:
    content: Schema = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {"application/json": content}}


def prediction_response(description: str, schema: Schema) -> Schema:
    """A JSON response with the prediction's id in its headers."""
    return {"headers": PREDICTION_HEADERS, **json_response(description, schema)}


def problem_responses(*statuses: int, form: str = "") -> dict[int, Schema]:
    """Problems by status. form: the schema of a dialect's errors; empty for problem+json."""
    responses = {}
    for status in statuses:
        content: Schema = {}
        if form and status < 500:
            content["application/json"] = {"schema": ref(form)}
        if not form or status == 404 or status >= 500:  # a path without a route has no dialect
            content[problems.MEDIA_TYPE] = {"schema": ref("Problem")}
        responses[status] = {"description": "; ".join(_titles(status)), "content": content}
        if status == 401:
            responses[status]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        if status == 503:
            responses[status]["headers"] = {
                "Retry-After": {"description": "in s", "schema": {"type": "integer"}}
            }
    return responses


def _titles(status: int) -> list[str]:
    return list(
        dict.fromkeys(
            each.title for each in problem_types() if getattr(each, "status", 0) == status
        )
    )


def problem_types() -> list[type[Problem]]:
    """Every subclass of Problem, breadth first."""
    types: list[type[Problem]] = []
    queue = list(Problem.__subclasses__())
    while queue:
        problem_type = queue.pop(0)
        types.append(problem_type)
        queue += problem_type.__subclasses__()
    return types


def query_parameter(
    name: str, schema: Schema, description: str, *, explode: bool = True, required: bool = False
) -> Schema:
    element: Schema = {"name": name, "in": "query", "schema": schema}
    if description:
        element["description"] = description
    if required:
        element["required"] = True
    return element if explode else {**element, "style": "form", "explode": False}


def form_with(parameters: Sequence[Schema]) -> Schema:
    """A form with files, whose other fields are these parameters of a query."""
    return {
        "allOf": [
            ref("FormWithFiles"),
            {
                "type": "object",
                "properties": {each["name"]: each["schema"] for each in parameters},
                "description": "fields are parameters as the query's are",
            },
        ]
    }


def path_parameter(name: str, schema: Schema, description: str) -> Schema:
    element: Schema = {"name": name, "in": "path", "required": True, "schema": schema}
    return {**element, "description": description} if description else element


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def object_schema(
    properties: Mapping[str, Schema],
    *,
    required: Sequence[str] | None = None,
    description: str = "",
) -> Schema:
    """An object without further members. required: all members by default."""
    element: Schema = {
        "type": "object",
        "required": list(properties if required is None else required),
        "properties": dict(properties),
        "additionalProperties": False,
    }
    if not element["required"]:
        del element["required"]
    return {**element, "description": description} if description else element
