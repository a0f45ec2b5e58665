"""The function's routes, limits and problems in; their OpenAPI 3.1 document out, and its page.

    python -m scripts.local.openapi

writes handler/web/openapi.json and handler/web/docs.html, which the function serves as they are.
Bounds come from the code that holds them. What depends on the model stays out (its name, classes,
thresholds: GET /v1/model tells), so that the document is the same for every bundle.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Mapping
from typing import Any

from handler import feedback, gateway, problems, uploads
from handler.bundle import Manifest
from handler.problems import Problem
from handler.routes import feedback as feedback_route
from handler.routes import gradio, native, roboflow
from handler.routes import uploads as upload_route
from handler.settings import Settings
from handler.tiles import MOST
from scripts.local import openapi_page
from scripts.local.invoke import ROOT

DOCUMENT = ROOT / "handler" / "web" / "openapi.json"
PAGE = ROOT / "handler" / "web" / "docs.html"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
DEFAULTS = Settings.from_env({})

Schema = dict[str, Any]


def document() -> dict[str, Any]:
    """The OpenAPI document, as JSON values."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Icebox",
            "version": version,
            "summary": "An object detector behind one HTTPS call.",
            "description": (
                "A picture goes in, boxes and a count come out. Boxes are in pixels of the upright "
                "original (EXIF's orientation applied). Where the deployment has keys, all but the "
                "page, `/health` and this document ask for one. A body has at most "
                f"{DEFAULTS.max_body_bytes:,} bytes here, and about 4.5 MB of picture pass API "
                "Gateway and Lambda; larger pictures go by `POST /v1/uploads`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{}, {"bearer": []}, {"key": []}, {"keyInQuery": []}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths(),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "keyInQuery": {
                    "type": "apiKey", "in": "query", "name": "api_key",
                    "description": "for clients that can change nothing but their URL",
                },
            },
            "schemas": schemas(),
        },
    }  # fmt: skip


# of an answer that is one prediction, in any dialect
PREDICTED = {
    gateway.PREDICTION_ID: {
        "description": "what feedback on it is given by", "schema": {"type": "string"}
    }
}  # fmt: skip
TAGS = {
    "Detect": "The API of its own.",
    "Hugging Face": "As `huggingface_hub` and `@huggingface/inference` speak; PATH is their model.",
    "Gradio 2": "As Gradio 2's page spoke, and apps made for it do.",
    "Gradio": "As `gradio_client` and `@gradio/client` speak today. Needs GRADIO_STORE.",
    "Roboflow": "As Roboflow's hosted API (v0) is spoken to.",
    "Page": "The web page, and this document.",
}


# Paths


