"""The document's components: schemas of requests and responses by name, and examples."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

from handler.bundle.manifest import Manifest
from handler.routes import feedback as feedback_route
from handler.routes.gradio.schema import PARAMETERS
from handler.settings import Settings
from handler.storage import uploads
from scripts.generate.openapi.elements import Schema, object_schema, problem_types, ref

DEFAULTS = Settings.from_env({})

ID = "9e0a2c1f-6a2f-4f0e-8f52-0d2f6a8f3f10"
PREDICTION = {
    "prediction_id": ID,
    "model": {"name": "microalgae", "version": "1.1.0"},
    "image": {"width": 1400, "height": 1400, "format": "JPEG", "orientation": 1},
    "count": 1,
    "counts": {"Microalgae": 1},
    "count_interval": {"low": 0, "high": 3, "coverage": 0.9},
    "no_interval": None,
    "detections": [
        {
            "label": "Microalgae",
            "score": 0.8629,
            "box": {"xmin": 983.54, "ymin": 260.09, "xmax": 1058.0, "ymax": 330.17},
        }
    ],
    "thresholds": {"score": 0.52, "iou": 0.5, "max_detections": 300},
    "at_model_thresholds": {
        "score": 0.52,
        "iou": 0.5,
        "count": 1,
        "count_interval": {"low": 0, "high": 3, "coverage": 0.9},
        "no_interval": None,
    },
    "tiles": None,
    "warnings": [],
    "timing_ms": {"decode": 19.5, "inference": 32.3, "total": 66.8},
}
UPLOAD = {
    "upload_id": "3f2b8c9d0e1f4a5b8c7d6e5f4a3b2c1d",
    "method": "PUT",
    "url": "https://BUCKET.s3.REGION.amazonaws.com/uploads/…",
    "headers": {"content-type": "image/jpeg", "content-length": "12345678"},
    "expires_at": "2026-11-24T12:05:00Z",
}


def make_schemas() -> dict[str, Schema]:
    """The components by name."""
    text, number, integer = {"type": "string"}, {"type": "number"}, {"type": "integer"}
    texts = {"type": "array", "items": text}
    warnings_if_any = {**texts, "description": "as of POST /v1/detect, only where there are some"}
    natural = {"type": "integer", "minimum": 0}
    fraction = {"type": "number", "minimum": 0, "maximum": 1}
    base64 = {"type": "string", "description": "a picture as base64, or as a data URI with it"}
    px = {"type": "number", "minimum": 0, "maximum": feedback_route.MAX_PX}
    counts = {"type": "object", "additionalProperties": natural}
    detections = {"type": "array", "items": ref("Detection")}
    hf_parameters = {"threshold": {**fraction, "type": ["number", "null"]}}
    interval = {
        "oneOf": [
            {"type": "null"},
            object_schema({"low": natural, "high": natural, "coverage": fraction}),
        ],
        "description": "where the true count lies in the fraction `coverage` of pictures like "
        "those that it was calibrated on; null where no_interval says why",
    }
    no_interval = {
        "type": ["string", "null"],
        "description": "why there is no count_interval, as a phrase",
    }
    corrected_box = object_schema(dict.fromkeys(feedback_route.CORNERS, px))
    schemas = {
        "Box": object_schema(dict.fromkeys(feedback_route.CORNERS, number),
                             description="px of the upright original"),
        "Detection": object_schema({"label": text, "score": fraction, "box": ref("Box")}),
        "Prediction": object_schema({
            "prediction_id": {"type": "string", "description": "Lambda's request id; of one of "
                              "several pictures with -1, -2 … behind it"},
            "model": object_schema({"name": text, "version": text}),
            "image": object_schema({
                "width": integer, "height": integer, "format": text,
                "orientation": {"type": "integer", "minimum": 1, "maximum": 8, "description":
                                "the file's EXIF orientation, which is applied: 1 for upright"},
            }, description="upright, px"),
            "count": {**natural, "description": "how many detections there are"},
            "counts": {**counts, "description": "the same by label"},
            "count_interval": interval,
            "no_interval": no_interval,
            "detections": {**detections, "description": "best first"},
            "thresholds": object_schema({"score": fraction, "iou": fraction,
                                         "max_detections": integer}),
            "at_model_thresholds": {"oneOf": [
                {"type": "null"}, object_schema({
                    "score": fraction, "iou": fraction, "count": natural,
                    "count_interval": interval, "no_interval": no_interval,
                }),
            ], "description": "what the model's own thresholds give, whichever were asked for; "
                              "null where that is not known, as for another iou_threshold or some "
                              "labels only"},
            "tiles": {"oneOf": [
                {"type": "null"}, object_schema({"columns": integer, "rows": integer}),
            ], "description": "null where the picture was looked at as a whole"},
            "warnings": {**texts, "description": "sentences on what is odd about the picture or "
                         "the model's output: a picture that is almost black, objects smaller than "
                         "those that the model was trained on"},
            "timing_ms": object_schema(dict.fromkeys(("decode", "inference", "total"), number)),
        }),
        "PredictionOrProblem": {"oneOf": [
            ref("Prediction"), object_schema({"prediction_id": text, "problem": ref("Problem")}),
        ]},
        "PictureInJson": {"oneOf": [
            object_schema({"image": base64}),
            object_schema({"images": {"type": "array", "items": base64, "minItems": 1,
                               "maxItems": DEFAULTS.max_pictures}}),
            object_schema({"upload_id": {"type": "string", "description": "of POST /v1/uploads"}}),
            object_schema({"s3_uri": {"type": "string", "pattern": "^s3://", "description":
                               "an object in a bucket that the deployment allows"}}),
        ]},
        "FormWithFiles": {
            "type": "object", "minProperties": 1,
            "additionalProperties": {"type": "string", "contentMediaType": "image/*"},
            "description": "each file is a picture, whatever its field is called; so is a part "
            "with a media type other than a text's or JSON's",
        },
        "UploadRequest": object_schema({
            "content_type": {"enum": list(uploads.CONTENT_TYPES)},
            "bytes": {"type": "integer", "minimum": 1, "description":
                      f"at most {DEFAULTS.max_upload_bytes:,} (MAX_UPLOAD_BYTES)"},
        }),
        "Upload": object_schema({
            "upload_id": text, "method": {"const": "PUT"}, "url": text,
            "headers": {"type": "object", "additionalProperties": text,
                        "description": "signed: send them as they are"},
            "expires_at": {"type": "string", "format": "date-time"},
        }),
        "Correction": object_schema({
            "count": {"type": ["integer", "null"], "minimum": 0,
                      "maximum": feedback_route.MAX_COUNT},
            "detections": {"type": ["array", "null"], "maxItems": feedback_route.MAX_DETECTIONS,
                           "items": {"type": "object", "required": ["label", "box"],
                                     "properties": {"label": text, "box": corrected_box}}},
            "comment": {"type": ["string", "null"], "maxLength": feedback_route.MAX_COMMENT},
        }, required=(), description="count, or detections, or both if they agree"),
        "Feedback": object_schema({
            "feedback_id": text, "prediction_id": text, "count": {"type": ["integer", "null"]},
            "counts": {**counts, "type": ["object", "null"]},
        }),
        "Health": object_schema({"status": {"const": "ok"},
                          "model": object_schema({"name": text, "version": text})}),
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "instance"],
            "properties": {
                "type": {"enum": sorted(f"urn:icebox:problem:{problem_type.kind}"
                                        for problem_type in problem_types()
                                        if hasattr(problem_type, "kind"))},
                "title": text, "status": {"type": "integer", "minimum": 400, "maximum": 599},
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
        "HuggingFaceError": object_schema({"error": text, "error_type": text}),
        "Gradio2Data": {"type": "object", "required": ["data"], "properties": {"data": {
            "type": "array", "minItems": 1, "maxItems": 4, "prefixItems": [
                base64, {"type": "boolean"}, {"type": "boolean"}, fraction]}}},
        "Gradio2Answer": object_schema({
            "data": {"type": "array", "prefixItems": [text, natural], "minItems": 2, "maxItems": 2},
            "durations": {"type": "array", "items": number},
            "avg_durations": {"type": "array", "items": number},
            "warnings": warnings_if_any,
        }, required=("data", "durations", "avg_durations")),
        "Gradio2Error": object_schema({"error": text}),
        "GradioData": {"type": "object", "required": ["data"], "properties": {
            "data": {"type": "array", "minItems": 1, "maxItems": len(PARAMETERS)},
            "session_hash": {"type": ["string", "null"]}}},
        "GradioOutput": {"type": "object", "required": ["data"],
                         "properties": {"data": {"type": "array", "minItems": 3, "maxItems": 3}}},
        "GradioError": object_schema({"detail": text, "error": text}),
        "RoboflowAnswer": object_schema({
            "inference_id": text, "time": {"type": "number", "description": "s"},
            "image": object_schema({"width": integer, "height": integer}),
            "predictions": {"type": "array", "items": object_schema({
                "x": number, "y": number, "width": number, "height": number,
                "confidence": fraction, "class": text, "class_id": natural, "detection_id": text,
            }, description="x and y are the box's centre; px")},
            "warnings": warnings_if_any,
        }, required=("inference_id", "time", "image", "predictions")),
        "RoboflowError": object_schema({"message": text, "error": object_schema({"type": text})}),
    }  # fmt: skip
    schemas["Manifest"] = schema_of(Manifest)
    return schemas


def schema_of(field_type: Any) -> Schema:
    """The schema of a type in the manifest, whose NamedTuples stand in handler.bundle."""
    if hasattr(field_type, "_fields"):
        hints = typing.get_type_hints(field_type)
        return object_schema({name: schema_of(hints[name]) for name in field_type._fields})
    origin, inner = typing.get_origin(field_type), typing.get_args(field_type)
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin is types.UnionType or origin is typing.Union:
        return {"anyOf": [schema_of(each) for each in inner]}
    if origin is tuple:
        return {"type": "array", "items": schema_of(inner[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": schema_of(inner[1])}
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    return {"type": names[field_type]}
