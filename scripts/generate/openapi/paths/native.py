"""The native API: /v1/detect, /v1/uploads, feedback, /v1/model and /health."""

from __future__ import annotations

from typing import Any

from handler.records import feedback
from handler.routes import detect, parameters
from handler.routes import feedback as feedback_route
from handler.routes import uploads as upload_route
from handler.storage import uploads
from scripts.generate.openapi.elements import (
    PREDICTION_HEADERS,
    STORAGE_FAULTS,
    TILES_PATTERN,
    Schema,
    form_with,
    json_response,
    operation,
    path_parameter,
    problem_responses,
    query_parameter,
    ref,
)
from scripts.generate.openapi.schemas import DEFAULTS, ID, PREDICTION, UPLOAD


def paths() -> dict[str, Any]:
    return {
        detect.PATH: {"post": _detect()},
        upload_route.PATH: {"post": _begin_upload()},
        feedback_route.PATH: {"post": _give_feedback()},
        "/v1/model": {
            "get": operation(
                "model",
                "Detect",
                "What is served",
                "The bundle's manifest: classes, thresholds, where the weights come from and what "
                "they reach.",
                {200: json_response("the manifest", ref("Manifest"))},
                curl="curl URL/v1/model",
            )
        },
        "/health": {"get": health("health", "Detect")},
    }


def _detect() -> Schema:
    query = [
        query_parameter(
            "score_threshold",
            {"type": "number", "minimum": 0, "maximum": 1},
            "keep detections that score more than this, by the four decimals that are answered; "
            "the model's own by default",
        ),
        query_parameter(
            "iou_threshold",
            {"type": "number", "minimum": 0, "maximum": 1},
            "of two boxes of a class that overlap more, the better stays",
        ),
        query_parameter(
            "max_detections",
            {"type": "integer", "minimum": 1, "maximum": parameters.MAX_DETECTIONS},
            "keep the best so many",
        ),
        query_parameter(
            "labels",
            {"type": "array", "items": {"type": "string"}},
            "only these in the answer",
            explode=False,
        ),
        query_parameter(
            "tiles",
            {"type": "string", "pattern": TILES_PATTERN, "default": DEFAULTS.default_tiles},
            "look at the picture in overlapping tiles, columns x rows, for small objects in "
            "a large picture; auto does where objects are smaller than those that the model was "
            "trained on. The default is the deployment's (DEFAULT_TILES)",
        ),
    ]
    several = f"Several are answered by a list; at most {DEFAULTS.max_pictures} (MAX_PICTURES)"
    return operation(
        "detect",
        "Detect",
        "Find and count what is on a picture",
        "The picture's bytes with any or no Content-Type, a form with a file, or JSON. What it is, "
        "its content says: JPEG, PNG, WebP, TIFF, BMP or HEIC of at most "
        f"{DEFAULTS.max_image_pixels:,} pixels. {several}, each item a prediction or the problem "
        "that it met. `Accept: image/jpeg` or `image/png` answers with the picture and the boxes "
        "on it, at most 1280 px.",
        {
            200: {
                "description": "what was found",
                "headers": {
                    **PREDICTION_HEADERS,
                    "X-Detection-Count": {
                        "description": "of an annotated picture",
                        "schema": {"type": "integer"},
                    },
                },
                "content": {
                    "application/json": {
                        "schema": {
                            "oneOf": [
                                ref("Prediction"),
                                {"type": "array", "items": ref("PredictionOrProblem")},
                            ]
                        },
                        "example": PREDICTION,
                    },
                    "image/jpeg": {"schema": {}},
                    "image/png": {"schema": {}},
                },
            },
            **problem_responses(400, 401, 403, 404, 406, 413, 415, 422, *STORAGE_FAULTS),
        },
        parameters=query,
        body={
            "image/*": {"schema": {}},
            "application/octet-stream": {"schema": {}},
            "multipart/form-data": {"schema": form_with(query)},
            "application/json": {"schema": ref("PictureInJson"), "example": {"image": "/9j/4AAQ…"}},
        },
        curl="curl --data-binary @photo.jpg 'URL/v1/detect?score_threshold=0.5'",
    )


def _begin_upload() -> Schema:
    minutes, hours = uploads.URL_LIFETIME_S // 60, uploads.UPLOAD_LIFETIME_S // 3600
    return operation(
        "beginUpload",
        "Detect",
        "Where to put a picture too large for a request",
        f"Answers with a signed URL that takes just this many bytes of this type, for {minutes} "
        "minutes. PUT the picture there with the headers of the answer, then POST its `upload_id` "
        f"to `/v1/detect` within {hours} h. Only the key that began it can use it.",
        {
            201: json_response("where to put it", ref("Upload"), UPLOAD),
            **problem_responses(400, 401, 403, 404, 413, *STORAGE_FAULTS),
        },
        body={
            "application/json": {
                "schema": ref("UploadRequest"),
                "example": {"content_type": "image/jpeg", "bytes": 12345678},
            }
        },
        curl='curl -d \'{"content_type": "image/jpeg", "bytes": 12345678}\' URL/v1/uploads',
    )


def _give_feedback() -> Schema:
    return operation(
        "giveFeedback",
        "Detect",
        "Say what was really there",
        "A corrected count, or corrected boxes, stored beside the prediction log and joined by the "
        f"prediction's id. For {feedback.MAX_AGE_HOURS} hours after the prediction; where several "
        "are given, the latest holds.",
        {
            201: json_response(
                "stored",
                ref("Feedback"),
                {
                    "feedback_id": "0b0d6d4f1b0c4c5f8b1c7a1e2f3a4b5c",
                    "prediction_id": ID,
                    "count": 50,
                    "counts": None,
                },
            ),
            202: json_response(
                "stored, and joined to its prediction later: this deployment keeps predictions "
                "where they cannot be looked for by their id, so a wrong id is not noticed here",
                ref("Feedback"),
            ),
            **problem_responses(400, 401, 403, 404, 413, *STORAGE_FAULTS),
        },
        parameters=[path_parameter("prediction_id", {"type": "string"}, "of an answer")],
        body={
            "application/json": {
                "schema": ref("Correction"),
                "example": {"count": 50, "comment": "two at the edge"},
            }
        },
        curl="curl -d '{\"count\": 50}' URL/v1/predictions/PREDICTION_ID/feedback",
    )


def health(name: str, tag: str, parameters: list[Schema] | None = None) -> Schema:
    """GET /health, or a dialect's own. parameters: of the dialect's path."""
    return operation(
        name,
        tag,
        "Whether the model is loaded and has run",
        "",
        {
            200: json_response("it is", ref("Health")),
            **(problem_responses(404, form="HuggingFaceError") if parameters else {}),
        },
        parameters=parameters,
        is_open=True,
        curl="" if parameters else "curl URL/health",
    )
