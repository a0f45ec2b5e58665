"""Gradio: version 2's /api/predict, and the queue that today's clients use."""

from __future__ import annotations

from typing import Any

from handler.routes.gradio import queue
from scripts.generate.openapi.elements import (
    STORAGE_FAULTS,
    Schema,
    json_response,
    operation,
    path_parameter,
    prediction_response,
    problem_responses,
    query_parameter,
    ref,
)

# statuses of the problems that a request may meet; 404: without a store there is no such path
WITHOUT_BODY = (401, 403, 404)
WITH_BODY = (400, 401, 403, 404, 413)
WITH_PICTURE = (400, 401, 403, 404, 413, 415, 422)


def paths() -> dict[str, Any]:
    return {**_gradio_2(), **_gradio_queue()}


def _gradio_2() -> dict[str, Any]:
    return {
        path: {
            "post": operation(
                name,
                "Gradio 2",
                "The annotated picture and the count",
                "`data` has the picture alone, or picture, show labels, show boxes and threshold.",
                {
                    200: prediction_response(
                        "a PNG as data URI, and the count", ref("Gradio2Answer")
                    ),
                    **problem_responses(400, 401, 403, 413, 415, 422, form="Gradio2Error"),
                },
                body={"application/json": {"schema": ref("Gradio2Data")}},
            )
        }
        for path, name in (("/api/predict", "predict"), ("/+/api/predict", "predictOfSpacesPage"))
    }


def _gradio_queue() -> dict[str, Any]:
    """Paths that libraries use, so with less detail than those that people read about."""
    anything = {"type": "object"}
    event = prediction_response(
        "the event",
        {
            "type": "object",
            "required": ["event_id"],
            "properties": {"event_id": {"type": "string"}},
        },
    )
    stream = {
        "description": "the outcome",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"data": {"type": "string"}, "event": {"type": "string"}},
                }
            }
        },
    }
    data = {"application/json": {"schema": ref("GradioData")}}

    def make_path(
        method: str,
        name: str,
        summary: str,
        success: Schema,
        problems: tuple[int, ...],
        body: Schema | None = None,
        parameters: list[Schema] | None = None,
    ) -> Schema:
        if name not in ("gradioConfig", "gradioInfo"):
            problems = (*problems, *STORAGE_FAULTS)
        responses = {200: success, **problem_responses(*problems, form="GradioError")}
        return {
            method: operation(
                name, "Gradio", summary, "", responses, body=body, parameters=parameters
            )
        }

    session = query_parameter(
        "session_hash", {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}, "", required=True
    )
    file = [
        path_parameter("file_id", {"type": "string"}, ""),
        path_parameter("name", {"type": "string"}, ""),
    ]
    return {
        queue.CONFIG: make_path(
            "get",
            "gradioConfig",
            "The app as clients want it described",
            json_response("the app", anything),
            WITHOUT_BODY,
        ),
        queue.INFO: make_path(
            "get",
            "gradioInfo",
            "What /predict takes and gives",
            json_response("its parameters and returns", anything),
            WITHOUT_BODY,
        ),
        queue.UPLOAD: make_path(
            "post",
            "gradioUpload",
            "Keep a picture's file for a day",
            json_response("its path", {"type": "array", "items": {"type": "string"}}),
            WITH_BODY,
            body={"multipart/form-data": {"schema": ref("FormWithFiles")}},
        ),
        queue.JOIN: make_path(
            "post",
            "gradioJoin",
            "Predict; the session's stream tells the outcome",
            event,
            WITH_BODY,
            body=data,
        ),
        queue.DATA: make_path(
            "get",
            "gradioData",
            "The session's outcomes",
            stream,
            (400, *WITHOUT_BODY),
            parameters=[session],
        ),
        queue.RUN: make_path(
            "post",
            "gradioRun",
            "Predict, and answer at once",
            prediction_response("the outcome", ref("GradioOutput")),
            WITH_PICTURE,
            body=data,
        ),
        queue.CALL: make_path(
            "post",
            "gradioCall",
            "Predict; the outcome is fetched by its event",
            event,
            WITH_BODY,
            body=data,
        ),
        queue.CALL_RESULT: make_path(
            "get",
            "gradioCalled",
            "The outcome of a call, once",
            stream,
            WITHOUT_BODY,
            parameters=[path_parameter("event_id", {"type": "string"}, "")],
        ),
        queue.FILE: make_path(
            "get",
            "gradioFile",
            "An annotated picture",
            {"description": "it", "content": {"image/jpeg": {"schema": {}}}},
            WITHOUT_BODY,
            parameters=file,
        ),
    }
