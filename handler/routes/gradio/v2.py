"""`POST /api/predict`: Gradio 2's API, as its page and apps made for it speak it.

Inputs are those of the demo that people come from: picture, show labels, show boxes, threshold; an
app sends the picture alone. Outputs are the annotated picture as a PNG, and the count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from handler import base64_codec
from handler.bundle.manifest import Manifest
from handler.detection.detector import Thresholds
from handler.detection.prediction import PredictRequest
from handler.http.request import Request, Response, json_response
from handler.http.route import Route, Routes
from handler.invocation import Invocation
from handler.problems import BadRequest, Problem
from handler.routes.annotated import annotated
from handler.routes.base64_text import decode_base64
from handler.routes.body import parse_json, read_body
from handler.routes.parameters import boolean, number
from handler.routes.predictor import Predictor

# A Space's page adds the plus. The gateway drops the last slash that most clients write.
PATHS = ("/api/predict", "/+/api/predict")
DATA_URI = "data:image/png;base64,"  # clients cut off just this
ZERO_THRESHOLD_MEANS = 0.5  # as in the demo


@dataclass(frozen=True)
class V2Inputs:
    """`data` of a request. labels, boxes: whether they are drawn."""

    image_bytes: bytes
    labels: bool
    boxes: bool
    score: float


def routes(predictor: Predictor) -> Routes:
    def predict(request: Request, invocation: Invocation) -> Response:
        inputs = read_inputs(request, predictor.manifest)
        defaults = predictor.manifest.thresholds
        thresholds = Thresholds(inputs.score, defaults.iou, defaults.max_detections)
        asked = PredictRequest(inputs.image_bytes, thresholds, predictor.default_tiles)
        prediction = predictor.predict(asked, invocation)
        detections = prediction.detections
        drawn = annotated(
            prediction,
            detections,
            "PNG",
            request.max_response_bytes,
            boxes=inputs.boxes,
            labels=inputs.labels,
        )
        seconds = round(invocation.elapsed_ms() / 1000, 4)
        uri = DATA_URI + base64_codec.encode(drawn)
        warnings = {"warnings": list(prediction.warnings)} if prediction.warnings else {}
        return json_response(
            {
                "data": [uri, len(detections)],
                "durations": [seconds],
                "avg_durations": [seconds],
                **warnings,
            }
        )

    return dict.fromkeys(PATHS, Route({"POST": predict}, problem_format, is_recorded=True))


def read_inputs(request: Request, manifest: Manifest) -> V2Inputs:
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
    score = number("threshold", threshold) or ZERO_THRESHOLD_MEANS
    return V2Inputs(decode_base64(data[0], "data[0]"), labels, boxes, score)


def problem_format(problem: Problem, _: str) -> Response:
    return Response(problem.status, "application/json", json.dumps({"error": problem.detail}))
