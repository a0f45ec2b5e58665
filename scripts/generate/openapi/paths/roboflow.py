"""Roboflow's hosted API (v0): /{project}/{version}."""

from __future__ import annotations

from typing import Any

from handler.routes import parameters, roboflow
from scripts.generate.openapi.elements import (
    PREDICTION_HEADERS,
    TILES_PATTERN,
    Schema,
    form_with,
    operation,
    path_parameter,
    problem_responses,
    query_parameter,
    ref,
)
from scripts.generate.openapi.schemas import DEFAULTS


def paths() -> dict[str, Any]:
    return {"/{project}/{version}": {"post": _detect()}}


def _detect() -> Schema:
    percent = {"type": "number", "minimum": 0, "maximum": 100}
    query = [
        query_parameter("confidence", percent, "least score: per cent from 1 up, a share below 1"),
        query_parameter(
            "overlap", percent, "most IoU of two boxes: per cent from 1 up, a share below"
        ),
        query_parameter(
            "classes", {"type": "string"}, "only these, with commas between; or repeated"
        ),
        query_parameter(
            "max_detections",
            {"type": "integer", "minimum": 1, "maximum": parameters.MAX_DETECTIONS},
            "",
        ),
        query_parameter("format", {"enum": ["json", "image"], "default": "json"}, ""),
        query_parameter("labels", {"type": "string"}, "true draws names, too (format=image)"),
        query_parameter(
            "stroke",
            {"type": "integer", "minimum": 1, "maximum": roboflow.MAX_STROKE_PX, "default": 1},
            "width of a box's line in px (format=image)",
        ),
        query_parameter(
            "tiles",
            {"type": "string", "pattern": TILES_PATTERN, "default": DEFAULTS.default_tiles},
            "as of POST /v1/detect; Roboflow has no such parameter",
        ),
    ]
    return operation(
        "roboflowDetect",
        "Roboflow",
        "Centre-based boxes, or the annotated picture",
        "Any project and version. The body is base64 text, a form with a file, or the bytes. Other "
        "parameters of the query only concern Roboflow, and are not read.",
        {
            200: {
                "description": "what was found",
                "headers": PREDICTION_HEADERS,
                "content": {
                    "application/json": {"schema": ref("RoboflowAnswer")},
                    "image/jpeg": {"schema": {}},
                },
            },
            **problem_responses(400, 401, 403, 404, 413, 415, 422, form="RoboflowError"),
        },
        parameters=[
            path_parameter("project", {"type": "string"}, "any"),
            path_parameter("version", {"type": "integer", "minimum": 0}, "any"),
            *query,
        ],
        body={
            "application/x-www-form-urlencoded": {
                "schema": {"type": "string", "contentEncoding": "base64"}
            },
            "text/plain": {"schema": {"type": "string", "contentEncoding": "base64"}},
            "multipart/form-data": {"schema": form_with(query)},
            "image/*": {"schema": {}},
        },
        curl="base64 photo.jpg | curl -d @- 'URL/project/1?confidence=40'",
    )
