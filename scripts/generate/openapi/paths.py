"""The document's paths: each route's operation, with bounds from the code that holds them."""

from __future__ import annotations

from typing import Any

from handler.detection.tiling import MAX_PER_SIDE
from handler.records import feedback
from handler.routes import detect, roboflow
from handler.routes import feedback as feedback_route
from handler.routes import uploads as upload_route
from handler.routes.gradio import queue
from handler.storage import uploads
from scripts.generate.openapi.parts import (
    PREDICTED,
    Schema,
    answer,
    operation,
    path_parameter,
    predicted,
    query,
    ref,
    refused,
)
from scripts.generate.openapi.schemas import DEFAULTS, ID, PREDICTION, UPLOAD

TILES_PATTERN = f"^(none|auto|[1-{MAX_PER_SIDE}]x[1-{MAX_PER_SIDE}])$"


def paths() -> dict[str, Any]:
    """Path → method → operation; the gateway's `{version:int}` is `{version}` here."""
    return {
        detect.PATH: {"post": _detect()},
        upload_route.PATH: {"post": _begin_upload()},
        feedback_route.PATH: {"post": _give_feedback()},
        "/v1/model": {
            "get": operation(
                "model", "Detect", "What is served",
                "The bundle's manifest: classes, thresholds, where the weights come from and what "
                "they reach.",
                {200: answer("the manifest", ref("Manifest"))},
                curl="curl URL/v1/model",
            )
        },
        "/health": {"get": _health("health", "Detect")},
        **_hugging_face(),
        **_gradio_2(),
        **_gradio(),
        "/{project}/{version}": {"post": _roboflow()},
        **_page(),
    }  # fmt: skip


