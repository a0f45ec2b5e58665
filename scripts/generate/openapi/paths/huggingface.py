"""The Hugging Face Inference API: /hf and /models."""

from __future__ import annotations

from typing import Any

from scripts.generate.openapi.elements import (
    form_with,
    operation,
    path_parameter,
    prediction_response,
    problem_responses,
    query_parameter,
    ref,
)
from scripts.generate.openapi.paths import native


def paths() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    owner = path_parameter("owner", {"type": "string"}, "anybody")
    name = path_parameter("name", {"type": "string"}, "the model's name")
    threshold = query_parameter("threshold", {"type": "number", "minimum": 0, "maximum": 1}, "")
    for path, suffix, parameters in (
        ("/hf", "", []),
        ("/models/{name}", "OfName", [name]),
        ("/models/{owner}/{name}", "OfOwner", [owner, name]),
    ):
        operations[path] = {
            "post": operation(
                f"objectDetection{suffix}",
                "Hugging Face",
                "Object detection",
                "A picture's bytes, JSON with `inputs` and `parameters`, or a form with a file.",
                {
                    200: prediction_response(
                        "what was found", {"type": "array", "items": ref("Detection")}
                    ),
                    **problem_responses(400, 401, 403, 404, 413, 415, 422, form="HuggingFaceError"),
                },
                parameters=parameters,
                body={
                    "image/*": {"schema": {}},
                    "application/octet-stream": {"schema": {}},
                    "application/json": {"schema": ref("HuggingFaceInputs")},
                    "multipart/form-data": {"schema": form_with([threshold])},
                },
                curl="" if parameters else "curl --data-binary @photo.jpg URL/hf",
            )
        }
        operations[f"{path}/health"] = {
            "get": native.health(f"health{suffix or 'OfHuggingFace'}", "Hugging Face", parameters)
        }
    return operations
