"""`POST /PROJECT/VERSION` as Roboflow's hosted API (v0) takes it in; its centre-based boxes out.

Any project and version: they name what the client had before, and there is one model here.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from typing import Any

import numpy as np
from aws_lambda_powertools.event_handler import Response

from handler.bundle.manifest import Manifest
from handler.detection.detections import Detections
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import Prediction, PredictRequest
from handler.http.gateway import Request, Route, Routes, json_response
from handler.invocation import Invocation
from handler.problems import BadRequest, Problem
from handler.routes.annotated import annotated
from handler.routes.body import decode_base64, read_body, read_image
from handler.routes.detect import MAX_DETECTIONS
from handler.routes.parameters import integer, number

PATH = "/{project}/{version:int}"
MAX_STROKE_PX = 20
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/=\r\n").encode())


@dataclass(frozen=True)
class Options:
    """What the query asks for. class_ids: of the classes to answer with."""

    thresholds: Thresholds
    class_ids: tuple[int, ...]
    format: str
    labels: bool
    line_px: int


def routes(detector: Detector, *, max_pixels: int) -> Routes:
    def detect(request: Request, call: Invocation) -> Response[Any]:
        call.route = PATH
        options = read_options(request, detector.manifest)
        call.request = PredictRequest(read_roboflow_picture(request), options.thresholds)
        prediction = call.prediction = predict(
            call.request, detector=detector, max_pixels=max_pixels
        )
        found = prediction.detections
        shown = found.select(np.isin(found.class_ids, options.class_ids))
        if options.format == "json":
            return json_response(_answer(call, prediction, shown))
        drawn = annotated(
            prediction,
            shown,
            "JPEG",
            request.room_bytes,
            labels=options.labels,
            line_px=options.line_px,
        )
        return Response(200, "image/jpeg", drawn)

    return {PATH: Route({"POST": detect}, problem_form)}


def read_options(request: Request, manifest: Manifest) -> Options:
    """The query's parameters; those unknown here only concern Roboflow. Raises BadRequest."""
    query = dict(request.query)
    if "image" in query:
        raise BadRequest(
            "pictures are not fetched from URLs; send the picture itself, in base64 or as a form"
        )
    kind = query.get("format") or "json"
    if kind not in ("json", "image"):
        raise BadRequest(f"format must be json or image, not {kind[:40]!r}")
    defaults, classes = manifest.thresholds, list(manifest.classes)
    named = [name.strip() for name in query.get("classes", "").split(",") if name.strip()]
    for name in named:
        if name not in classes:
            raise BadRequest(f"unknown class {name!r}; the model knows {', '.join(classes)[:500]}")
    most = max(defaults.max_detections, MAX_DETECTIONS)
    return Options(
        thresholds=Thresholds(
            score=_per_cent(query, "confidence", defaults.score),
            iou=_per_cent(query, "overlap", defaults.iou),
            max_detections=integer(
                "max_detections", query.get("max_detections") or defaults.max_detections, most=most
            ),
        ),
        class_ids=tuple(map(classes.index, named)) or tuple(range(len(classes))),
        format=kind,
        labels=query.get("labels", "").lower() in ("true", "on", "1", "yes"),
        line_px=integer("stroke", query.get("stroke") or 1, most=MAX_STROKE_PX),
    )


def read_roboflow_picture(request: Request) -> bytes:
    """The body: base64 text, a form with a file, or the bytes. Raises BadRequest, BodyTooLarge,
    TooManyPictures."""
    body = read_body(request)
    # A picture and a form have bytes that base64 has not; the label, that of a form, says nothing.
    if body.startswith(b"data:") or _BASE64.issuperset(body[:256]):
        return decode_base64(body.decode(errors="replace"), "the body")
    return read_image(request)


def problem_form(problem: Problem, _: str) -> Response[Any]:
    body = json.dumps({"message": problem.detail, "error": {"type": problem.type}})
    return Response(problem.status, "application/json", body)


def _answer(call: Invocation, prediction: Prediction, shown: Detections) -> dict[str, Any]:
    boxes = shown.boxes.astype(float)
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2).round(2).tolist()
    sizes = (boxes[:, 2:] - boxes[:, :2]).round(2).tolist()
    scores = shown.scores.astype(float).round(4).tolist()
    call.total_ms = call.elapsed_ms()
    return {
        "inference_id": call.id,
        "time": round(call.total_ms / 1000, 4),
        "image": {"width": prediction.picture.width, "height": prediction.picture.height},
        "predictions": [
            {
                "x": x,
                "y": y,
                "width": width,
                "height": height,
                "confidence": score,
                "class": prediction.classes[class_id],
                "class_id": class_id,
                "detection_id": f"{call.id}-{i}",
            }
            for i, ((x, y), (width, height), score, class_id) in enumerate(
                zip(centres, sizes, scores, shown.class_ids.tolist(), strict=True)
            )
        ],
    }


def _per_cent(query: dict[str, str], name: str, default: float) -> float:
    """As their server reads it: per cent from 1 up, a share below, which inference_sdk sends."""
    if not query.get(name):
        return default
    value = number(name, query[name], most=100)
    return value / 100 if value >= 1 else value