def paths() -> dict[str, Any]:
    """Path → method → operation; the gateway's `{version:int}` is `{version}` here."""
    return {
        native.PATH: {"post": _detect()},
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
    most = native.MAX_DETECTIONS
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
            query("tiles", {"type": "string", "pattern": f"^(none|auto|[1-{MOST}]x[1-{MOST}])$",
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
    minutes, hours = uploads.PUT_WITHIN_S // 60, uploads.USABLE_S // 3600
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
        gradio.CONFIG: one("get", "gradioConfig", "The app as clients want it described",
                           answer("the app", anything), 401, 403, 404),
        gradio.INFO: one("get", "gradioInfo", "What /predict takes and gives",
                         answer("its parameters and returns", anything), 401, 403, 404),
        gradio.UPLOAD: one("post", "gradioUpload", "Keep a picture's file for a day",
                           answer("its path", {"type": "array", "items": {"type": "string"}}),
                           400, 401, 403, 404, 413,
                           body={"multipart/form-data": {"schema": ref("FormWithFiles")}}),
        gradio.JOIN: one("post", "gradioJoin", "Predict; the session's stream tells the outcome",
                         event, 400, 401, 403, 404, 413, body=data),
        gradio.DATA: one("get", "gradioData", "The session's outcomes", stream, 400, 401, 403, 404,
                         parameters=[session]),
        gradio.RUN: one("post", "gradioRun", "Predict, and answer at once",
                        predicted("the outcome", ref("GradioOutput")), *picture_problems,
                        body=data),
        gradio.CALL: one("post", "gradioCall", "Predict; the outcome is fetched by its event",
                         event, 400, 401, 403, 404, 413, body=data),
        gradio.CALLED: one("get", "gradioCalled", "The outcome of a call, once", stream,
                           401, 403, 404,
                           parameters=[path_parameter("event_id", {"type": "string"}, "")]),
        gradio.FILE: one("get", "gradioFile", "An annotated picture",
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
                  {"type": "integer", "minimum": 1, "maximum": native.MAX_DETECTIONS}, ""),
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


# What operations are made of


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


# Schemas

ID = "9e0a2c1f-6a2f-4f0e-8f52-0d2f6a8f3f10"
PREDICTION = {
    "prediction_id": ID,
    "model": {"name": "microalgae", "version": "1.0.0"},
    "image": {"width": 1400, "height": 1400, "format": "JPEG"},
    "count": 1,
    "counts": {"Microalgae": 1},
    "count_interval": {"low": 0, "high": 3, "coverage": 0.9},
    "detections": [
        {
            "label": "Microalgae",
            "score": 0.8629,
            "box": {"xmin": 983.54, "ymin": 260.09, "xmax": 1058.0, "ymax": 330.17},
        }
    ],
    "thresholds": {"score": 0.32, "iou": 0.5, "max_detections": 300},
    "tiles": None,
    "timing_ms": {"decode": 19.5, "inference": 32.3, "total": 66.8},
}
UPLOAD = {
    "upload_id": "3f2b8c9d0e1f4a5b8c7d6e5f4a3b2c1d",
    "method": "PUT",
    "url": "https://BUCKET.s3.REGION.amazonaws.com/uploads/…",
    "headers": {"content-type": "image/jpeg", "content-length": "12345678"},
    "expires_at": "2026-11-24T12:05:00Z",
}


def schemas() -> dict[str, Schema]:
    """The components by name."""
    text, number, whole = {"type": "string"}, {"type": "number"}, {"type": "integer"}
    natural = {"type": "integer", "minimum": 0}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    base64 = {"type": "string", "description": "a picture as base64, or as a data URI with it"}
    px = {"type": "number", "minimum": 0, "maximum": feedback_route.MAX_PX}
    counts = {"type": "object", "additionalProperties": natural}
    list_of = {"type": "array", "items": ref("Detection")}
    hf_parameters = {"threshold": {**share, "type": ["number", "null"]}}
    corrected_box = closed(dict.fromkeys(feedback_route.CORNERS, px))
    made = {
        "Box": closed(dict.fromkeys(feedback_route.CORNERS, number),
                      description="px of the upright original"),
        "Detection": closed({"label": text, "score": share, "box": ref("Box")}),
        "Prediction": closed({
            "prediction_id": {"type": "string", "description": "Lambda's request id; of one of "
                              "several pictures with -1, -2 … behind it"},
            "model": closed({"name": text, "version": text}),
            "image": closed({"width": whole, "height": whole, "format": text},
                            description="upright, px"),
            "count": {**natural, "description": "how many detections there are"},
            "counts": {**counts, "description": "the same by label"},
            "count_interval": {"oneOf": [
                {"type": "null"},
                closed({"low": natural, "high": natural, "coverage": share}),
            ], "description": "where the true count lies; null where the model is not calibrated "
                              "for what was asked"},
            "detections": {**list_of, "description": "best first"},
            "thresholds": closed({"score": share, "iou": share, "max_detections": whole}),
            "tiles": {"oneOf": [{"type": "null"}, closed({"columns": whole, "rows": whole})],
                      "description": "null where the picture was looked at as a whole"},
            "timing_ms": closed(dict.fromkeys(("decode", "inference", "total"), number)),
        }),
        "PredictionOrProblem": {"oneOf": [
            ref("Prediction"), closed({"prediction_id": text, "problem": ref("Problem")}),
        ]},
        "PictureInJson": {"oneOf": [
            closed({"image": base64}),
            closed({"images": {"type": "array", "items": base64, "minItems": 1,
                               "maxItems": DEFAULTS.max_pictures}}),
            closed({"upload_id": {"type": "string", "description": "of POST /v1/uploads"}}),
            closed({"s3_uri": {"type": "string", "pattern": "^s3://", "description":
                               "an object in a bucket that the deployment allows"}}),
        ]},
        "FormWithFiles": {
            "type": "object", "minProperties": 1,
            "additionalProperties": {"type": "string", "contentMediaType": "image/*"},
            "description": "each file is a picture, whatever its field is called",
        },
        "UploadRequest": closed({
            "content_type": {"enum": list(uploads.MEDIA)},
            "bytes": {"type": "integer", "minimum": 1, "description":
                      f"at most {DEFAULTS.max_upload_bytes:,} (MAX_UPLOAD_BYTES)"},
        }),
        "Upload": closed({
            "upload_id": text, "method": {"const": "PUT"}, "url": text,
            "headers": {"type": "object", "additionalProperties": text,
                        "description": "signed: send them as they are"},
            "expires_at": {"type": "string", "format": "date-time"},
        }),
        "Correction": closed({
            "count": {"type": ["integer", "null"], "minimum": 0,
                      "maximum": feedback_route.MAX_COUNT},
            "detections": {"type": ["array", "null"], "maxItems": feedback_route.MAX_DETECTIONS,
                           "items": {"type": "object", "required": ["label", "box"],
                                     "properties": {"label": text, "box": corrected_box}}},
            "comment": {"type": ["string", "null"], "maxLength": feedback_route.MAX_COMMENT},
        }, required=(), description="count, or detections, or both if they agree"),
        "Feedback": closed({
            "feedback_id": text, "prediction_id": text, "count": {"type": ["integer", "null"]},
            "counts": {**counts, "type": ["object", "null"]},
        }),
        "Health": closed({"status": {"const": "ok"},
                          "model": closed({"name": text, "version": text})}),
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "instance"],
            "properties": {
                "type": {"enum": sorted(f"urn:icebox:problem:{each.kind}" for each in kinds()
                                        if hasattr(each, "kind"))},
                "title": text, "status": {"type": "integer", "minimum": 400, "maximum": 499},
                "detail": {"type": "string", "description": "what was expected and what came"},
                "instance": {"type": "string", "description": "names the request"},
            },
            "description": "RFC 9457's form",
        },
        "HuggingFaceInputs": {
            "type": "object", "required": ["inputs"], "properties": {
                "inputs": base64,
                "parameters": {"type": ["object", "null"], "properties": hf_parameters,
                               "additionalProperties": False},
            },
        },
        "HuggingFaceError": closed({"error": text, "error_type": text}),
        "Gradio2Data": {"type": "object", "required": ["data"], "properties": {"data": {
            "type": "array", "minItems": 1, "maxItems": 4, "prefixItems": [
                base64, {"type": "boolean"}, {"type": "boolean"}, share]}}},
        "Gradio2Answer": closed({
            "data": {"type": "array", "prefixItems": [text, natural], "minItems": 2, "maxItems": 2},
            "durations": {"type": "array", "items": number},
            "avg_durations": {"type": "array", "items": number},
        }),
        "Gradio2Error": closed({"error": text}),
        "GradioData": {"type": "object", "required": ["data"], "properties": {
            "data": {"type": "array", "minItems": 1, "maxItems": len(gradio.PARAMETERS)},
            "session_hash": {"type": ["string", "null"]}}},
        "GradioOutput": {"type": "object", "required": ["data"],
                         "properties": {"data": {"type": "array", "minItems": 3, "maxItems": 3}}},
        "GradioError": closed({"detail": text, "error": text}),
        "RoboflowAnswer": closed({
            "inference_id": text, "time": {"type": "number", "description": "s"},
            "image": closed({"width": whole, "height": whole}),
            "predictions": {"type": "array", "items": closed({
                "x": number, "y": number, "width": number, "height": number,
                "confidence": share, "class": text, "class_id": natural, "detection_id": text,
            }, description="x and y are the box's centre; px")},
        }),
        "RoboflowError": closed({"message": text, "error": closed({"type": text})}),
    }  # fmt: skip
    made["Manifest"] = of_type(Manifest)
    return made


def closed(
    properties: Mapping[str, Schema],
    *,
    required: typing.Sequence[str] | None = None,
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


def of_type(kind: Any) -> Schema:
    """A manifest field's type as a schema: the dataclasses of handler.bundle are its source."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return closed({each.name: of_type(hints[each.name]) for each in dataclasses.fields(kind)})
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin is types.UnionType or origin is typing.Union:
        return {"anyOf": [of_type(each) for each in inner]}
    if origin is tuple:
        return {"type": "array", "items": of_type(inner[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": of_type(inner[1])}
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    return {"type": names[kind]}


def files() -> dict[Any, str]:
    """Path → text of what the function serves."""
    made = document()
    return {
        DOCUMENT: json.dumps(made, indent=1, ensure_ascii=False) + "\n",
        PAGE: openapi_page.page(made),
    }


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}  {len(content.encode()):,} bytes")