def _detect() -> Schema:
    most = detect.MAX_DETECTIONS
    several = f"Several are answered by a list; at most {DEFAULTS.max_pictures} (MAX_PICTURES)"
    return operation(
        "detect", "Detect", "Find and count what is on a picture",
        "The picture's bytes with any or no Content-Type, a form with a file, or JSON. What it is, "
        "its content says: JPEG, PNG, WebP, TIFF, BMP or HEIC of at most "
        f"{DEFAULTS.max_image_pixels:,} pixels. {several}, each item a prediction or the problem "
        "that it met. `Accept: image/jpeg` or `image/png` answers with the picture and the boxes "
        "on it, at most 1280 px.",
        {
            200: {
                "description": "what was found",
                "headers": {
                    **PREDICTED,
                    "X-Detection-Count": {
                        "description": "of an annotated picture", "schema": {"type": "integer"},
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
            **refused(400, 401, 403, 404, 406, 413, 415, 422),
        },
        parameters=[
            query("score_threshold", {"type": "number", "minimum": 0, "maximum": 1},
                  "keep detections of at least this score; the model's own by default"),
            query("iou_threshold", {"type": "number", "minimum": 0, "maximum": 1},
                  "of two boxes of a class that overlap more, the better stays"),
            query("max_detections", {"type": "integer", "minimum": 1, "maximum": most},
                  "keep the best so many"),
            query("labels", {"type": "array", "items": {"type": "string"}},
                  "only these in the answer", explode=False),
            query("tiles", {"type": "string", "pattern": TILES_PATTERN,
                            "default": "none"},
                  "look at the picture in overlapping tiles, columns x rows, for small objects in "
                  "a large picture; auto decides by the model's training scale"),
        ],
        body={
            "image/*": {"schema": {}},
            "application/octet-stream": {"schema": {}},
            "multipart/form-data": {"schema": ref("FormWithFiles")},
            "application/json": {"schema": ref("PictureInJson"), "example": {"image": "/9j/4AAQ…"}},
        },
        curl="curl --data-binary @photo.jpg 'URL/v1/detect?score_threshold=0.5'",
    )  # fmt: skip


def _begin_upload() -> Schema:
    minutes, hours = uploads.URL_LIFETIME_S // 60, uploads.UPLOAD_LIFETIME_S // 3600
    return operation(
        "beginUpload", "Detect", "Where to put a picture too large for a request",
        f"Answers with a signed URL that takes just this many bytes of this type, for {minutes} "
        "minutes. PUT the picture there with the headers of the answer, then POST its `upload_id` "
        f"to `/v1/detect` within {hours} h. Only the key that began it can use it.",
        {
            201: answer("where to put it", ref("Upload"), UPLOAD),
            **refused(400, 401, 403, 404, 413),
        },
        body={"application/json": {
            "schema": ref("UploadRequest"),
            "example": {"content_type": "image/jpeg", "bytes": 12345678},
        }},
        curl="curl -d '{\"content_type\": \"image/jpeg\", \"bytes\": 12345678}' URL/v1/uploads",
    )  # fmt: skip


def _give_feedback() -> Schema:
    return operation(
        "giveFeedback", "Detect", "Say what was really there",
        "A corrected count, or corrected boxes, stored beside the prediction log and joined by the "
        f"prediction's id. For {feedback.HOURS} hours after the prediction; where several are "
        "given, the latest holds.",
        {
            201: answer("stored", ref("Feedback"), {
                "feedback_id": "0b0d6d4f1b0c4c5f8b1c7a1e2f3a4b5c", "prediction_id": ID,
                "count": 50, "counts": None,
            }),
            **refused(400, 401, 403, 404, 413),
        },
        parameters=[path_parameter("prediction_id", {"type": "string"}, "of an answer")],
        body={"application/json": {
            "schema": ref("Correction"), "example": {"count": 50, "comment": "two at the edge"},
        }},
        curl="curl -d '{\"count\": 50}' URL/v1/predictions/PREDICTION_ID/feedback",
    )  # fmt: skip


def _health(name: str, tag: str, parameters: list[Schema] | None = None) -> Schema:
    return operation(
        name, tag, "Whether the model is loaded and has run", "",
        {
            200: answer("it is", ref("Health")),
            **(refused(404, form="HuggingFaceError") if parameters else {}),
        },
        parameters=parameters, is_open=True, curl="" if parameters else "curl URL/health",
    )  # fmt: skip


def _hugging_face() -> dict[str, Any]:
    made: dict[str, Any] = {}
    owner = path_parameter("owner", {"type": "string"}, "anybody")
    name = path_parameter("name", {"type": "string"}, "the model's name")
    for path, title, named in (
        ("/hf", "", []), ("/models/{name}", "OfName", [name]),
        ("/models/{owner}/{name}", "OfOwner", [owner, name]),
    ):  # fmt: skip
        made[path] = {
            "post": operation(
                f"objectDetection{title}", "Hugging Face", "Object detection",
                "A picture's bytes, or JSON with `inputs` and `parameters`.",
                {
                    200: predicted("what was found", {"type": "array", "items": ref("Detection")}),
                    **refused(400, 401, 403, 404, 413, 415, 422, form="HuggingFaceError"),
                },
                parameters=named,
                body={
                    "image/*": {"schema": {}},
                    "application/octet-stream": {"schema": {}},
                    "application/json": {"schema": ref("HuggingFaceInputs")},
                },
                curl="" if named else "curl --data-binary @photo.jpg URL/hf",
            )
        }  # fmt: skip
        made[f"{path}/health"] = {
            "get": _health(f"health{title or 'OfHuggingFace'}", "Hugging Face", named)
        }
    return made


def _gradio_2() -> dict[str, Any]:
    return {
        path: {
            "post": operation(
                name, "Gradio 2", "The annotated picture and the count",
                "`data` has the picture alone, or picture, show labels, show boxes and threshold.",
                {
                    200: predicted("a PNG as data URI, and the count", ref("Gradio2Answer")),
                    **refused(400, 401, 403, 413, 415, 422, form="Gradio2Error"),
                },
                body={"application/json": {"schema": ref("Gradio2Data")}},
            )
        }
        for path, name in (("/api/predict", "predict"), ("/+/api/predict", "predictOfSpacesPage"))
    }  # fmt: skip


def _gradio() -> dict[str, Any]:
    """Spoken by libraries, not by hand: told in less detail. Each is 404 without a store."""
    anything = {"type": "object"}
    event = predicted("the event", {"type": "object", "required": ["event_id"], "properties": {
        "event_id": {"type": "string"}}})  # fmt: skip
    stream = {
        "description": "the outcome",
        "content": {"text/event-stream": {"schema": {
            "type": "object", "required": ["data"],
            "properties": {"data": {"type": "string"}, "event": {"type": "string"}},
        }}},
    }  # fmt: skip
    data = {"application/json": {"schema": ref("GradioData")}}
    picture_problems = (400, 401, 403, 404, 413, 415, 422)

    def one(
        method: str, name: str, summary: str, success: Schema, *statuses: int,
        body: Schema | None = None, parameters: list[Schema] | None = None,
    ) -> Schema:  # fmt: skip
        responses = {200: success, **refused(*statuses, form="GradioError")}
        return {
            method: operation(
                name, "Gradio", summary, "", responses, body=body, parameters=parameters
            )
        }

    session = query(
        "session_hash", {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}, "", required=True
    )
    file = [
        path_parameter("file_id", {"type": "string"}, ""),
        path_parameter("name", {"type": "string"}, ""),
    ]
    return {
        queue.CONFIG: one("get", "gradioConfig", "The app as clients want it described",
                           answer("the app", anything), 401, 403, 404),
        queue.INFO: one("get", "gradioInfo", "What /predict takes and gives",
                         answer("its parameters and returns", anything), 401, 403, 404),
        queue.UPLOAD: one("post", "gradioUpload", "Keep a picture's file for a day",
                           answer("its path", {"type": "array", "items": {"type": "string"}}),
                           400, 401, 403, 404, 413,
                           body={"multipart/form-data": {"schema": ref("FormWithFiles")}}),
        queue.JOIN: one("post", "gradioJoin", "Predict; the session's stream tells the outcome",
                         event, 400, 401, 403, 404, 413, body=data),
        queue.DATA: one("get", "gradioData", "The session's outcomes", stream, 400, 401, 403, 404,
                         parameters=[session]),
        queue.RUN: one("post", "gradioRun", "Predict, and answer at once",
                        predicted("the outcome", ref("GradioOutput")), *picture_problems,
                        body=data),
        queue.CALL: one("post", "gradioCall", "Predict; the outcome is fetched by its event",
                         event, 400, 401, 403, 404, 413, body=data),
        queue.CALLED: one("get", "gradioCalled", "The outcome of a call, once", stream,
                           401, 403, 404,
                           parameters=[path_parameter("event_id", {"type": "string"}, "")]),
        queue.FILE: one("get", "gradioFile", "An annotated picture",
                         {"description": "it", "content": {"image/jpeg": {"schema": {}}}},
                         401, 403, 404, parameters=file),
    }  # fmt: skip


def _roboflow() -> Schema:
    per_cent = {"type": "number", "minimum": 0, "maximum": 100}
    return operation(
        "roboflowDetect", "Roboflow", "Centre-based boxes, or the annotated picture",
        "Any project and version. The body is base64 text, a form with a file, or the bytes. Other "
        "parameters of the query only concern Roboflow, and are not read.",
        {
            200: {
                "description": "what was found",
                "headers": PREDICTED,
                "content": {
                    "application/json": {"schema": ref("RoboflowAnswer")},
                    "image/jpeg": {"schema": {}},
                },
            },
            **refused(400, 401, 403, 404, 413, 415, 422, form="RoboflowError"),
        },
        parameters=[
            path_parameter("project", {"type": "string"}, "any"),
            path_parameter("version", {"type": "integer", "minimum": 0}, "any"),
            query("confidence", per_cent, "least score: per cent from 1 up, a share below 1"),
            query("overlap", per_cent, "most IoU of two boxes: per cent from 1 up, a share below"),
            query("classes", {"type": "string"}, "only these, with commas between"),
            query("max_detections",
                  {"type": "integer", "minimum": 1, "maximum": detect.MAX_DETECTIONS}, ""),
            query("format", {"enum": ["json", "image"], "default": "json"}, ""),
            query("labels", {"type": "string"}, "true draws names, too (format=image)"),
            query("stroke", {"type": "integer", "minimum": 1, "maximum": roboflow.MAX_STROKE_PX,
                             "default": 1}, "width of a box's line in px (format=image)"),
        ],
        body={
            "application/x-www-form-urlencoded": {
                "schema": {"type": "string", "contentEncoding": "base64"}
            },
            "text/plain": {"schema": {"type": "string", "contentEncoding": "base64"}},
            "multipart/form-data": {"schema": ref("FormWithFiles")},
            "image/*": {"schema": {}},
        },
        curl="base64 photo.jpg | curl -d @- 'URL/project/1?confidence=40'",
    )  # fmt: skip


def _page() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, name, media in (
        ("/", "page", "text/html"),
        ("/docs", "docs", "text/html"),
        ("/openapi.json", "openapi", "application/json"),
        ("/manifest.webmanifest", "webManifest", "application/manifest+json"),
        ("/icon-192.png", "icon192", "image/png"),
        ("/icon-512.png", "icon512", "image/png"),
    ):
        file = {"description": "the file", "content": {media: {"schema": {}}}}
        known = {"description": "the file is the one of If-None-Match"}
        made[path] = {
            method: operation(
                name + suffix, "Page", summary, "", {200: success, 304: known}, is_open=True
            )
            for method, suffix, summary, success in (
                ("get", "", PAGE_FILES.get(path, "A file of the page"), file),
                ("head", "Headers", "Its headers", file),
            )
        }
    return made


PAGE_FILES = {
    "/": "The web page",
    "/docs": "The API described, to read",
    "/openapi.json": "The API described, for tools",
}
