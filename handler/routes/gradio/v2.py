"""`POST /api/predict` as Gradio 2's page and apps made for it send it in; an annotated PNG out.

The inputs of the demo that people come from: picture, show labels, show boxes, threshold; its
outputs: the picture with boxes, and how many there are. An app sends the picture alone.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import Response

from handler.bundle.manifest import Manifest
from handler.detection.detector import Detector, Thresholds
from handler.detection.predict import predict
from handler.detection.prediction import PredictRequest
from handler.http.gateway import Endpoint, Request, Route, Routes, json_response
from handler.invocation import Invocation
from handler.problems import BadRequest, Problem
from handler.routes.annotated import annotated
from handler.routes.body import decode_base64, parse_json, read_body
from handler.routes.parameters import boolean, number

# A Space's page adds the plus. A last slash, which most clients write, is the gateway's to drop.
PATHS = ("/api/predict", "/+/api/predict")
URI = "data:image/png;base64,"  # clients cut off just this
ZERO_MEANS = 0.5  # so did the demo


@dataclass(frozen=True)
class Inputs:
    """`data` of a request, read."""

    picture: bytes
    labels: bool
    boxes: bool
    score: float


def routes(detector: Detector, *, max_pixels: int) -> Routes:
    return {
        path: Route({"POST": endpoint(path, detector, max_pixels=max_pixels)}, problem_form)
        for path in PATHS
    }


def endpoint(path: str, detector: Detector, *, max_pixels: int) -> Endpoint:
    def detect(request: Request, call: Invocation) -> Response[Any]:
        call.route = path
        inputs = read_inputs(request, detector.manifest)
        defaults = detector.manifest.thresholds
        thresholds = Thresholds(inputs.score, defaults.iou, defaults.max_detections)
        call.request = PredictRequest(inputs.picture, thresholds)
        prediction = call.prediction = predict(
            call.request, detector=detector, max_pixels=max_pixels
        )
        found = prediction.detections
        drawn = annotated(
            prediction, found, "PNG", request.room_bytes, boxes=inputs.boxes, labels=inputs.labels
        )
        seconds = round(call.elapsed_ms() / 1000, 4)
        uri = URI + base64.b64encode(drawn).decode()
        return json_response(
            {"data": [uri, len(found)], "durations": [seconds], "avg_durations": [seconds]}
        )

    return detect


def read_inputs(request: Request, manifest: Manifest) -> Inputs:
    """The body's `data`; what else Gradio's page sends is of no use. Raises BadRequest,
    BodyTooLarge."""
    document = parse_json(read_body(request))
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, list) or len(data) not in (1, 4) or not isinstance(data[0], str):
        raise BadRequest(
            'expected JSON like {"data": ["data:image/png;base64,…"]}, or {"data": [the same, '
            "show labels, show boxes, threshold]}"
        )
    labels, boxes, threshold = data[1:] or (False, True, manifest.thresholds.score)
    labels, boxes = boolean("show labels", labels), boolean("show boxes", boxes)
    score = number("threshold", threshold) or ZERO_MEANS
    return Inputs(decode_base64(data[0], "data[0]"), labels, boxes, score)


def problem_form(problem: Problem, _: str) -> Response[Any]:
    return Response(problem.status, "application/json", json.dumps({"error": problem.detail}))
